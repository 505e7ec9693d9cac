"""The till for a card of many rules: one tap, a sale with what is due on it, and what comes back."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask

from common.actor import SYSTEM
from common.clock import ManualClock
from ledger.offers import RewardKind
from loyalty.context import Loyalty
from loyalty.coupons import CouponForm, add_coupon, read_coupon
from loyalty.enrol import Enrolment
from loyalty.items import ItemForm, change_item, list_items
from loyalty.publish import publish
from loyalty.rewards import RewardForm, add_reward
from loyalty.rule_card import rule_card
from loyalty.starters import begin_from_starter
from tests.support.console import an_owner
from tests.support.house import (
    MANAGER_PIN,
    PUBLIC_URL,
    STAFF_PIN,
    Browser,
    House,
    a_house,
    an_app,
    at_the_till,
    scan,
)

CAFE = 101


def a_trade(ctx: Loyalty, clock: ManualClock, trade: str) -> House:
    house = a_house(ctx, clock)
    programme_id = begin_from_starter(ctx, CAFE, trade, actor=SYSTEM)
    publish(ctx, CAFE, programme_id, actor=SYSTEM)
    return replace(house, programme_id=programme_id)


@pytest.fixture
def cafe(ctx: Loyalty, clock: ManualClock) -> House:
    return a_trade(ctx, clock, "cafe")


@pytest.fixture
def boutique(ctx: Loyalty, clock: ManualClock) -> House:
    return a_trade(ctx, clock, "boutique")


def at(house: House, ctx: Loyalty) -> tuple[Browser, Enrolment, Flask]:
    app = an_app(ctx)
    member = house.enrol(name="Ada Lovelace")
    till = at_the_till(app, house)
    scan(till, house, member)
    return till, member, app


def tap(till: Browser, action: str, form: str = "/till/earn", **values: str) -> None:
    """Press a button of the form that leads elsewhere."""
    fields = {**till.hidden(form), **values}
    answer = till.client.post(action, data=fields, base_url=PUBLIC_URL)
    till.page, till.status = answer.text, answer.status_code


def later(till: Browser, house: House, member: Enrolment, **time: float) -> None:
    """Another visit: the till locked itself meanwhile."""
    house.clock.advance(**time)
    till.get("/till")
    if "/till/pin" in till.page:
        till.send("/till/pin", pin=STAFF_PIN)
    scan(till, house, member)


def held(house: House, member: Enrolment, unit: str) -> int:
    card = rule_card(house.ctx, CAFE, member.member_id)
    assert card is not None
    return next(one.balance for one in card.view.units if one.code == unit)


def said(till: Browser) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", till.page))


def test_a_coffee_is_one_tap_and_the_ninth_makes_one_free(ctx, cafe):
    till, member, _app = at(cafe, ctx)
    assert "amount" not in till.hidden("/till/earn")

    for _number in range(8):
        till.send("/till/earn", tap="coffee")
        assert till.status == 200, said(till)
        later(till, cafe, member, minutes=20)
    # The welcome stamp came with the first coffee, so the ninth stamp is there already.
    assert held(cafe, member, "coffee") == 9
    assert "A coffee on us" in till.page

    till.send("/till/redeem")
    assert till.status == 200
    assert held(cafe, member, "coffee") == 0


def test_a_sale_takes_coupon_reward_and_tier_off_and_collects_for_the_rest(ctx, boutique):
    add_coupon(
        ctx,
        CAFE,
        boutique.programme_id,
        coupon=CouponForm(code="TEN", name="Ten off", kind=RewardKind.FIXED, value_minor=1000),
        actor=SYSTEM,
    )
    till, member, _app = at(boutique, ctx)
    till.send("/till/earn", amount="400.00")
    assert "Silver" in said(till)

    later(till, boutique, member, days=1)
    tap(till, "/till/look", amount="100.00")
    assert "Ten off" in said(till)
    assert "−€5.00" in said(till)
    tap(till, "/till/coupon", amount="100.00", coupon="TEN")
    assert "Take €10.00 off." in said(till)
    tap(till, "/till/earn", amount="100.00")

    assert till.status == 200, said(till)
    assert "To pay: €85." in said(till) or "To pay: €8" in said(till)
    assert "Silver: take €" in said(till)


def test_points_pay_as_much_as_fits_once_they_can_be_spent(ctx, boutique):
    till, member, _app = at(boutique, ctx)
    till.send("/till/earn", amount="250.00")
    later(till, boutique, member, days=1)
    tap(till, "/till/look", amount="20.00")
    assert "/till/pay" not in till.page

    later(till, boutique, member, days=20)
    tap(till, "/till/look", amount="20.00")
    tap(till, "/till/pay", amount="20.00", pay="points")

    assert "Take €10.00 off." in said(till)
    assert held(boutique, member, "points") == 50


@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("/till/look", {"amount": ""}),
        ("/till/look", {"amount": "1e9"}),
        ("/till/earn", {"amount": "-5"}),
        ("/till/earn", {"amount": "5.00", "tap.coffee": "x"}),
        ("/till/earn", {"amount": "5.00", "item.nothing": "999"}),
        ("/till/earn", {"amount": "99999999999"}),
        ("/till/coupon", {"amount": "5.00", "coupon_code": "NEVER"}),
        ("/till/coupon", {"amount": "5.00", "sale": "forged"}),
        ("/till/promise", {"amount": "5.00", "promise": "1"}),
        ("/till/promise", {"amount": "5.00", "promise": "x"}),
        ("/till/pay", {"amount": "5.00", "pay": "points"}),
        ("/till/pay", {"amount": "5.00", "pay": "gold"}),
        ("/till/attend", {"class": "yoga"}),
        ("/till/return", {"operation": "1"}),
    ],
)
def test_what_cannot_be_is_a_sentence_for_staff_and_nothing_is_written(
    ctx, boutique, action, values
):
    till, member, _app = at(boutique, ctx)

    tap(till, action, **values)

    assert 400 <= till.status < 500, said(till)
    assert "Traceback" not in till.page
    assert held(boutique, member, "points") == 0


def test_whoever_is_only_looked_up_pays_with_nothing_without_a_manager(ctx, boutique):
    till, member, _app = at(boutique, ctx)
    till.get("/till")
    till.send("/till/find", code=member.number)

    tap(till, "/till/coupon", amount="5.00", coupon_code="TEN")

    assert till.status == 422
    assert "let a manager type their PIN" in said(till)


def test_a_return_takes_back_what_it_earned_and_asks_about_the_spent_reward(ctx, boutique):
    add_reward(
        ctx,
        CAFE,
        boutique.programme_id,
        name="Five off",
        cost=100,
        offer=RewardForm(kind=RewardKind.FIXED, unit="points", value_minor=500),
        actor=SYSTEM,
    )
    till, member, _app = at(boutique, ctx)
    till.send("/till/earn", amount="120.00")
    later(till, boutique, member, days=20)
    tap(till, "/till/look", amount="50.00")
    reward = re.search(r'name="reward" value="(\d+)"[^>]*>Five off', till.page)
    assert reward is not None, said(till)
    tap(till, "/till/redeem", amount="50.00", reward=reward[1])
    tap(till, "/till/earn", amount="50.00")
    assert "To pay: €45.00" in said(till)
    assert held(boutique, member, "points") == 65

    scan(till, boutique, member)
    till.send("/till/return")
    assert "What comes back?" in till.page
    till.send("/till/return/book", back="45.00")
    assert "Does the member get it back?" in till.page
    assert held(boutique, member, "points") == 65
    till.send("/till/return/book", back="45.00", choice="restore")

    assert till.status == 200, said(till)
    assert held(boutique, member, "points") == 120


def test_a_return_in_parts_is_booked_once_each_and_never_beyond_what_was_paid(ctx, boutique):
    till, member, _app = at(boutique, ctx)
    till.send("/till/earn", amount="30.00")
    scan(till, boutique, member)
    till.send("/till/return")
    form = till.hidden("/till/return/book")

    for _twice in range(2):
        answer = till.client.post(
            "/till/return/book", data={**form, "back": "10.00"}, base_url=PUBLIC_URL
        )
        assert answer.status_code == 200, answer.text
    assert held(boutique, member, "points") == 20

    scan(till, boutique, member)
    till.send("/till/return")
    till.send("/till/return/book", back="20.01")
    assert till.status == 422
    assert held(boutique, member, "points") == 20


def test_classes_are_sold_as_a_pack_and_taken_one_by_one(ctx, clock):
    gym = a_trade(ctx, clock, "gym")
    till, member, _app = at(gym, ctx)
    tap(till, "/till/earn", amount="90.00", **{"item.ten-classes": "1"})
    assert till.status == 200, said(till)
    assert held(gym, member, "classes") == 10, said(till)

    scan(till, gym, member)
    till.send("/till/attend")

    assert till.status == 200, said(till)
    assert held(gym, member, "classes") == 9


def test_the_member_page_lets_a_pack_rest_and_locks_it(ctx, clock):
    gym = a_trade(ctx, clock, "gym")
    till, member, app = at(gym, ctx)
    tap(till, "/till/earn", amount="90.00", **{"item.ten-classes": "1"})
    owner = an_owner(app, ctx, CAFE)
    path = f"/console/members/{member.member_id}"
    owner.get(path)
    assert "10 classes" in owner.page

    owner.send(f"{path}/units/classes/rest", first_day="2026-12-01", last_day="2026-12-07")
    assert "The pack rests" in owner.page
    owner.send(f"{path}/units/classes/rest", first_day="2026-12-07", last_day="2026-12-01")
    assert "It would end before it begins." in owner.page
    owner.send(f"{path}/units/classes/lock")
    assert "Unlock" in owner.page

    scan(till, gym, member)
    assert "locked" in till.page
    assert "/till/attend" not in till.page


def test_a_return_is_undone_by_whoever_booked_it_and_everything_is_as_before(ctx, boutique):
    till, member, _app = at(boutique, ctx)
    till.send("/till/earn", amount="30.00")
    scan(till, boutique, member)
    till.send("/till/return")
    till.send("/till/return/book", back="10.00")
    assert held(boutique, member, "points") == 20

    till.send("/till/undo")

    assert till.status == 200, said(till)
    assert "The refund was undone" in said(till)
    assert held(boutique, member, "points") == 30


def test_above_the_shops_limit_a_return_wants_a_managers_pin(ctx, boutique):
    till, member, app = at(boutique, ctx)
    till.send("/till/earn", amount="80.00")
    scan(till, boutique, member)
    till.send("/till/return")
    assert "above €50.00" in said(till)
    till.send("/till/return/book", back="40.00")
    assert till.status == 200, said(till)

    # In pieces it is the same sale: the second piece is beyond the limit.
    scan(till, boutique, member)
    till.send("/till/return")
    till.send("/till/return/book", back="20.00")
    assert till.status == 422
    assert "a manager types their PIN" in said(till)
    till.send("/till/return/book", back="20.00", manager_pin="000000")
    assert till.status == 422
    assert held(boutique, member, "points") == 40
    till.send("/till/return/book", back="20.00", manager_pin=MANAGER_PIN)

    assert till.status == 200, said(till)
    assert held(boutique, member, "points") == 20
    assert "/till/undo" not in till.page

    owner = an_owner(app, ctx, CAFE)
    owner.get("/console/activity")
    assert "Mia Manager" in owner.page or "Manager" in owner.page


def test_the_owner_says_from_what_sum_a_manager_is_asked(ctx, boutique):
    till, member, app = at(boutique, ctx)
    owner = an_owner(app, ctx, CAFE)
    owner.get("/console/shop")
    owner.send("/console/shop", name="Corner", sale_max="250", refund_max="x")
    assert owner.status == 422
    owner.send("/console/shop", name="Corner", sale_max="250", refund_max="0")
    till.send("/till/earn", amount="8.00")
    scan(till, boutique, member)
    till.send("/till/return")

    till.send("/till/return/book", back="1.00")

    assert till.status == 422
    assert held(boutique, member, "points") == 8


def test_a_coupon_of_one_member_is_theirs_alone_and_nothing_is_typed(ctx, boutique):
    till, member, app = at(boutique, ctx)
    other = boutique.enrol(name="Grace Hopper")
    owner = an_owner(app, ctx, CAFE)
    path = f"/console/members/{member.member_id}"
    owner.get(path)
    assert "Give a coupon" in owner.page
    owner.get(f"{path}/coupon")
    owner.send(f"{path}/coupon", name="", kind="fixed", value="5")
    assert owner.status == 422
    owner.send(f"{path}/coupon", name="Sorry for the wait", kind="fixed", value="5")
    assert "Sorry for the wait" in owner.page
    assert "theirs alone" in owner.page
    owner.get(f"/console/cards/{boutique.programme_id}/coupons")
    assert "Sorry for the wait" not in owner.page

    scan(till, boutique, other)
    assert "Sorry for the wait" not in till.page
    tap(till, "/till/look", amount="20.00")
    assert "Sorry for the wait" not in till.page
    scan(till, boutique, member)
    assert "Sorry for the wait" in till.page
    tap(till, "/till/look", amount="20.00")
    code = re.search(r'name="coupon" value="(OWN-[^"]+)"', till.page)
    assert code is not None
    tap(till, "/till/coupon", amount="20.00", coupon=code[1])
    assert "Take €5.00 off." in said(till)

    scan(till, boutique, other)
    tap(till, "/till/coupon", amount="20.00", coupon=code[1])
    assert till.status == 409


def test_a_changed_coupon_of_one_member_stays_theirs(ctx, boutique):
    _till, member, app = at(boutique, ctx)
    coupon = add_coupon(
        ctx,
        CAFE,
        boutique.programme_id,
        coupon=CouponForm(
            code="OWN-1", name="One off", kind=RewardKind.PRODUCT, member_id=member.member_id
        ),
        actor=SYSTEM,
    )
    owner = an_owner(app, ctx, CAFE)
    path = f"/console/cards/{boutique.programme_id}/coupons/{coupon}"
    owner.get(path)
    owner.send(path, name="Two off", kind="product", per_member="1", active="1")

    assert "Two off" in owner.page
    assert read_coupon(ctx, CAFE, coupon).member_id == member.member_id


def test_an_item_without_a_price_counts_what_the_others_leave_or_is_asked_for(ctx, clock):
    gym = a_trade(ctx, clock, "gym")
    item_id = next(one.id for one in list_items(ctx, CAFE) if one.code == "ten-classes")
    form = ItemForm(code="ten-classes", name="Ten classes", price_minor=None)
    change_item(ctx, CAFE, item_id, item=form, actor=SYSTEM)
    till, member, _app = at(gym, ctx)

    tap(till, "/till/earn", amount="", **{"item.ten-classes": "1"})
    assert till.status == 422
    assert "no price on the list" in said(till)
    assert held(gym, member, "classes") == 0

    tap(till, "/till/earn", amount="90.00", **{"item.ten-classes": "1"})
    assert till.status == 200, said(till)
    assert "€90.00 of this sale counts for it" in said(till)
    assert held(gym, member, "classes") == 10
