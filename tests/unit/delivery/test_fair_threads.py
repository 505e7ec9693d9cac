"""Threads shared by merchants: whoever hangs keeps its own share and nobody else's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from common.clock import ManualClock
from delivery.fair_threads import SLOW_S, FairThreads
from tests.support.builders import START

COUNT = 4
WAIT_S = 5.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def threads(clock: ManualClock) -> Iterator[FairThreads]:
    found = FairThreads(COUNT, name="test", clock=clock)
    yield found
    found.close(wait_s=WAIT_S)


class Hanging:
    """Jobs of one owner that wait to be let go."""

    def __init__(self, threads: FairThreads, *, owner: int, jobs: int) -> None:
        self.free = threading.Event()
        self.begun = threading.Semaphore(0)
        for _job in range(jobs):
            threads.add(owner, self._job)

    def _job(self) -> None:
        self.begun.release()
        assert self.free.wait(WAIT_S)


def wait_for(ready: Callable[[], bool]) -> bool:
    """The mark is written a moment after the job's own end."""
    for _look in range(5000):
        if ready():
            return True
        threading.Event().wait(0.001)
    return False


def run(threads: FairThreads, owner: int) -> bool:
    done = threading.Event()
    threads.add(owner, done.set)
    return done.wait(WAIT_S)


def test_an_owner_that_hangs_leaves_half_of_the_threads_to_others(threads: FairThreads) -> None:
    hanging = Hanging(threads, owner=1, jobs=20)
    for _thread in range(COUNT // 2):
        assert hanging.begun.acquire(timeout=WAIT_S)

    assert run(threads, 2)
    assert not hanging.begun.acquire(blocking=False)
    hanging.free.set()


def test_an_owner_whose_last_job_was_slow_has_one_thread(
    threads: FairThreads, clock: ManualClock
) -> None:
    slow = Hanging(threads, owner=1, jobs=1)
    assert slow.begun.acquire(timeout=WAIT_S)
    clock.advance(seconds=SLOW_S + 1)

    slow.free.set()
    assert wait_for(lambda: bool(threads._slow))
    again = Hanging(threads, owner=1, jobs=3)

    assert again.begun.acquire(timeout=WAIT_S)
    assert all(run(threads, other) for other in (2, 3, 4))
    assert not again.begun.acquire(blocking=False)
    again.free.set()


def test_a_job_that_breaks_takes_no_thread_with_it(
    threads: FairThreads, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ValueError("this job is broken")

    for _job in range(COUNT * 3):
        threads.add(1, broken)

    assert run(threads, 1)
    assert "delivery.job_failed" in caplog.text


def test_closing_begins_nothing_more(clock: ManualClock) -> None:
    threads = FairThreads(1, name="test", clock=clock)
    hanging = Hanging(threads, owner=1, jobs=5)
    assert hanging.begun.acquire(timeout=WAIT_S)

    hanging.free.set()
    threads.close(wait_s=WAIT_S)

    begun = sum(hanging.begun.acquire(blocking=False) for _job in range(5))
    assert begun <= 4
    threads.add(1, hanging.free.clear)
    assert hanging.free.is_set()
