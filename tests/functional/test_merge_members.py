"""Two cards of one person become one, and part again; the books hold on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import NotFound
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from loyalty.erase_member import erase_member
from loyalty.find_member import UnknownCard, find_members
from loyalty.merge_members import (
    CannotMerge,
    CannotUndoMerge,
    merge_members,
    merges_of,
    preview_merge,
    suggestions,
    undo_merge,
)
from loyalty.programmes import add_programme
from loyalty.publish import publish
from loyalty.redeem import RedeemRequest, redeem
from loyalty.sold import SaleItem
from storage.unit_of_work import open_work
from storage.verify import verify
from tests.support.house import House, a_house, points
from tests.support.rules import SPEND, terms_of

COFFEE = {"code": "coffee", "kind": "stamps", "goal": 9}
COFFEES = {
    "kind": "item",
    "code": "coffees",
    "unit": "coffee",
    "when": {"match": {"categories": ["coffee"]}},
}
LATER = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 1000, "units": 1}


@pytest.fixture(params=["one rate", "rules"])
def house(request: pytest.FixtureRequest, ctx: Loyalty, clock: ManualClock) -> House:
    if request.param == "one rate":
        return a_house(ctx, clock)
    units = [{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 90}}, COFFEE]
    return a_house(ctx, clock, terms=terms_of(SPEND, COFFEES, units=units))  # type: ignore[arg-type]


def buys(house: House, member_id: int, amount_minor: int, key: str, **more: Any) -> int:
    request = EarnRequest(
        member_id=member_id,
        actor=SYSTEM,
        idempotency_key=key,
        amount_minor=amount_minor,
        visits=None,
        **more,
    )
    return earn(house.ctx, house.merchant_id, request).operation_id


def held(house: House, member_id: int) -> dict[str, tuple[int, int]]:
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        found = work.rules.accounts(member_id, house.programme_id)
    return {
        unit: (one.account.balance, one.account.carry)
        for unit, one in found.items()
        if one.account.balance or one.account.carry
    }


def a_pair(house: House) -> tuple[int, int]:
    """Ada who joined by mail, and Ada who joined by phone; both bought."""
    kept = house.enrol(name="Ada Byron", email="ada@example.com").member_id
    merged = house.enrol(name="ada byron", phone="+4930901820").member_id
    coffee = (SaleItem(category="coffee", net_minor=1250),)
    buys(house, kept, 12345, "kept")
    house.clock.advance(days=1)
    buys(house, merged, 1250, "merged", lines=coffee)
    return kept, merged


def both(house: House, kept: int, merged: int) -> dict[str, tuple[int, int]]:
    one, other = held(house, kept), held(house, merged)
    return {
        unit: (
            one.get(unit, (0, 0))[0] + other.get(unit, (0, 0))[0],
            one.get(unit, (0, 0))[1] + other.get(unit, (0, 0))[1],
        )
        for unit in one | other
    }


def test_everything_of_the_one_card_is_on_the_other_and_the_books_hold(house: House) -> None:
    kept, merged = a_pair(house)
    expected = both(house, kept, merged)
    (found,) = suggestions(house.ctx, house.merchant_id, kept)
    assert found.id == merged
    preview = preview_merge(house.ctx, house.merchant_id, kept, merged)
    assert preview.trouble == ""

    merge_members(house.ctx, house.merchant_id, kept, merged, actor=SYSTEM)

    assert held(house, kept) == expected
    assert held(house, merged) == {}
    after = {unit: amount for unit, amount in preview.after if amount}
    assert after == {unit: amount for unit, (amount, _carry) in expected.items() if amount}
    assert verify(house.ctx.database) == []


def test_lots_keep_their_dates(house: House) -> None:
    kept, merged = a_pair(house)

    def lots(member_id: int) -> list[tuple[Any, ...]]:
        with open_work(
            house.ctx.database, house.merchant_id, clock=house.clock, writing=False
        ) as work:
            found = work.rules.open_lots(member_id)
        return sorted(
            (one.remaining, one.available_from, str(one.expires_at))
            for each in found.values()
            for one in each
        )

    expected = sorted(lots(kept) + lots(merged))

    merge_members(house.ctx, house.merchant_id, kept, merged, actor=SYSTEM)

    assert lots(kept) == expected


def test_the_old_card_finds_the_kept_member_at_the_till(house: House) -> None:
    kept, merged = a_pair(house)
    old_code = house.barcode(merged)
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        old_number = work.members.get(merged).number

    merge_members(house.ctx, house.merchant_id, kept, merged, actor=SYSTEM)

    for text in (old_code, old_number, "ada@example.com", "+4930901820"):
        (found,) = find_members(house.ctx, house.merchant_id, text)
        assert found.member_id == kept, text
    assert house.enrol(phone="+4930901820").member_id == kept
    with pytest.raises(CannotMerge):
        merge_members(house.ctx, house.merchant_id, kept, merged, actor=SYSTEM)


def test_a_merge_is_taken_back_exactly(house: House) -> None:
    kept, merged = a_pair(house)
    before = (held(house, kept), held(house, merged))
    code = house.barcode(merged)
    merge_id = merge_members(house.ctx, house.merchant_id, kept, merged, actor=SYSTEM)
    (line,) = merges_of(house.ctx, house.merchant_id, kept)
    assert (line.id, line.other.id, line.undo_until is not None) == (merge_id, merged, True)
    house.clock.advance(days=29)

    undo_merge(house.ctx, house.merchant_id, merge_id, actor=SYSTEM)

    assert (held(house, kept), held(house, merged)) == before
    (found,) = find_members(house.ctx, house.merchant_id, code)
    assert found.member_id == merged
    (by_phone,) = find_members(house.ctx, house.merchant_id, "+4930901820")
    assert by_phone.member_id == merged
    assert verify(house.ctx.database) == []
    with pytest.raises(CannotUndoMerge, match="already"):
        undo_merge(house.ctx, house.merchant_id, merge_id, actor=SYSTEM)


def test_a_merge_stays_once_something_was_spent_or_thirty_days_are_over(
    ctx: Loyalty, clock: ManualClock
) -> None:
    house = a_house(ctx, clock, reward_cost=130)
    kept, merged = a_pair(house)
    merge_id = merge_members(ctx, house.merchant_id, kept, merged, actor=SYSTEM)
    with open_work(ctx.database, house.merchant_id, clock=clock, writing=False) as work:
        (reward,) = work.programmes.rewards(house.programme_id)
    request = RedeemRequest(
        member_id=kept, reward_id=reward.id, actor=SYSTEM, idempotency_key="coffee"
    )
    redeem(ctx, house.merchant_id, request)

    with pytest.raises(CannotUndoMerge, match="spent"):
        undo_merge(ctx, house.merchant_id, merge_id, actor=SYSTEM)
    assert merges_of(ctx, house.merchant_id, kept)[0].undo_until is None
    clock.advance(seconds=timedelta(days=31).total_seconds())
    with pytest.raises(CannotUndoMerge, match="thirty days"):
        undo_merge(ctx, house.merchant_id, merge_id, actor=SYSTEM)
    assert verify(ctx.database) == []


def test_what_cannot_be_merged_is_refused_with_the_reason(ctx: Loyalty, clock: ManualClock) -> None:
    house = a_house(ctx, clock)
    kept, _merged = a_pair(house)
    other_programme = add_programme(
        ctx, house.merchant_id, slug="tea", name="Tea", terms=points(), actor=SYSTEM
    )
    publish(ctx, house.merchant_id, other_programme, actor=SYSTEM)
    tea = replace(house, programme_id=other_programme).enrol(name="Ada").member_id
    gone = house.enrol(name="Gone").member_id
    erase_member(ctx, house.merchant_id, gone, actor=SYSTEM)

    for other in (kept, tea, gone):
        with pytest.raises(CannotMerge):
            merge_members(ctx, house.merchant_id, kept, other, actor=SYSTEM)
        assert preview_merge(ctx, house.merchant_id, kept, other).trouble
    with pytest.raises(NotFound):
        merge_members(ctx, house.merchant_id, kept, 1, actor=SYSTEM)


def test_who_is_erased_takes_the_merged_card_with_them(ctx: Loyalty, clock: ManualClock) -> None:
    house = a_house(ctx, clock)
    kept = house.enrol(name="Ada", email="ada@example.com").member_id
    merged = house.enrol(name="Ada", email="ada2@example.com").member_id
    code = house.barcode(merged)
    merge_members(ctx, house.merchant_id, kept, merged, actor=SYSTEM)

    erase_member(ctx, house.merchant_id, kept, actor=SYSTEM)

    with open_work(ctx.database, house.merchant_id, clock=clock, writing=False) as work:
        assert work.members.get(merged).email_sealed is None
    with pytest.raises(UnknownCard):
        find_members(ctx, house.merchant_id, code)
