"""Each filter of a message means whom it says, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import InvalidInput
from common.ids import new_id
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from loyalty.message_choice import choose_messages
from loyalty.messages import NewMessage, check_message, segment_for
from loyalty.open_card import CardId
from loyalty.places import add_location
from storage import tables
from storage.segments import Segment, SegmentKind, birthday_week, cards_of, segment_of
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.support.house import House, a_house, stamps

Who = Callable[[Segment], set[int]]


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock, terms=stamps(9))


@pytest.fixture
def meant(house: House) -> Who:
    """The members a segment means."""

    def of(segment: Segment) -> set[int]:
        with open_work(
            house.ctx.database, house.merchant_id, clock=house.clock, writing=False
        ) as work:
            found = work.scope.execute(cards_of(work.scope, house.programme_id, segment))
            return {row.member_id for row in found}

    return of


def come(house: House, member_id: int, *, visits: int = 1, location_id: int | None = None) -> None:
    earn(
        house.ctx,
        house.merchant_id,
        EarnRequest(
            member_id=member_id,
            amount_minor=None,
            visits=visits,
            actor=replace(SYSTEM, location_id=location_id),
            idempotency_key=str(new_id()),
        ),
    )


def chosen(house: House, kind: str, **values: object) -> Segment:
    """A segment as the form makes it, dated."""
    segment = segment_for(house.ctx, house.merchant_id, house.programme_id, kind, **values)  # type: ignore[arg-type]
    new = NewMessage(programme_id=house.programme_id, segment=segment, texts={"en": "Hello"})
    return check_message(house.ctx, house.merchant_id, new).segment


def test_lapsed_is_who_came_once_and_not_for_ninety_days(
    house: House, meant: Who, clock: ManualClock
) -> None:
    gone, faithful = house.enrol(name="Gone"), house.enrol(name="Faithful")
    come(house, gone.member_id)
    clock.advance(days=91)
    come(house, faithful.member_id)
    house.enrol(name="New")

    assert meant(chosen(house, "lapsed")) == {gone.member_id}


def test_one_stamp_left_is_the_ninth_less_one(house: House, meant: Who) -> None:
    eight, seven = house.enrol(name="Eight"), house.enrol(name="Seven")
    for member, visits in ((eight, 5), (eight, 3), (seven, 5), (seven, 2)):
        come(house, member.member_id, visits=visits)

    assert meant(chosen(house, "almost")) == {eight.member_id}


def test_a_branch_is_who_was_seen_there(house: House, meant: Who) -> None:
    here, there = house.enrol(name="Here"), house.enrol(name="There")
    other = add_location(
        house.ctx,
        house.merchant_id,
        name="Harbour",
        address="",
        time_zone="Europe/Berlin",
        latitude=None,
        longitude=None,
        actor=SYSTEM,
    )
    come(house, here.member_id, location_id=house.location_id)
    come(house, there.member_id, location_id=other)

    assert meant(chosen(house, "branch", location_id=other)) == {there.member_id}


def test_a_tier_is_who_has_it_now(house: House, meant: Who) -> None:
    gold, plain = house.enrol(name="Gold"), house.enrol(name="Plain")

    def raise_tier(work: UnitOfWork) -> None:
        for member, tier in ((gold, "gold"), (plain, "")):
            work.scope.execute(
                work.scope.insert(tables.member_standing).values(
                    member_id=member.member_id,
                    programme_id=house.programme_id,
                    purchases=1,
                    net_minor=0,
                    tier=tier,
                )
            )

    run_work(house.ctx.database, house.merchant_id, raise_tier, clock=house.clock)

    assert meant(Segment(kind=SegmentKind.TIER, tier="gold")) == {gold.member_id}


def test_birthdays_are_those_of_the_week_that_begins_with_the_sending(
    house: House, meant: Who
) -> None:
    # It is 22 November.
    today, sixth, seventh, _untold = (
        house.enrol(name=day or "Untold", birthday=day) for day in ("11-22", "11-28", "11-29", "")
    )

    segment = chosen(house, "birthday")

    assert meant(segment) == {today.member_id, sixth.member_id}
    assert meant(segment_of(segment.to_document())) == meant(segment)
    assert seventh.member_id not in meant(segment)


def test_a_card_without_birthdays_offers_none(house: House) -> None:
    house.enrol(name="Ada")

    with pytest.raises(InvalidInput) as refused:
        segment_for(house.ctx, house.merchant_id, house.programme_id, "birthday")
    assert refused.value.field == "segment"


def test_who_said_no_is_never_meant(house: House, meant: Who) -> None:
    ada, ben = house.enrol(name="Ada"), house.enrol(name="Ben")
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        card = work.passes.current_of_member(ada.member_id)
    choose_messages(
        house.ctx,
        CardId(
            merchant_id=house.merchant_id, member_id=ada.member_id, pass_id=card.id, actor=SYSTEM
        ),
        wanted=False,
    )

    assert meant(chosen(house, "all")) == {ben.member_id}


@pytest.mark.parametrize(
    ("first", "days"),
    [
        (date(2026, 11, 22), (1122, 1123, 1124, 1125, 1126, 1127, 1128)),
        (date(2026, 12, 29), (1229, 1230, 1231, 101, 102, 103, 104)),
        (date(2027, 2, 25), (225, 226, 227, 228, 301, 302, 303, 229)),
        (date(2028, 2, 25), (225, 226, 227, 228, 229, 301, 302)),
        (date(2027, 3, 1), (301, 302, 303, 304, 305, 306, 307)),
    ],
)
def test_a_leap_day_is_kept_every_year(first: date, days: tuple[int, ...]) -> None:
    assert birthday_week(first) == days
