from __future__ import annotations

import threading

import pytest

from common.clock import ManualClock
from common.errors import TooMany
from loyalty.context import Loyalty
from loyalty.limits import take
from storage.engine import Database
from storage.unit_of_work import open_work, run_work


def _take(database: Database, clock: ManualClock, **bucket: float) -> float:
    values = {"capacity": 3, "refill_per_s": 0.5} | bucket
    return run_work(
        database,
        None,
        lambda work: work.buckets.take("sign-in|203.0.113.9", **values),  # type: ignore[arg-type]
        clock=clock,
    )


def test_full_bucket_gives_its_capacity_and_then_says_how_long(
    database: Database, clock: ManualClock
) -> None:
    assert [_take(database, clock) for _ in range(3)] == [0.0, 0.0, 0.0]

    assert _take(database, clock) == pytest.approx(2.0)
    clock.advance(seconds=1)
    assert _take(database, clock) == pytest.approx(1.0)
    clock.advance(seconds=1)
    assert _take(database, clock) == 0.0


def test_refill_stops_at_the_capacity(database: Database, clock: ManualClock) -> None:
    _take(database, clock)
    clock.advance(days=30)

    assert [_take(database, clock) for _ in range(4)][:3] == [0.0, 0.0, 0.0]
    assert _take(database, clock) > 0


def test_hammering_does_not_round_a_slow_refill_away(
    database: Database, clock: ManualClock
) -> None:
    slow = {"capacity": 1, "refill_per_s": 0.001}
    assert _take(database, clock, **slow) == 0.0

    for _ in range(10):
        clock.advance(seconds=99.9)
        assert _take(database, clock, **slow) > 0
    clock.advance(seconds=1.1)
    assert _take(database, clock, **slow) == 0.0


def test_clock_that_comes_back_freezes_nobody(database: Database, clock: ManualClock) -> None:
    clock.advance(days=2)
    for _ in range(3):
        _take(database, clock)
    clock.advance(days=-2)

    assert _take(database, clock) == pytest.approx(2.0)


def test_buckets_of_two_names_do_not_meet(database: Database, clock: ManualClock) -> None:
    with open_work(database, None, clock=clock) as work:
        assert work.buckets.take("pin|1", capacity=1, refill_per_s=1) == 0.0
        assert work.buckets.take("pin|2", capacity=1, refill_per_s=1) == 0.0
        assert work.buckets.take("pin|1", capacity=1, refill_per_s=1) > 0


@pytest.mark.parametrize(
    ("capacity", "refill_per_s", "cost"), [(1, 1, 2), (1, 0, 1), (1, -1, 1), (5, 1, 0)]
)
def test_bucket_that_could_never_give_is_refused(
    database: Database, clock: ManualClock, capacity: int, refill_per_s: float, cost: int
) -> None:
    with pytest.raises(ValueError, match="bucket"):
        _take(database, clock, capacity=capacity, refill_per_s=refill_per_s, cost=cost)


def test_eight_threads_take_no_more_than_there_is(database: Database, clock: ManualClock) -> None:
    taken: list[float] = []

    def worker() -> None:
        for _ in range(5):
            taken.append(_take(database, clock, capacity=7, refill_per_s=0.001))

    threads = [threading.Thread(target=worker) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 40
    assert taken.count(0.0) == 7


def test_idle_buckets_are_forgotten(database: Database, clock: ManualClock) -> None:
    _take(database, clock)
    clock.advance(days=2)

    with open_work(database, None, clock=clock) as work:
        assert work.buckets.drop_idle(clock.now()) == 1
        assert work.buckets.drop_idle(clock.now()) == 0


def test_limit_raises_with_whole_seconds_to_wait(ctx: Loyalty) -> None:
    take(ctx, "join|198.51.100.1", capacity=1, refill_per_s=0.4)

    with pytest.raises(TooMany) as refused:
        take(ctx, "join|198.51.100.1", capacity=1, refill_per_s=0.4)
    assert refused.value.retry_after_s == 3
