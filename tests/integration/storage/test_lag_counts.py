"""How long changes took is counted per bound and hour, and read as percentiles."""

from __future__ import annotations

from datetime import timedelta

import pytest

from common.clock import ManualClock
from loyalty.context import Loyalty
from storage.deliveries import COUNTER, MASS
from storage.lag_counts import (
    BOUNDS_MS,
    KEPT_FOR,
    Lag,
    LagLine,
    LagStep,
    add_lags,
    bound_of,
    drop_old,
    lag_lines,
    percentile,
)
from storage.lagging import Channel
from storage.unit_of_work import open_work, run_work
from tests.support.builders import CAFE, GYM


def add(ctx: Loyalty, *took_ms: int, priority: int = COUNTER, merchant_id: int = CAFE.id) -> None:
    lags = [
        Lag(
            merchant_id=merchant_id,
            channel=Channel.APPLE,
            step=LagStep.TOLD,
            priority=priority,
            took=timedelta(milliseconds=one),
            shard=number,
        )
        for number, one in enumerate(took_ms)
    ]
    run_work(ctx.database, None, lambda work: add_lags(work.scope, lags), clock=ctx.clock)


def lines(ctx: Loyalty, *, merchant_id: int = CAFE.id) -> list[LagLine]:
    since = ctx.clock.now() - timedelta(days=1)
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return lag_lines(work.scope, since=since)


def test_scans_and_mass_changes_are_counted_apart(ctx: Loyalty) -> None:
    add(ctx, 15, 18)
    add(ctx, 15)
    add(ctx, 4_000, priority=MASS)

    scan, mass = lines(ctx)

    assert (scan.count, scan.mass) == (3, False)
    assert (mass.count, mass.mass) == (1, True)
    assert 10 < scan.p50_ms <= 20
    assert 2_000 < mass.p99_ms <= 5_000


def test_a_merchant_sees_its_own_counts_alone(ctx: Loyalty) -> None:
    add(ctx, 15, merchant_id=GYM.id)

    assert lines(ctx) == []


def test_old_counts_leave_the_percentiles_and_then_the_table(
    ctx: Loyalty, clock: ManualClock
) -> None:
    add(ctx, 15)
    clock.advance(days=2)

    assert lines(ctx) == []
    assert run_work(ctx.database, None, lambda work: drop_old(work.scope), clock=clock) == 0
    clock.advance(days=KEPT_FOR.days)
    assert run_work(ctx.database, None, lambda work: drop_old(work.scope), clock=clock) == 1


@pytest.mark.parametrize(
    ("took_ms", "bound"),
    [(-5, 10), (0, 10), (10, 10), (11, 20), (604_800_001, BOUNDS_MS[-1])],
)
def test_a_time_counts_under_the_next_bound(took_ms: int, bound: int) -> None:
    assert bound_of(timedelta(milliseconds=took_ms)) == bound


def test_percentiles_lie_between_the_bounds_they_fall_in() -> None:
    counts = {20: 50, 100: 45, 5_000: 5}

    assert percentile(counts, 0.50) == 20
    assert 50 < percentile(counts, 0.95) <= 100
    assert 2_000 < percentile(counts, 0.99) <= 5_000
    assert percentile({}, 0.5) == 0
