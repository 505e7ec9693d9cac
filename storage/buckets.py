"""Token buckets in SQL, shared by every process: how often something may be tried.

Not done here: which purposes have a bucket and how large it is (loyalty/limits.py, delivery).

Rules:
- Whole thousandths of a token, so both engines count alike; a bucket starts full.
- A refusal writes nothing: what refilled is counted from the last time something was taken, so
  hammering a bucket with a slow refill cannot round the refill away.
- A clock that jumped ahead and came back freezes nobody: time ahead of now counts as now.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import case, delete, select, update

from common.clock import to_micros
from storage.scope import Scope
from storage.tables import rate_bucket

MILLI: Final = 1000


class Buckets:
    """Buckets by name: `purpose|subject`."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def take(self, name: str, *, capacity: int, refill_per_s: float, cost: int = 1) -> float:
        """Take `cost` tokens, or say how long to wait.

        Args:
            name: `purpose|subject`, for example `sign-in|203.0.113.9`.
            capacity: tokens of a full bucket; at least `cost`.
            refill_per_s: tokens that come back each second; above zero.
            cost: tokens to take; at least one.

        Returns:
            0.0 when they were taken, else the seconds until they would be there.
        """
        if not (1 <= cost <= capacity and refill_per_s > 0):
            raise ValueError("a bucket needs 1 <= cost <= capacity and a refill above zero")
        now = self._scope.clock.now()
        held, since = self._held(name, capacity=capacity, now=now)
        held, since = _refilled(
            held, since, now=now, capacity_milli=capacity * MILLI, refill_per_s=refill_per_s
        )
        short = cost * MILLI - held
        if short > 0:
            missing_us = short * 1000 / refill_per_s - (to_micros(now) - to_micros(since))
            return max(missing_us, 1000) / 1_000_000
        self._scope.execute(
            update(rate_bucket)
            .where(rate_bucket.c.name == name)
            .values(tokens_milli=held - cost * MILLI, refilled_at=since)
        )
        return 0.0

    def put_back(self, name: str, *, capacity: int, cost: int = 1) -> None:
        """Return what a try took that turned out to be right, up to a full bucket."""
        row = rate_bucket.c.tokens_milli
        full = capacity * MILLI
        more = row + cost * MILLI
        self._scope.execute(
            update(rate_bucket)
            .where(rate_bucket.c.name == name)
            .values(tokens_milli=case((more < full, more), else_=full))
        )

    def drop_idle(self, before: datetime) -> int:
        """Forget buckets nobody took from since `before`; returns how many."""
        idle = delete(rate_bucket).where(rate_bucket.c.refilled_at < before)
        return int(self._scope.execute(idle).rowcount)

    def _held(self, name: str, *, capacity: int, now: datetime) -> tuple[int, datetime]:
        """The bucket's tokens and time, its row locked until the transaction ends."""
        fresh = self._scope.insert_new(
            rate_bucket, name=name, tokens_milli=capacity * MILLI, refilled_at=now
        )
        if fresh:
            return capacity * MILLI, now
        row = self._scope.execute(
            select(rate_bucket.c.tokens_milli, rate_bucket.c.refilled_at)
            .where(rate_bucket.c.name == name)
            .with_for_update()
        ).one()
        return row.tokens_milli, row.refilled_at


def _refilled(
    held: int, since: datetime, *, now: datetime, capacity_milli: int, refill_per_s: float
) -> tuple[int, datetime]:
    """Tokens at `now`, and the moment up to which the refill is counted."""
    since = min(since, now)
    gained = int((to_micros(now) - to_micros(since)) * refill_per_s / 1000)
    if held + gained >= capacity_milli:
        return capacity_milli, now
    return held + gained, since + timedelta(microseconds=math.ceil(gained * 1000 / refill_per_s))
