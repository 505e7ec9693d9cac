"""The outbox: each row at least once, in order per receiver, in turns, never after it is worthless."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from common.clock import ManualClock
from common.errors import NotFound
from common.ids import new_id
from loyalty.context import Loyalty
from storage import outbox_claims as settle
from storage.breakers import Breakers
from storage.claims import DUE_MAX, LEASE
from storage.outbox import (
    KEPT_DEAD,
    KEPT_SENT,
    NewRow,
    OutboxChannel,
    OutboxKind,
    OutboxState,
    drop_ended,
)
from storage.outbox_claims import OutboxClaim, OutboxClaims, OutboxSettlement
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.support.builders import CAFE, GYM

ADA, BEN = b"ada", b"ben"
MAIL = [OutboxChannel.MAIL]


def write(ctx: Loyalty, *receivers: bytes, merchant_id: int = CAFE.id, **values: Any) -> list[int]:
    defaults: dict[str, Any] = {
        "kind": OutboxKind.WELCOME,
        "sealed": b"sealed",
        "life": timedelta(days=3),
    }

    def action(work: UnitOfWork) -> list[int]:
        made = [NewRow(receiver=one, **(defaults | values)) for one in receivers]
        return [work.outbox.add(new) for new in made]

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def claim(ctx: Loyalty, *, limit: int = 100) -> list[OutboxClaim]:
    return run_work(
        ctx.database,
        None,
        lambda work: OutboxClaims(work.scope).claim(MAIL, lease=f"l{new_id()}", limit=limit),
        clock=ctx.clock,
    )


def finish(ctx: Loyalty, *settlements: OutboxSettlement) -> int:
    return run_work(
        ctx.database,
        None,
        lambda work: OutboxClaims(work.scope).settle(settlements),
        clock=ctx.clock,
    )


def lines(ctx: Loyalty, merchant_id: int = CAFE.id, **which: Any) -> list[Any]:
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.outbox.lines(**which)


def test_a_row_is_claimed_by_one_worker_and_settled_once(ctx: Loyalty) -> None:
    (row,) = write(ctx, ADA)

    (mine,) = claim(ctx)
    assert (mine.id, mine.payload_sealed) == (row, b"sealed")
    assert claim(ctx) == []
    assert finish(ctx, settle.sent(mine)) == 1
    assert finish(ctx, settle.sent(mine)) == 0
    (line,) = lines(ctx)
    assert line.state == OutboxState.SENT


def test_what_was_sent_is_not_kept(ctx: Loyalty) -> None:
    write(ctx, ADA)
    finish(ctx, settle.sent(claim(ctx)[0]))

    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        kept = work.scope.run_sql("select payload_sealed from outbox", ()).fetchall()
    assert [tuple(row) for row in kept] == [(None,)]


def test_rows_of_one_receiver_leave_in_the_order_they_were_written(
    ctx: Loyalty, clock: ManualClock
) -> None:
    first, second, other = write(ctx, ADA, ADA, BEN)

    both = claim(ctx)
    assert {one.id for one in both} == {first, other}
    late = clock.now() + timedelta(minutes=5)
    finish(ctx, *(settle.later(one, late, error="451", attempt=True) for one in both))
    assert claim(ctx) == []
    clock.advance(minutes=5)
    again = claim(ctx)
    assert {one.id for one in again} == {first, other}
    finish(ctx, *(settle.sent(one) for one in again))
    assert [one.id for one in claim(ctx)] == [second]


def test_a_dead_row_holds_up_nobody(ctx: Loyalty) -> None:
    first, second = write(ctx, ADA, ADA)

    finish(ctx, settle.dead(claim(ctx)[0], error="550"))

    assert [one.id for one in claim(ctx)] == [second]
    (line,) = lines(ctx, state=OutboxState.DEAD)
    assert (line.id, line.last_error) == (first, "550")


def test_a_lease_runs_out_and_the_late_worker_changes_nothing(
    ctx: Loyalty, clock: ManualClock
) -> None:
    write(ctx, ADA)
    (late,) = claim(ctx)
    clock.advance(seconds=LEASE.total_seconds())
    (mine,) = claim(ctx)

    assert finish(ctx, settle.dead(late, error="550")) == 0
    assert finish(ctx, settle.sent(mine)) == 1


def test_a_clock_that_jumped_ahead_and_back_holds_no_row(ctx: Loyalty, clock: ManualClock) -> None:
    clock.advance(days=1)
    write(ctx, ADA)
    (mine,) = claim(ctx)
    clock.advance(days=-1)

    assert [one.id for one in claim(ctx)] == [mine.id]
    assert timedelta(days=1) > DUE_MAX


def test_merchants_take_turns(ctx: Loyalty) -> None:
    write(ctx, *(bytes([number]) for number in range(20)))
    (other,) = write(ctx, ADA, merchant_id=GYM.id)

    assert other in {one.id for one in claim(ctx, limit=2)}


def test_what_a_person_waits_for_comes_first(ctx: Loyalty) -> None:
    write(ctx, ADA, kind=OutboxKind.WELCOME)
    (code,) = write(ctx, BEN, kind=OutboxKind.NEW_CARD_CODE)

    assert [one.id for one in claim(ctx, limit=1)] == [code]


def test_a_stopped_channel_is_passed_over(ctx: Loyalty, clock: ManualClock) -> None:
    write(ctx, ADA)
    (other,) = write(ctx, ADA, merchant_id=GYM.id)
    run_work(
        ctx.database,
        CAFE.id,
        lambda work: Breakers(work.scope).open("mail", reason="535"),
        clock=ctx.clock,
    )

    flowing = claim(ctx)
    assert [one.id for one in flowing] == [other]
    finish(ctx, *(settle.sent(one) for one in flowing))
    clock.advance(minutes=1)
    assert len(claim(ctx)) == 1


def test_what_comes_too_late_is_dead_and_not_sent(ctx: Loyalty, clock: ManualClock) -> None:
    write(ctx, ADA, life=timedelta(minutes=15))
    clock.advance(minutes=15)

    assert claim(ctx) == []
    buried = run_work(
        ctx.database, None, lambda work: OutboxClaims(work.scope).bury_late(), clock=ctx.clock
    )
    assert buried == 1
    (line,) = lines(ctx)
    assert (line.state, line.last_error) == (OutboxState.DEAD, settle.TOO_LATE)


def test_a_replay_opens_a_dead_row_again(ctx: Loyalty, clock: ManualClock) -> None:
    (row,) = write(ctx, ADA)
    finish(ctx, settle.dead(claim(ctx)[0], error="550"))
    clock.advance(days=4)

    def replay(work: UnitOfWork) -> int:
        return work.outbox.replay(row)

    assert run_work(ctx.database, CAFE.id, replay, clock=ctx.clock) == 1
    assert [one.id for one in claim(ctx)] == [row]
    with pytest.raises(NotFound):
        run_work(ctx.database, CAFE.id, replay, clock=ctx.clock)


def test_another_merchant_replays_nothing_of_ours(ctx: Loyalty) -> None:
    (row,) = write(ctx, ADA)
    finish(ctx, settle.dead(claim(ctx)[0], error="550"))

    with pytest.raises(NotFound):
        run_work(ctx.database, GYM.id, lambda work: work.outbox.replay(row), clock=ctx.clock)
    assert lines(ctx, GYM.id) == []


def test_a_row_that_went_with_its_transaction_was_never_there(ctx: Loyalty) -> None:
    with open_work(ctx.database, CAFE.id, clock=ctx.clock) as work:
        work.outbox.add(NewRow(kind=OutboxKind.WELCOME, receiver=ADA, life=timedelta(days=1)))

    assert lines(ctx) == []


def test_ended_rows_go_after_a_while(ctx: Loyalty, clock: ManualClock) -> None:
    write(ctx, ADA, BEN)
    one, two = claim(ctx)
    finish(ctx, settle.sent(one), settle.dead(two, error="550"))

    def sweep(work: UnitOfWork) -> int:
        return drop_ended(work.scope)

    assert run_work(ctx.database, None, sweep, clock=ctx.clock) == 0
    clock.advance(days=KEPT_SENT.days, seconds=1)
    assert run_work(ctx.database, None, sweep, clock=ctx.clock) == 1
    clock.advance(days=KEPT_DEAD.days)
    assert run_work(ctx.database, None, sweep, clock=ctx.clock) == 1
