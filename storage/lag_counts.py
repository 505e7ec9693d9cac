"""How long changes took to reach phones: counts per hour, from which percentiles are read.

Two steps are measured from the commit of a change: `told` (the push or the request was accepted)
and `fetched` (the phone has the card). Exact times are not kept: a count per bound and hour stays
small however many cards there are. Not here: what waits right now (lagging.py).
Rules:
- scans and mass changes are counted apart, for a mass change takes its time on purpose;
- the first sending to a new target is no change and is not counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import func
from sqlalchemy.dialects import postgresql, sqlite

from storage.deliveries import MASS
from storage.lagging import Channel
from storage.scope import Scope
from storage.tables import lag_count

BOUNDS_MS: Final = (
    *(10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000),
    *(60_000, 120_000, 300_000, 900_000, 3_600_000, 14_400_000, 86_400_000, 604_800_000),
)
"""Upper ends; what took longer counts under the last."""
SHARDS: Final = 8
KEPT_FOR: Final = timedelta(days=30)


class LagStep(StrEnum):
    """How far a change has come."""

    TOLD = "told"
    FETCHED = "fetched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """One measured change. `shard` is any number; equal ones share a row."""

    merchant_id: int
    channel: Channel
    step: LagStep
    priority: int
    took: timedelta
    shard: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LagLine:
    """Percentiles of one channel and step in milliseconds; `mass` tells mass changes from scans."""

    channel: Channel
    step: LagStep
    mass: bool
    count: int
    p50_ms: int
    p95_ms: int
    p99_ms: int


def add_lags(scope: Scope, lags: Iterable[Lag]) -> None:
    """Count these."""
    now = scope.clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    counts = Counter(
        (one.merchant_id, one.channel, one.step, one.priority, bound_of(one.took), one.shard)
        for one in lags
    )
    # In one order, so that two workers never wait for each other crosswise.
    for key, count in sorted(counts.items()):
        merchant_id, channel, step, priority, bound_ms, shard = key
        insert: Any = sqlite.insert if _is_sqlite(scope) else postgresql.insert
        statement = insert(lag_count).values(
            merchant_id=merchant_id,
            channel=str(channel),
            step=str(step),
            priority=priority,
            hour=hour,
            bound_ms=bound_ms,
            shard=shard % SHARDS,
            count=count,
        )
        scope.execute(
            statement.on_conflict_do_update(
                index_elements=list(lag_count.primary_key.columns),
                set_={"count": lag_count.c.count + statement.excluded.count},
            )
        )


def lag_lines(scope: Scope, *, since: datetime) -> list[LagLine]:
    """The merchant's percentiles of everything counted since the hour of `since`."""
    rows = scope.execute(
        scope.select(
            lag_count,
            lag_count.c.channel,
            lag_count.c.step,
            lag_count.c.priority,
            lag_count.c.bound_ms,
            func.sum(lag_count.c.count).label("total"),
        )
        .where(lag_count.c.hour >= since.replace(minute=0, second=0, microsecond=0))
        .group_by(lag_count.c.channel, lag_count.c.step, lag_count.c.priority, lag_count.c.bound_ms)
    )
    found: dict[tuple[str, str, bool], Counter[int]] = defaultdict(Counter)
    for row in rows:
        found[row.channel, row.step, row.priority >= MASS][row.bound_ms] += int(row.total)
    return [
        LagLine(
            channel=Channel(channel),
            step=LagStep(step),
            mass=mass,
            count=counts.total(),
            p50_ms=percentile(counts, 0.50),
            p95_ms=percentile(counts, 0.95),
            p99_ms=percentile(counts, 0.99),
        )
        for (channel, step, mass), counts in sorted(found.items())
    ]


def drop_old(scope: Scope) -> int:
    """Forget counts older than `KEPT_FOR`; returns how many rows went."""
    before = scope.clock.now() - KEPT_FOR
    return int(scope.execute(lag_count.delete().where(lag_count.c.hour < before)).rowcount)


def bound_of(took: timedelta) -> int:
    """The bound a time counts under; a clock that went back counts as no time at all."""
    took_ms = took // timedelta(milliseconds=1)
    return next((bound for bound in BOUNDS_MS if took_ms <= bound), BOUNDS_MS[-1])


def percentile(counts: Mapping[int, int], share: float) -> int:
    """Milliseconds that `share` of all took at most, read evenly between two bounds."""
    total = sum(counts.values())
    wanted, seen = share * total, 0
    for bound in sorted(counts):
        if seen + counts[bound] >= wanted:
            lower = max((one for one in BOUNDS_MS if one < bound), default=0)
            return round(lower + (bound - lower) * (wanted - seen) / counts[bound])
        seen += counts[bound]
    return 0


def _is_sqlite(scope: Scope) -> bool:
    return bool(scope.connection.dialect.name == "sqlite")
