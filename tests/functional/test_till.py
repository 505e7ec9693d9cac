"""Collect at the counter, by plain forms and as the till's script asks; on both engines."""

from __future__ import annotations

import pytest
from flask import Flask

from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.enrol import Enrolment
from tests.support.house import (
    PUBLIC_URL,
    STAFF_PIN,
    Browser,
    House,
    a_house,
    an_app,
    at_the_till,
    balance,
    movements,
    points,
    scan,
    stamps,
)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def app(ctx: Loyalty, house: House) -> Flask:
    return an_app(ctx)


@pytest.fixture
def till(app: Flask, house: House) -> Browser:
    return at_the_till(app, house)


@pytest.fixture
def ada(house: House) -> Enrolment:
    return house.enrol(name="Ada Lovelace", email="ada@example.com", phone="030 901820")


@pytest.mark.parametrize("typed", ["12.40", "12,40", " 12.40 "])
def test_a_scan_and_an_amount_become_points_with_their_reason(
    ctx: Loyalty, clock: ManualClock, typed: str
) -> None:
    house = a_house(ctx, clock, terms=points(100))
    member = house.enrol(name="Ada Lovelace")
    till = at_the_till(an_app(ctx), house)
    scan(till, house, member)
    assert "Ada Lovelace" in till.page
    assert "never used" in till.page

    till.send("/till/earn", amount=typed)

    assert till.status == 200
    assert "+12 points" in till.page
    assert "40 cents" in till.page
    assert balance(house, member) == 12


@pytest.mark.parametrize(
    "amount",
    [
        "-5",
        "1e9",
        "1E2",
        "twelve",
        "NaN",
        "Infinity",
        "1.2.3",
        "12.345",
        "",
        "0",
        "0.00",
        "1 000",
        "1,000.00",
        "٣",
        "9" * 40,
        "100000.00",
        "+5",
        "0x10",
        "<b>",
        "12.40\x00",
    ],
)
def test_a_wrong_amount_is_told_beside_the_field_and_moves_nothing(
    till: Browser, house: House, ada: Enrolment, amount: str
) -> None:
    scan(till, house, ada)

    asked = till.ask("/till/earn", amount=amount)
    till.send("/till/earn", amount=amount)

    assert till.status == 422
    assert 'id="amount-error"' in till.page
    assert asked.status_code == 422
    assert asked.mimetype == "application/problem+json"
    assert asked.get_json()["errors"][0]["field"] == "amount"
    assert movements(house, ada) == 0


@pytest.mark.parametrize(
    "code",
    [
        "ABCDEFGHJKMNPQRSTVWXYZ2345",
        "4006381333931",
        "https://example.com/x",
        "'; drop table member",
    ],
)
def test_an_unknown_code_is_told_and_moves_nothing(till: Browser, house: House, code: str) -> None:
    asked = till.ask("/till/find", code=code)
    till.send("/till/find", code=code)

    assert asked.status_code == 404
    assert asked.get_json()["code"] == "unknown_card"
    assert till.status == 404
    assert "Nobody found" in till.page


@pytest.mark.parametrize("code", ["", " ", "A" * 5000])
def test_nothing_or_too_much_is_no_code(till: Browser, code: str) -> None:
    asked = till.ask("/till/find", code=code)

    assert asked.status_code == 422
    assert asked.get_json()["errors"][0]["field"] == "code"


def test_a_card_of_another_shop_is_unknown_here(
    till: Browser, house: House, ctx: Loyalty, clock: ManualClock
) -> None:
    gym = a_house(ctx, clock, merchant_id=102)
    theirs = gym.enrol(name="Grace")

    for code in (gym.barcode(theirs.member_id), theirs.number, "Grace"):
        assert till.ask("/till/find", code=code).status_code == 404


def test_a_double_tap_counts_once(till: Browser, house: House, ada: Enrolment) -> None:
    scan(till, house, ada)

    first = till.ask("/till/earn", amount="12.40")
    second = till.ask("/till/earn", amount="12.40")

    assert first.get_json()["operation"] == second.get_json()["operation"]
    assert second.get_json()["replayed"]
    assert balance(house, ada) == 12
    assert movements(house, ada) == 1


def test_an_answer_that_was_lost_is_given_again_after_the_till_was_locked(
    till: Browser, house: House, ada: Enrolment
) -> None:
    scan(till, house, ada)
    form = {**till.hidden("/till/earn"), "amount": "12.40", "key": "f00d" * 8}
    headers = {"Accept": "application/json"}
    first = till.client.post("/till/earn", data=form, base_url=PUBLIC_URL, headers=headers)
    house.clock.advance(minutes=6)
    till.get("/till")
    till.send("/till/pin", pin=STAFF_PIN)

    again = till.client.post("/till/earn", data=form, base_url=PUBLIC_URL, headers=headers)

    assert again.status_code == 200
    assert again.get_json()["operation"] == first.get_json()["operation"]
    assert balance(house, ada) == 12


def test_the_same_key_for_another_amount_is_refused(
    till: Browser, house: House, ada: Enrolment
) -> None:
    scan(till, house, ada)
    till.ask("/till/earn", amount="12.40")

    answer = till.ask("/till/earn", amount="99.00")

    assert answer.status_code == 422
    assert answer.get_json()["code"] == "idempotency_mismatch"
    assert balance(house, ada) == 12


@pytest.mark.parametrize("key", ["", " ", "x" * 500, "a b", "\n"])
def test_a_missing_or_odd_key_moves_nothing(
    till: Browser, house: House, ada: Enrolment, key: str
) -> None:
    scan(till, house, ada)

    answer = till.ask("/till/earn", amount="12.40", key=key)

    assert answer.status_code == 422
    assert movements(house, ada) == 0


def test_stamps_are_one_tap(ctx: Loyalty, clock: ManualClock) -> None:
    house = a_house(ctx, clock, terms=stamps(9))
    member = house.enrol(name="Ada")
    till = at_the_till(an_app(ctx), house)
    scan(till, house, member)

    till.send("/till/earn")

    assert "+1 stamp" in till.page
    assert balance(house, member) == 1


@pytest.mark.parametrize("visits", ["-1", "abc", "1000000", "1.5"])
def test_a_wrong_number_of_stamps_moves_nothing(
    ctx: Loyalty, clock: ManualClock, visits: str
) -> None:
    house = a_house(ctx, clock, terms=stamps(9))
    member = house.enrol(name="Ada")
    till = at_the_till(an_app(ctx), house)
    scan(till, house, member)

    answer = till.ask("/till/earn", visits=visits)

    assert answer.status_code in {409, 422}
    assert movements(house, member) == 0
