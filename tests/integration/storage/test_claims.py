"""Claims: one worker at a time has a row, leases run out, clocks may jump, merchants take turns."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.clock import ManualClock
from common.ids import new_id
from loyalty.context import Loyalty
from storage import claims as settle
from storage import tables
from storage.breakers import Breakers
from storage.claims import DUE_MAX, LEASE, LEASE_MAX, Claim, Claims, Settlement
from storage.deliveries import MASS, Channel
from storage.doubts import DOUBT
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.support import builders
from tests.support.builders import CAFE, GYM

OBJECTS = [Channel.GOOGLE_OBJECT]


def some_cards(ctx: Loyalty, merchant_id: int, *, cards: int) -> list[tuple[int, int]]:
    """Cards that are wanted at Google, as (member, card)."""

    def action(work: UnitOfWork) -> list[tuple[int, int]]:
        programme = builders.a_programme(work)
        found = []
        for _card in range(cards):
            member = builders.a_member(work, programme)
            card = work.passes.current_of_member(member.id)
            work.deliveries.want_google_object(card.id)
            found.append((member.id, card.id))
        return found

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def claim(ctx: Loyalty, *, limit: int = 100) -> list[Claim]:
    return run_work(
        ctx.database,
        None,
        lambda work: Claims(work.scope).claim(OBJECTS, lease=f"l{new_id()}", limit=limit),
        clock=ctx.clock,
    )


def finish(ctx: Loyalty, *settlements: Settlement) -> int:
    return run_work(
        ctx.database, None, lambda work: Claims(work.scope).settle(settlements), clock=ctx.clock
    )


def rows(ctx: Loyalty) -> list[Any]:
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        return list(work.scope.execute(tables.delivery.select().order_by(tables.delivery.c.id)))


def set_row(ctx: Loyalty, **values: Any) -> None:
    with open_work(ctx.database, None, clock=ctx.clock) as work:
        work.scope.execute(tables.delivery.update().values(**values))
        work.commit()


def test_a_row_is_claimed_once_until_its_lease_runs_out(ctx: Loyalty, clock: ManualClock) -> None:
    some_cards(ctx, CAFE.id, cards=3)

    first = claim(ctx)
    second = claim(ctx)
    clock.advance(seconds=LEASE.total_seconds())
    third = claim(ctx)

    assert len(first) == 3
    assert second == []
    assert {one.id for one in third} == {one.id for one in first}
    assert all(one.channel is Channel.GOOGLE_OBJECT for one in first)


def test_many_workers_never_share_a_row(ctx: Loyalty) -> None:
    some_cards(ctx, CAFE.id, cards=20)
    some_cards(ctx, GYM.id, cards=20)
    start = threading.Barrier(6)

    def work(_number: int) -> list[Claim]:
        start.wait()
        found = []
        for _try in range(6):
            found += claim(ctx, limit=3)
        return found

    with ThreadPoolExecutor(6) as pool:
        taken = [one.id for batch in pool.map(work, range(6)) for one in batch]
    taken += [one.id for one in claim(ctx)]

    assert len(taken) == len(set(taken)) == 40


def test_a_late_worker_changes_nothing_newer(ctx: Loyalty, clock: ManualClock) -> None:
    some_cards(ctx, CAFE.id, cards=1)
    (frozen,) = claim(ctx)
    clock.advance(seconds=LEASE.total_seconds() + 1)
    (other,) = claim(ctx)

    assert finish(ctx, settle.delivered(other, other.wanted_revision)) == 1
    assert finish(ctx, settle.parked(frozen, error="late")) == 0

    (row,) = rows(ctx)
    assert (row.state, row.last_error, row.wanted_revision) == ("open", None, other.wanted_revision)


def test_what_a_late_worker_may_have_put_over_a_newer_state_is_sent_again(
    ctx: Loyalty, clock: ManualClock
) -> None:
    some_cards(ctx, CAFE.id, cards=1)
    (late,) = claim(ctx)
    clock.advance(seconds=LEASE.total_seconds() + 1)
    (newer,) = claim(ctx)
    finish(ctx, settle.delivered(newer, 5, facts={"sent": "new", "balance": 3}))

    assert finish(ctx, settle.delivered(late, 1, facts={"sent": "old"})) == 0

    (found,) = rows(ctx)
    assert (found.delivered_revision, found.facts) == (0, {"balance": 3})
    assert claim(ctx) == []
    clock.advance(seconds=DOUBT.total_seconds())
    assert [one.id for one in claim(ctx)] == [late.id]


def test_who_holds_the_row_when_a_late_worker_ends_sends_it_once_more_as_well(
    ctx: Loyalty, clock: ManualClock
) -> None:
    some_cards(ctx, CAFE.id, cards=1)
    (late,) = claim(ctx)
    clock.advance(seconds=LEASE.total_seconds() + 1)
    (newer,) = claim(ctx)
    answered = clock.now() + timedelta(seconds=1)
    finish(ctx, settle.later(late, answered, error="timeout", attempt=True))

    assert finish(ctx, settle.delivered(newer, 5, facts={"sent": "new"})) == 0
    assert rows(ctx)[0].delivered_revision == 0


def test_a_late_worker_that_sent_nothing_leaves_the_row_alone(
    ctx: Loyalty, clock: ManualClock
) -> None:
    some_cards(ctx, CAFE.id, cards=1)
    (late,) = claim(ctx)
    clock.advance(seconds=LEASE.total_seconds() + 1)
    (newer,) = claim(ctx)

    assert finish(ctx, settle.given_back(late)) == 0
    assert finish(ctx, settle.delivered(newer, 5, facts={})) == 1


def test_delivered_never_goes_back(ctx: Loyalty) -> None:
    some_cards(ctx, CAFE.id, cards=1)
    (mine,) = claim(ctx)
    set_row(ctx, delivered_revision=7, wanted_revision=9)

    finish(ctx, settle.delivered(mine, 1))

    assert rows(ctx)[0].delivered_revision == 7


def test_a_change_after_the_claim_stays_due(ctx: Loyalty) -> None:
    ((member_id, _card),) = some_cards(ctx, CAFE.id, cards=1)
    (mine,) = claim(ctx)
    run_work(
        ctx.database,
        CAFE.id,
        lambda work: work.deliveries.bump_member(member_id),
        clock=ctx.clock,
    )

    finish(ctx, settle.delivered(mine, mine.wanted_revision))

    (again,) = claim(ctx)
    assert again.wanted_revision == mine.wanted_revision + 1
    assert again.wanted_at == ctx.clock.now()


@pytest.mark.parametrize(
    "column", ["lease_until", "due_at"], ids=["lease far ahead", "due far ahead"]
)
def test_a_clock_that_came_back_frees_the_rows(ctx: Loyalty, column: str) -> None:
    some_cards(ctx, CAFE.id, cards=1)
    ahead = ctx.clock.now() + max(LEASE_MAX, DUE_MAX) + timedelta(days=2)
    set_row(ctx, lease="wrong-clock", **{"lease_until": ctx.clock.now(), column: ahead})

    assert len(claim(ctx)) == 1


def test_a_row_that_waits_is_left_alone(ctx: Loyalty, clock: ManualClock) -> None:
    some_cards(ctx, CAFE.id, cards=1)
    (mine,) = claim(ctx)
    due_at = clock.now() + timedelta(seconds=90)
    finish(ctx, settle.later(mine, due_at, error="pace", attempt=False))

    assert claim(ctx) == []
    clock.advance(seconds=90)
    (again,) = claim(ctx)
    assert again.attempts == 0


def test_one_more_change_does_not_make_a_waiting_row_overtake(
    ctx: Loyalty, clock: ManualClock
) -> None:
    ((member_id, _card),) = some_cards(ctx, CAFE.id, cards=1)
    wanted_at = rows(ctx)[0].wanted_at
    (mine,) = claim(ctx)
    due_at = clock.now() + timedelta(seconds=90)
    finish(ctx, settle.later(mine, due_at, error="http_503", attempt=True))
    clock.advance(seconds=5)

    run_work(
        ctx.database, CAFE.id, lambda work: work.deliveries.bump_member(member_id), clock=clock
    )

    (row,) = rows(ctx)
    assert (row.due_at, row.wanted_at, row.attempts) == (due_at, wanted_at, 1)


def test_merchants_take_turns(ctx: Loyalty) -> None:
    some_cards(ctx, CAFE.id, cards=30)
    some_cards(ctx, GYM.id, cards=2)

    batch = claim(ctx, limit=4)

    assert sorted(one.merchant_id for one in batch) == [CAFE.id, CAFE.id, GYM.id, GYM.id]


def test_a_scan_overtakes_a_mass_change(ctx: Loyalty) -> None:
    cards = some_cards(ctx, CAFE.id, cards=5)
    set_row(ctx, priority=10)
    for one in claim(ctx):
        finish(ctx, settle.delivered(one, one.wanted_revision))
    for member_id, _card in cards[:-1]:
        run_work(
            ctx.database,
            CAFE.id,
            lambda work, who=member_id: work.deliveries.bump_member(who, priority=10),
            clock=ctx.clock,
        )
    scanned, card = cards[-1]
    run_work(
        ctx.database, CAFE.id, lambda work: work.deliveries.bump_member(scanned), clock=ctx.clock
    )

    (first,) = claim(ctx, limit=1)

    assert first.pass_id == card


def test_a_broken_channel_is_passed_over_and_others_flow(ctx: Loyalty, clock: ManualClock) -> None:
    some_cards(ctx, CAFE.id, cards=2)
    some_cards(ctx, GYM.id, cards=1)
    run_work(
        ctx.database,
        CAFE.id,
        lambda work: Breakers(work.scope).open("google", reason="permissionDenied"),
        clock=clock,
    )

    assert [one.merchant_id for one in claim(ctx)] == [GYM.id]
    clock.advance(minutes=2)
    assert {one.merchant_id for one in claim(ctx)} == {CAFE.id, GYM.id}


def test_a_breaker_that_opens_again_waits_longer_and_no_longer_than_its_most(
    ctx: Loyalty, clock: ManualClock
) -> None:
    waits = []
    for _try in range(9):
        retry_at = run_work(
            ctx.database,
            CAFE.id,
            lambda work: Breakers(work.scope).open("apple", reason="BadCertificate"),
            clock=clock,
        )
        waits.append((retry_at - clock.now()).total_seconds())
        clock.advance(seconds=waits[-1])

    assert waits == sorted(waits)
    assert waits[0] == 60
    assert waits[-1] == 900


def test_a_parked_row_waits_for_a_person(ctx: Loyalty) -> None:
    ((member_id, _card),) = some_cards(ctx, CAFE.id, cards=1)
    (mine,) = claim(ctx)
    finish(ctx, settle.parked(mine, error="PayloadTooLarge"))
    run_work(
        ctx.database,
        CAFE.id,
        lambda work: work.deliveries.bump_member(member_id),
        clock=ctx.clock,
    )
    assert claim(ctx) == []

    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        (line,) = work.deliveries.behind()
    opened = run_work(
        ctx.database,
        CAFE.id,
        lambda work: work.deliveries.retry_parked(line.delivery_id),
        clock=ctx.clock,
    )

    assert (line.parked, line.why) == (True, "PayloadTooLarge")
    assert opened == 1
    assert len(claim(ctx)) == 1


def test_facts_are_kept_with_the_delivery(ctx: Loyalty) -> None:
    some_cards(ctx, CAFE.id, cards=1)
    (mine,) = claim(ctx)

    finish(ctx, settle.delivered(mine, mine.wanted_revision, facts={"sent": "abc"}))

    assert rows(ctx)[0].facts == {"sent": "abc"}


def test_a_given_back_row_is_due_as_before(ctx: Loyalty) -> None:
    some_cards(ctx, CAFE.id, cards=1)
    (mine,) = claim(ctx)

    finish(ctx, settle.given_back(mine))

    (again,) = claim(ctx)
    assert again == replace(mine, lease=again.lease)


def test_a_merchant_with_enough_in_hand_is_left_out(ctx: Loyalty) -> None:
    some_cards(ctx, CAFE.id, cards=3)
    some_cards(ctx, GYM.id, cards=3)

    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        due = Claims(work.scope).due(OBJECTS, limit=10, without={GYM.id})

    assert [merchant_id for merchant_id, _id in due] == [CAFE.id] * 3


def test_rows_found_earlier_are_taken_only_if_they_are_still_due(ctx: Loyalty) -> None:
    some_cards(ctx, CAFE.id, cards=3)
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        due = Claims(work.scope).due(OBJECTS, limit=10)
    (first, *_rest) = claim(ctx, limit=1)

    def action(work: UnitOfWork) -> list[Claim]:
        return Claims(work.scope).claim(OBJECTS, lease="late", limit=10, due=due)

    late = run_work(ctx.database, None, action, clock=ctx.clock)

    assert len(late) == 2
    assert first.id not in {one.id for one in late}


def test_the_oldest_scan_of_any_merchant_comes_before_all_mass_changes(
    ctx: Loyalty, clock: ManualClock
) -> None:
    some_cards(ctx, CAFE.id, cards=5)
    set_row(ctx, priority=MASS)
    clock.advance(seconds=30)
    ((_member, scanned),) = some_cards(ctx, GYM.id, cards=1)

    found = claim(ctx, limit=2)

    assert found[0].pass_id == scanned
