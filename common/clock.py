"""Time, given from outside so that a test can hold it still. Nothing else reads the wall clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC, to the microsecond."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told; for tests and rehearsals."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic_s(self) -> float:
        return self._elapsed_s

    def advance(self, **parts: float) -> None:
        """Move by a timedelta's parts, back too; `monotonic_s` follows only forward."""
        step = timedelta(**parts)
        self._now += step
        self._elapsed_s += max(0.0, step.total_seconds())


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(moment: datetime) -> int:
    """Whole microseconds since 1970 of an aware moment, exact (no float in between)."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place on the time line")
    step = moment - EPOCH
    return (step.days * 86_400 + step.seconds) * 1_000_000 + step.microseconds


def from_micros(micros: int) -> datetime:
    """The aware UTC moment of `to_micros`."""
    return EPOCH + timedelta(microseconds=micros)
