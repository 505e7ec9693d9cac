"""Ids of rows: 63-bit integers that grow with time, made here and not by the database.

An id is 41 bits of milliseconds since 2025 and 22 bits that start at random in each millisecond
and count up. Time order keeps B-trees dense; ids made before the insert let a whole operation be
built as values; no sequence has to travel with a backup. Two processes can draw the same id in
the same millisecond with a chance of about one in four million: the primary key refuses it and
the unit of work runs the use case again.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_EPOCH_MS: Final = 1_735_689_600_000  # 2025-01-01T00:00:00Z
_LOW_BITS: Final = 22
_LOW_MAX: Final = 1 << _LOW_BITS
# Half the room is left for counting up inside one millisecond.
_START_MAX: Final = _LOW_MAX // 2


def _now_ms() -> int:
    return time.time_ns() // 1_000_000 - _EPOCH_MS


class IdSource:
    """Draws ids; one per process, safe for threads.

    `now_ms` tells milliseconds since 2025, `draw` a number from 0 to its argument, excluded.
    """

    def __init__(
        self,
        *,
        now_ms: Callable[[], int] = _now_ms,
        draw: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._now_ms = now_ms
        self._draw = draw
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        """A new id, greater than every id this source has given."""
        with self._lock:
            fresh = (self._now_ms() << _LOW_BITS) | self._draw(_START_MAX)
            same_ms = fresh >> _LOW_BITS <= self._last >> _LOW_BITS
            self._last = self._last + 1 if same_ms else fresh
            return self._last


_source = IdSource()


def new_id() -> int:
    """A new row id from the process-wide source."""
    return _source.next()


@contextmanager
def drawing_from(source: IdSource) -> Iterator[None]:
    """Let `source` give this process's ids in a block: a rehearsal that must run twice alike."""
    global _source  # noqa: PLW0603 - the one source of the process, and only for a block
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
