"""Who may redeem, undo and hand over at the counter; over HTTP, on both engines."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.enrol import Enrolment
from storage.unit_of_work import open_work
from tests.support.house import (
    MANAGER_PIN,
    PUBLIC_URL,
    STAFF_PIN,
    Browser,
    House,
    a_house,
    an_app,
    at_the_till,
    balance,
    scan,
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


@pytest.mark.parametrize(
    "typed", ["number", "ada@example.com", "030 901820", "lovelace", "ADA", "Ada Love"]
)
def test_who_is_looked_up_is_masked_and_may_collect(
    till: Browser, house: House, ada: Enrolment, typed: str
) -> None:
    code = ada.number.lower() if typed == "number" else typed

    till.get("/till")
    till.send("/till/find", code=code)

    assert "Ada L." in till.page
    assert "Lovelace" not in till.page
    assert ada.number not in till.page
    till.send("/till/earn", amount="12.40")
    assert balance(house, ada) == 12


def test_two_of_a_name_are_offered_to_choose_from(
    till: Browser, house: House, ada: Enrolment
) -> None:
    house.enrol(name="Ada Byron")

    till.send("/till/find", code="ada")

    assert "Who is it?" in till.page
    assert "Ada B." in till.page
    till.send("/till/find")
    assert "Collect" in till.page


def test_redeeming_needs_the_cards_code_or_a_managers_pin(
    till: Browser, house: House, ada: Enrolment
) -> None:
    till.send("/till/find", code=ada.number)
    till.send("/till/earn", amount="25")

    for pin in ("", STAFF_PIN, "0000"):
        refused = till.ask("/till/redeem", manager_pin=pin)
        assert refused.status_code == 422
        assert refused.get_json()["errors"][0]["field"] == "manager_pin"
    assert balance(house, ada) == 25
    till.send("/till/redeem", manager_pin=MANAGER_PIN)

    assert till.status == 200
    assert balance(house, ada) == 15
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        assert "till.manager_override" in {one.action for one in work.audit.latest(5)}


def test_a_page_cannot_claim_that_a_card_was_scanned(
    till: Browser, house: House, ada: Enrolment
) -> None:
    till.send("/till/find", code=ada.number)
    handle = till.hidden("/till/earn")["card"]
    forged = handle[:-4] + "AAAA"

    answer = till.ask("/till/earn", card=forged, amount="5")

    assert answer.status_code == 422
    assert answer.get_json()["code"] == "stale_card"


def test_a_scan_is_good_for_a_quarter_of_an_hour(
    till: Browser, house: House, ada: Enrolment
) -> None:
    scan(till, house, ada)
    form = {**till.hidden("/till/earn"), "amount": "5"}
    for _ in range(4):
        house.clock.advance(minutes=4)
        till.get("/till")

    answer = till.client.post(
        "/till/earn", data=form, base_url=PUBLIC_URL, headers={"Accept": "application/json"}
    )

    assert answer.get_json()["code"] == "stale_card"


def test_another_till_cannot_use_this_tills_scan(
    till: Browser, house: House, ada: Enrolment, app: Flask
) -> None:
    from loyalty.tills import add_till, use_this_device

    scan(till, house, ada)
    handle = till.hidden("/till/earn")["card"]
    other_id = add_till(
        house.ctx, house.merchant_id, location_id=house.location_id, name="Back", actor=SYSTEM
    )
    other = Browser(app)
    token = use_this_device(house.ctx, house.merchant_id, other_id, actor=SYSTEM)
    other.client.set_cookie("regulars-till", token, domain="127.0.0.1")
    other.get("/till")
    other.send("/till/pin", pin=STAFF_PIN)

    answer = other.client.post(
        "/till/earn",
        data={**other.hidden("/till/find"), "card": handle, "amount": "5", "key": "k"},
        base_url=PUBLIC_URL,
        headers={"Accept": "application/json"},
    )

    assert answer.get_json()["code"] == "stale_card"


def test_a_reward_is_redeemed_with_one_tap(till: Browser, house: House, ada: Enrolment) -> None:
    scan(till, house, ada)
    till.send("/till/earn", amount="12.40")

    till.send("/till/redeem")

    assert "Coffee" in till.page
    assert balance(house, ada) == 2


def test_what_the_card_does_not_hold_is_not_handed_over(
    till: Browser, house: House, ada: Enrolment
) -> None:
    scan(till, house, ada)
    till.send("/till/earn", amount="12.40")
    form = till.hidden("/till/redeem")
    headers = {"Accept": "application/json"}
    till.client.post("/till/redeem", data=form, base_url=PUBLIC_URL, headers=headers)

    answer = till.client.post(
        "/till/redeem", data={**form, "key": "another"}, base_url=PUBLIC_URL, headers=headers
    )

    assert answer.status_code == 409
    assert answer.get_json()["code"] == "insufficient_balance"
    assert balance(house, ada) == 2


def test_staff_undo_their_own_last_movement(till: Browser, house: House, ada: Enrolment) -> None:
    scan(till, house, ada)
    till.send("/till/earn", amount="12.40")

    till.send("/till/undo")

    assert till.status == 200
    assert balance(house, ada) == 0


def test_after_five_minutes_only_a_manager_undoes(
    till: Browser, house: House, ada: Enrolment, app: Flask
) -> None:
    scan(till, house, ada)
    till.send("/till/earn", amount="12.40")
    operation = till.hidden("/till/undo")["operation"]
    house.clock.advance(minutes=4)
    scan(till, house, ada)
    house.clock.advance(minutes=1, seconds=1)
    form = {**till.hidden("/till/earn"), "operation": operation, "key": "u1"}
    headers = {"Accept": "application/json"}

    late = till.client.post("/till/undo", data=form, base_url=PUBLIC_URL, headers=headers)
    manager = at_the_till(app, house, pin=None)
    manager.send("/till/lock") if 'action="/till/lock"' in manager.page else None
    manager.send("/till/pin", pin=MANAGER_PIN)
    scan(manager, house, ada)
    form = {**manager.hidden("/till/earn"), "operation": operation, "key": "u2"}
    done = manager.client.post("/till/undo", data=form, base_url=PUBLIC_URL, headers=headers)

    assert late.status_code == 403
    assert late.get_json()["code"] == "not_your_last"
    assert done.status_code == 200
    assert balance(house, ada) == 0


@pytest.mark.parametrize("operation", ["", "0", "-1", "abc", "9" * 30, "1"])
def test_an_operation_that_is_none_cannot_be_undone(
    till: Browser, house: House, ada: Enrolment, operation: str
) -> None:
    scan(till, house, ada)
    form = {**till.hidden("/till/earn"), "operation": operation}

    answer = till.client.post(
        "/till/undo", data=form, base_url=PUBLIC_URL, headers={"Accept": "application/json"}
    )

    assert answer.status_code in {404, 422}


def handed_over(page: str) -> str:
    found = re.search(r'data-address="([^"]+)"', page)
    assert found
    return found[1].removeprefix(PUBLIC_URL)


def test_a_new_phone_gets_the_same_card(
    till: Browser, house: House, ada: Enrolment, app: Flask
) -> None:
    code = house.barcode(ada.member_id)
    till.send("/till/find", code="ada@example.com")

    till.send("/till/new-phone")

    phone = Browser(app)
    path = handed_over(till.page)
    phone.get(path)
    phone.send(path)
    assert phone.status == 200
    assert house.barcode(ada.member_id) == code


def test_a_lost_card_is_replaced_with_its_balance(
    till: Browser, house: House, ada: Enrolment, app: Flask
) -> None:
    old = house.barcode(ada.member_id)
    scan(till, house, ada)
    till.send("/till/earn", amount="12.40")
    till.get("/till")
    till.send("/till/find", code=ada.number)
    stale = {**till.hidden("/till/earn"), "amount": "5"}

    till.send("/till/lost-card")

    assert "The old card is dead" in till.page
    phone = Browser(app)
    path = handed_over(till.page)
    phone.get(path)
    phone.send(path)
    assert "12" in phone.page
    assert till.ask("/till/find", form="/till/lock", code=old).status_code == 404
    headers = {"Accept": "application/json"}
    answer = till.client.post("/till/earn", data=stale, base_url=PUBLIC_URL, headers=headers)
    assert answer.get_json()["code"] == "unknown_card"
    again = till.client.post("/till/lost-card", data=stale, base_url=PUBLIC_URL, headers=headers)
    assert again.status_code == 404
    scan(till, house, ada)
    assert balance(house, ada) == 12


def test_both_are_written_down_with_who_did_it(till: Browser, house: House, ada: Enrolment) -> None:
    till.send("/till/find", code=ada.number)
    till.send("/till/lost-card")

    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        entries: dict[str, Any] = {one.action: one for one in work.audit.latest(5)}
    assert entries["member.lost_card"].actor_id == house.staff_id
    assert entries["member.new_phone_link"].actor_id == house.staff_id
