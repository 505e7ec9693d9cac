"""Work for later: a few threads, and one that hands them tasks when the phones' clock says so."""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sandbox.clock import SandboxClock

THREADS = 8
# The clock may be moved by a test, so no wait relies on it for longer than this.
WAIT_S_MAX = 5.0

Task = Callable[[], None]


class Agenda:
    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sandbox")
        self._later: list[tuple[float, int, Task]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        clock.on_change(self._wake)
        threading.Thread(target=self._run, name="agenda", daemon=True).start()

    def soon(self, task: Task) -> None:
        if not self._closed:
            self._pool.submit(_shielded, task)

    def at(self, due_s: float, task: Task) -> None:
        """Run the task once the phones' clock has reached `due_s`."""
        with self._changed:
            heapq.heappush(self._later, (due_s, next(self._numbers), task))
            self._changed.notify_all()

    def close(self) -> None:
        self._closed = True
        self._wake()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._closed:
            with self._changed:
                while self._later and self._later[0][0] <= self._clock.now_s():
                    self.soon(heapq.heappop(self._later)[2])
                left = self._later[0][0] - self._clock.now_s() if self._later else WAIT_S_MAX
                self._changed.wait(min(max(left, 0.01), WAIT_S_MAX))


def _shielded(task: Task) -> None:
    # The one broad catch of these threads: a fault in one task must not silence a phone.
    try:
        task()
    except Exception:
        traceback.print_exc(file=sys.stderr)
