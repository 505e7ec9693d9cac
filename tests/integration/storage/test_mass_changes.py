"""Mass changes can be paused, resumed and cancelled, and hold up no other merchant's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from common.clock import ManualClock
from delivery.desk import Desk
from delivery.settings import DeliverySettings
from delivery.slices import move_slice
from loyalty.context import Loyalty
from storage import tables
from storage.claims import Claims
from storage.deliveries import MASS, Channel
from storage.mass_changes import MassChangeLine, MassChanges, MassState
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.support import builders
from tests.support.builders import CAFE, GYM

SLICE = 2


@pytest.fixture
def desk(ctx: Loyalty) -> Desk:
    return Desk(
        settings=DeliverySettings(public_url="http://127.0.0.1:1", slice_cards=SLICE),
        database=ctx.database,
        clock=ctx.clock,
        keyring=ctx.keyring,
    )


def a_redesign(ctx: Loyalty, merchant_id: int, *, cards: int) -> int:
    """A mass change of so many cards that Google must show; returns its id."""

    def action(work: UnitOfWork) -> int:
        programme = builders.a_programme(work)
        for _card in range(cards):
            member = builders.a_member(work, programme)
            card = work.passes.current_of_member(member.id)
            work.deliveries.want_google_object(card.id)
            work.deliveries.mark_delivered(Channel.GOOGLE_OBJECT, card.id, 1)
        work.deliveries.bump_programme(programme.id, reason="design")
        return MassChanges(work.scope).lines()[0].id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def line(ctx: Loyalty, merchant_id: int) -> MassChangeLine:
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return MassChanges(work.scope).lines()[0]


def order(ctx: Loyalty, verb: str, change_id: int, *, merchant_id: int = CAFE.id) -> bool:
    def action(work: UnitOfWork) -> bool:
        return bool(getattr(MassChanges(work.scope), verb)(change_id))

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def all_sent(ctx: Loyalty) -> None:
    table = tables.delivery
    with open_work(ctx.database, None, clock=ctx.clock) as work:
        work.scope.execute(table.update().values(delivered_revision=table.c.wanted_revision))
        work.commit()


def test_a_change_tells_how_far_it_is(ctx: Loyalty, desk: Desk) -> None:
    a_redesign(ctx, CAFE.id, cards=5)
    before = line(ctx, CAFE.id)

    move_slice(desk)
    under_way = line(ctx, CAFE.id)
    for _slice in range(2):
        all_sent(ctx)
        move_slice(desk)

    assert (before.state, before.total) == (MassState.WAITING, None)
    assert (under_way.state, under_way.moved, under_way.total) == (MassState.RUNNING, 2, 5)
    done = line(ctx, CAFE.id)
    assert (done.state, done.moved) == (MassState.DONE, 5)


def test_a_paused_change_moves_nothing_and_goes_on_where_it_stopped(
    ctx: Loyalty, desk: Desk
) -> None:
    change_id = a_redesign(ctx, CAFE.id, cards=4)
    move_slice(desk)
    all_sent(ctx)

    assert order(ctx, "pause", change_id)
    assert not order(ctx, "pause", change_id)
    assert move_slice(desk) == 0
    assert line(ctx, CAFE.id).state is MassState.PAUSED
    assert order(ctx, "resume", change_id)
    assert not order(ctx, "resume", change_id)
    assert move_slice(desk) == SLICE
    assert line(ctx, CAFE.id).moved == 4


@pytest.mark.parametrize("paused", [False, True])
def test_a_cancelled_change_never_moves_again(ctx: Loyalty, desk: Desk, paused: bool) -> None:
    change_id = a_redesign(ctx, CAFE.id, cards=4)
    if paused:
        order(ctx, "pause", change_id)

    assert order(ctx, "cancel", change_id)

    assert move_slice(desk) == 0
    assert line(ctx, CAFE.id).state is MassState.CANCELLED
    for verb in ("cancel", "pause", "resume"):
        assert not order(ctx, verb, change_id)


def test_nobody_touches_another_merchants_change(ctx: Loyalty) -> None:
    change_id = a_redesign(ctx, CAFE.id, cards=1)

    for verb in ("cancel", "pause", "resume"):
        assert not order(ctx, verb, change_id, merchant_id=GYM.id)


def test_a_change_that_waits_for_its_phones_holds_up_no_other_merchant(
    ctx: Loyalty, desk: Desk
) -> None:
    a_redesign(ctx, CAFE.id, cards=6)
    move_slice(desk)
    a_redesign(ctx, GYM.id, cards=6)

    assert move_slice(desk) == SLICE
    assert (line(ctx, CAFE.id).moved, line(ctx, GYM.id).moved) == (SLICE, SLICE)


def test_a_change_does_not_begin_before_its_time(
    ctx: Loyalty, desk: Desk, clock: ManualClock
) -> None:
    change_id = a_redesign(ctx, CAFE.id, cards=2)
    table = tables.mass_change
    later: dict[str, Any] = {"not_before": clock.now() + timedelta(hours=1)}
    with open_work(ctx.database, None, clock=clock) as work:
        work.scope.execute(table.update().where(table.c.id == change_id).values(**later))
        work.commit()

    assert move_slice(desk) == 0
    assert line(ctx, CAFE.id).state is MassState.WAITING
    clock.advance(hours=1)
    assert move_slice(desk) == SLICE


def test_a_new_change_is_not_swallowed_by_a_paused_one(ctx: Loyalty, desk: Desk) -> None:
    change_id = a_redesign(ctx, CAFE.id, cards=1)
    order(ctx, "pause", change_id)

    def publish_again(work: UnitOfWork) -> None:
        (programme,) = work.programmes.all()
        work.deliveries.bump_programme(programme.id, reason="design")

    run_work(ctx.database, CAFE.id, publish_again, clock=ctx.clock)

    assert move_slice(desk) == 1


def test_the_backlog_counts_only_what_is_due_of_its_merchant(ctx: Loyalty, desk: Desk) -> None:
    a_redesign(ctx, CAFE.id, cards=2)
    move_slice(desk)

    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        claims = Claims(work.scope)
        assert claims.backlog(CAFE.id, priority=MASS) == 2
        assert claims.backlog(GYM.id, priority=MASS) == 0
