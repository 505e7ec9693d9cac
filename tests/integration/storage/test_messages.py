"""Messages: chosen cards, told in slices, shown on the face, gone when withdrawn or refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from common.clock import ManualClock
from common.ids import new_id
from delivery.desk import Desk
from delivery.settings import DeliverySettings
from delivery.slices import move_slice
from loyalty.context import Loyalty
from storage import tables
from storage.message_steps import MessageSteps
from storage.messages import Message, MessageState, present_texts
from storage.segments import Segment, SegmentKind, count_cards
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.support import builders
from tests.support.builders import CAFE, GYM, PUBLIC_URL, STAMPS


def some_members(
    ctx: Loyalty, count: int, *, merchant_id: int = CAFE.id, **values: Any
) -> tuple[int, list[int], list[int]]:
    """A programme with members: its id, the members', the cards'."""

    def action(work: UnitOfWork) -> tuple[int, list[int], list[int]]:
        programme = builders.a_programme(work, **values)
        members = [builders.a_member(work, programme).id for _one in range(count)]
        return programme.id, members, [work.passes.current_of_member(one).id for one in members]

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def a_message(ctx: Loyalty, programme_id: int, **values: Any) -> Message:
    now = ctx.clock.now()
    defaults: dict[str, Any] = {
        "id": new_id(),
        "programme_id": programme_id,
        "state": MessageState.WAITS,
        "segment": Segment(kind=SegmentKind.ALL).to_document(),
        "texts": {"en": "Double points today"},
        "loud": True,
        "send_at": now,
        "ends_at": now + timedelta(days=7),
        "cursor_id": 0,
        "cards": 0,
        "person_id": None,
        "started_at": None,
        "ended_at": None,
        "created_at": now,
    }
    new = Message(**(defaults | values))
    run_work(ctx.database, CAFE.id, lambda work: work.messages.add(new), clock=ctx.clock)
    return new


def a_desk(ctx: Loyalty, **settings: Any) -> Desk:
    return Desk(
        settings=DeliverySettings(public_url=PUBLIC_URL, **settings),
        database=ctx.database,
        clock=ctx.clock,
        keyring=ctx.keyring,
    )


def work_on(ctx: Loyalty, *, steps: int = 50, slice_cards: int = 250) -> None:
    """What the worker does, until nothing is left."""
    desk = a_desk(ctx, slice_cards=slice_cards)
    for _step in range(steps):
        done = run_work(
            ctx.database, None, lambda work: MessageSteps(work.scope).step(), clock=ctx.clock
        )
        moved = move_slice(desk)
        if not done and not moved:
            return


def find(ctx: Loyalty, message: Message) -> Message:
    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        found = work.messages.find(message.id)
    assert found is not None
    return found


def shown(ctx: Loyalty, cards: list[int]) -> set[int]:
    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        return set(present_texts(work.scope, cards))


def revisions(ctx: Loyalty, cards: list[int]) -> list[int]:
    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        return [work.passes.get(card).revision for card in cards]


def test_every_card_shows_the_message_and_is_told_once(ctx: Loyalty) -> None:
    programme_id, _members, cards = some_members(ctx, 7)
    message = a_message(ctx, programme_id)

    work_on(ctx, slice_cards=3)

    found = find(ctx, message)
    assert (found.state, found.cards) == (MessageState.SENT, 7)
    assert shown(ctx, cards) == set(cards)
    assert revisions(ctx, cards) == [2] * 7


def test_nothing_is_told_before_its_time(ctx: Loyalty, clock: ManualClock) -> None:
    programme_id, _members, cards = some_members(ctx, 2)
    message = a_message(ctx, programme_id, send_at=clock.now() + timedelta(hours=1))

    work_on(ctx)
    assert find(ctx, message).state == MessageState.WAITS
    assert shown(ctx, cards) == set()
    clock.advance(hours=1)
    work_on(ctx)
    assert shown(ctx, cards) == set(cards)


def test_who_said_no_is_neither_told_nor_shown_anything(ctx: Loyalty) -> None:
    programme_id, members, cards = some_members(ctx, 3)
    run_work(
        ctx.database,
        CAFE.id,
        lambda work: work.messages.set_wanted(members[0], wanted=False),
        clock=ctx.clock,
    )
    message = a_message(ctx, programme_id)

    work_on(ctx)

    assert find(ctx, message).cards == 2
    assert shown(ctx, cards) == set(cards[1:])
    run_work(
        ctx.database,
        CAFE.id,
        lambda work: work.messages.set_wanted(members[1], wanted=False),
        clock=ctx.clock,
    )
    assert shown(ctx, cards) == set(cards[2:])


def test_a_card_shows_the_newest_message_that_has_not_ended(
    ctx: Loyalty, clock: ManualClock
) -> None:
    programme_id, _members, cards = some_members(ctx, 1)
    a_message(ctx, programme_id, texts={"en": "first"}, ends_at=clock.now() + timedelta(days=3))
    work_on(ctx)
    clock.advance(minutes=1)
    a_message(ctx, programme_id, texts={"en": "second"}, ends_at=clock.now() + timedelta(days=1))
    work_on(ctx)

    def words() -> list[str]:
        with open_work(ctx.database, CAFE.id, clock=clock, writing=False) as work:
            return [one.text("en") for one in present_texts(work.scope, cards).values()]

    assert words() == ["second"]
    clock.advance(days=1)
    assert words() == ["first"]
    clock.advance(days=2)
    assert words() == []


def test_when_its_days_are_over_the_cards_are_told_once_more(
    ctx: Loyalty, clock: ManualClock
) -> None:
    programme_id, _members, cards = some_members(ctx, 3)
    message = a_message(ctx, programme_id)
    work_on(ctx)
    clock.advance(days=7)

    work_on(ctx)
    work_on(ctx)

    assert find(ctx, message).state == MessageState.OVER
    assert shown(ctx, cards) == set()
    assert revisions(ctx, cards) == [3, 3, 3]


def test_a_stop_tells_no_further_card_and_keeps_what_was_told(ctx: Loyalty) -> None:
    programme_id, _members, cards = some_members(ctx, 6)
    message = a_message(ctx, programme_id)
    work_on(ctx, steps=3, slice_cards=2)
    told = shown(ctx, cards)
    assert 0 < len(told) < 6

    def stop(work: UnitOfWork) -> None:
        work.messages.end_changes(message.id)
        work.messages.set(message.id, state=MessageState.STOPPED)

    run_work(ctx.database, CAFE.id, stop, clock=ctx.clock)
    work_on(ctx)

    assert shown(ctx, cards) == told


def test_a_segment_counts_whom_it_means(ctx: Loyalty, clock: ManualClock) -> None:
    programme_id, members, _cards = some_members(ctx, 3, terms=STAMPS)

    def one_left(work: UnitOfWork) -> None:
        account = tables.account
        work.scope.execute(
            work.scope.update(account).where(account.c.member_id == members[0]).values(balance=8)
        )

    run_work(ctx.database, CAFE.id, one_left, clock=clock)

    def count(segment: Segment) -> int:
        with open_work(ctx.database, CAFE.id, clock=clock, writing=False) as work:
            return count_cards(work.scope, programme_id, segment)

    assert count(Segment(kind=SegmentKind.ALL)) == 3
    assert count(Segment(kind=SegmentKind.ALMOST, unit="stamps", goal=9)) == 1
    assert count(Segment(kind=SegmentKind.LAPSED)) == 0
    assert count(Segment(kind=SegmentKind.BRANCH, location_id=1)) == 0
    assert count(Segment(kind=SegmentKind.TIER, tier="gold")) == 0
    clock.advance(days=91)
    assert count(Segment(kind=SegmentKind.LAPSED)) == 3


def test_another_merchants_cards_are_never_meant(ctx: Loyalty) -> None:
    _other, _members, theirs = some_members(ctx, 2, merchant_id=GYM.id)
    programme_id, _ours, _cards = some_members(ctx, 1)
    a_message(ctx, programme_id)

    work_on(ctx)

    with open_work(ctx.database, GYM.id, clock=ctx.clock, writing=False) as work:
        assert present_texts(work.scope, theirs) == {}
        assert [work.passes.get(card).revision for card in theirs] == [1, 1]


@pytest.mark.parametrize(
    ("language", "said"), [("de-AT", "Hallo"), ("en", "Hello"), ("fr", "Hello")]
)
def test_a_card_speaks_its_members_language(ctx: Loyalty, language: str, said: str) -> None:
    programme_id, _members, _cards = some_members(ctx, 1)

    message = a_message(ctx, programme_id, texts={"en": "Hello", "de": "Hallo"})

    assert message.text(language) == said
