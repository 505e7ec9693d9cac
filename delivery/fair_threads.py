"""A few threads for many owners: whoever hangs keeps its own share busy and nobody else's.

Rules:
- owners take turns; one has at most half of the threads, and a single one while its last job was
  slow;
- jobs of one owner begin in the order they were added;
- a job tells its own end; what it raises is logged and goes no further.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from common.clock import Clock

SLOW_S: Final = 1.0

_log = logging.getLogger("regulars.delivery")
_Job = Callable[[], None]


class FairThreads:
    """The threads; safe to add to from any other."""

    def __init__(self, count: int, *, name: str, clock: Clock) -> None:
        self._share = max(1, count // 2)
        self._clock = clock
        self._news = threading.Condition()
        # In the order of their turns: who was served last stands last.
        self._waiting: dict[int, deque[_Job]] = {}
        self._running: Counter[int] = Counter()
        self._slow: set[int] = set()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, owner: int, job: _Job) -> None:
        """Run `job` when it is the owner's turn."""
        with self._news:
            self._waiting.setdefault(owner, deque()).append(job)
            self._news.notify()

    def close(self, *, wait_s: float) -> None:
        """Begin nothing more; wait a little for what runs."""
        with self._news:
            self._closed = True
            self._waiting.clear()
            self._news.notify_all()
        end_s = self._clock.monotonic_s() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, end_s - self._clock.monotonic_s()))

    def _work(self) -> None:
        while True:
            with self._news:
                while (found := self._next()) is None:
                    if self._closed:
                        return
                    self._news.wait()
                owner, job = found
                self._running[owner] += 1
            began_s = self._clock.monotonic_s()
            try:
                job()
            except Exception:  # noqa: BLE001 - the thread must live
                _log.exception("delivery.job_failed")
            with self._news:
                self._note(owner, slow=self._clock.monotonic_s() - began_s > SLOW_S)

    def _note(self, owner: int, *, slow: bool) -> None:
        self._running[owner] -= 1
        if not self._running[owner]:
            del self._running[owner]
        if slow:
            self._slow.add(owner)
        else:
            self._slow.discard(owner)
        self._news.notify_all()

    def _next(self) -> tuple[int, _Job] | None:
        for owner, jobs in self._waiting.items():
            if self._running[owner] < (1 if owner in self._slow else self._share):
                job = jobs.popleft()
                del self._waiting[owner]
                if jobs:
                    self._waiting[owner] = jobs
                return owner, job
        return None
