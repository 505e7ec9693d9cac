"""When to try again: full jitter, capped, for days. Pure; the randomness comes from outside.

Rules: a wait is drawn evenly from zero to a bound that doubles from `FIRST_S` to `CAP_S`, so that
many rows never come back together; what the provider asked for (Retry-After) wins over the draw,
up to `RETRY_AFTER_MAX_S`; after `tries_max` failures a row is parked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

FIRST_S: Final = 2.0
CAP_S: Final = 15 * 60.0
RETRY_AFTER_MAX_S: Final = 3600.0
# About two days with full jitter: half of 15 minutes for each try past the tenth.
TRIES_MAX: Final = 400
_DOUBLINGS_MAX: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """Try again at `due_at`, or park (`due_at` None)."""

    due_at: datetime | None

    @property
    def parks(self) -> bool:
        return self.due_at is None


def bound_s(attempts: int) -> float:
    """The longest wait after this many failures."""
    return min(CAP_S, FIRST_S * 2.0 ** min(max(attempts, 0), _DOUBLINGS_MAX))


def decide(
    *,
    now: datetime,
    attempts: int,
    draw: Callable[[], float],
    retry_after_s: float | None = None,
    tries_max: int = TRIES_MAX,
) -> RetryDecision:
    """When to try again after one more failure.

    Args:
        now: aware.
        attempts: failures before this one.
        draw: an even number from 0 to 1, 1 excluded.
        retry_after_s: what the provider asked for.
        tries_max: failures after which the row is parked.
    """
    if attempts + 1 >= tries_max:
        return RetryDecision(due_at=None)
    wait_s = draw() * bound_s(attempts)
    if retry_after_s is not None:
        # A little more than asked, each row its own: they must not come back as one.
        asked = min(max(retry_after_s, 0.0), RETRY_AFTER_MAX_S)
        wait_s = asked + draw() * min(asked, FIRST_S)
    return RetryDecision(due_at=now + timedelta(seconds=wait_s))


def read_retry_after(text: str | None) -> float | None:
    """Retry-After in seconds; dates and nonsense count as not given."""
    if text is None or not text.strip().isascii():
        return None
    digits = text.strip()
    return float(digits[:9]) if digits.isdigit() else None
