"""At the counter, over HTTP, on both engines: by plain forms, and as the till's script asks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.balance import card_state
from loyalty.context import Loyalty
from loyalty.enrol import Enrolment
from loyalty.staff import disable_staff, make_pin_link
from loyalty.tills import make_pairing_code, revoke_till
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
    points,
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


def balance(house: House, member: Enrolment) -> int:
    return card_state(house.ctx, house.merchant_id, member.member_id).balance


def movements(house: House, member: Enrolment) -> int:
    return len(card_state(house.ctx, house.merchant_id, member.member_id).history)


def scan(till: Browser, house: House, member: Enrolment) -> None:
    till.get("/till")
    till.send("/till/find", code=house.barcode(member.member_id))
    assert till.status == 200, till.page


def operation_id(till: Browser) -> str:
    return till.hidden("/till/undo")["operation"]


# --- the door ---------------------------------------------------------------------------------


def test_an_unknown_device_is_asked_for_a_pairing_code(app: Flask) -> None:
    stranger = Browser(app)

    stranger.get("/till")

    assert "Make this device a till" in stranger.page


def test_a_pairing_code_works_once(app: Flask, house: House) -> None:
    code = make_pairing_code(house.ctx, house.merchant_id, house.till_id, actor=SYSTEM)
    first, second = Browser(app), Browser(app)

    first.get("/till")
    first.send("/till/pair", code=f" {code[:4].lower()}-{code[4:]} ")
    second.get("/till")
    second.send("/till/pair", code=code)

    assert "Type your PIN" in first.page
    assert second.status == 404
    assert "has been used" in second.page


def test_the_pin_alone_picks_the_person_and_no_name_shows_before_it(
    app: Flask, house: House
) -> None:
    till = at_the_till(app, house, pin=None)

    assert "Sam" not in till.page
    assert "Mia" not in till.page
    till.send("/till/pin", pin=MANAGER_PIN)
    assert "Mia Manager" in till.page


def test_five_wrong_pins_make_the_till_wait_even_for_the_right_one(
    app: Flask, house: House
) -> None:
    till = at_the_till(app, house, pin=None)
    for _try in range(5):
        till.send("/till/pin", pin="0101")
        assert till.status == 422

    till.send("/till/pin", pin=STAFF_PIN)

    assert till.status == 429
    assert "Too many wrong PINs" in till.page
    house.clock.advance(seconds=31)
    till.send("/till/pin", pin=STAFF_PIN)
    assert "Sam Barista" in till.page


def test_a_right_pin_does_not_buy_guesses_at_another(app: Flask, house: House) -> None:
    till = at_the_till(app, house, pin=None)
    statuses = []
    for _round in range(3):
        for pin in ("0101", "0102", STAFF_PIN):
            form = till.hidden("/till/pin", page=till.get("/till").get_data(as_text=True))
            answer = till.client.post(
                "/till/pin",
                data={**form, "pin": pin},
                base_url=PUBLIC_URL,
                headers={"Accept": "application/json"},
            )
            statuses.append(answer.status_code)
            if pin == STAFF_PIN and answer.status_code < 400:
                till.get("/till")
                till.send("/till/lock")

    assert 429 in statuses


@pytest.mark.parametrize("pin", ["", "12", "1234567890" * 100, "abcd", "５９３７", "\x00"])
def test_what_is_no_pin_opens_nothing(app: Flask, house: House, pin: str) -> None:
    till = at_the_till(app, house, pin=None)

    till.send("/till/pin", pin=pin)

    assert till.status == 422
    assert "This PIN is not right" in till.page


def test_the_till_locks_by_itself_and_stays_open_while_it_is_used(
    till: Browser, house: House, ada: Enrolment
) -> None:
    for _minutes in range(3):
        house.clock.advance(minutes=4)
        scan(till, house, ada)
    house.clock.advance(minutes=5, seconds=1)

    till.get("/till")

    assert "Type your PIN" in till.page


def test_a_locked_till_does_nothing_and_says_so_to_a_script(
    till: Browser, house: House, ada: Enrolment
) -> None:
    scan(till, house, ada)
    house.clock.advance(minutes=6)

    answer = till.ask("/till/earn", amount="12.40")

    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["code"] == "till_locked"
    assert balance(house, ada) == 0


def test_a_revoked_till_is_a_till_no_more(till: Browser, house: House) -> None:
    revoke_till(house.ctx, house.merchant_id, house.till_id, actor=SYSTEM)

    till.get("/till")

    assert "Make this device a till" in till.page


def test_a_person_who_left_is_out_at_once(till: Browser, house: House) -> None:
    disable_staff(house.ctx, house.merchant_id, house.staff_id, actor=SYSTEM)

    till.get("/till")

    assert "Type your PIN" in till.page


def test_staff_choose_their_own_pin_by_a_link_that_works_once(app: Flask, house: House) -> None:
    token = make_pin_link(house.ctx, house.merchant_id, house.staff_id, actor=SYSTEM)
    own_phone = Browser(app)
    path = f"/till/pin/{token}"

    own_phone.get(path)
    own_phone.send(path, pin="7391", again="7319")
    assert own_phone.status == 422
    own_phone.send(path, pin="1111", again="1111")
    assert own_phone.status == 422
    own_phone.send(path, pin=MANAGER_PIN, again=MANAGER_PIN)
    assert own_phone.status == 422
    own_phone.send(path, pin="7391", again="7391")
    assert own_phone.status == 200
    own_phone.get(path)
    assert own_phone.status == 404
    till = at_the_till(app, house, pin="7391")
    assert "Sam Barista" in till.page


# --- collect ----------------------------------------------------------------------------------


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


# --- who may do what --------------------------------------------------------------------------


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
    operation = operation_id(till)
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


# --- new phone, lost card ---------------------------------------------------------------------


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


# --- strangers --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["find", "earn", "redeem", "undo", "new-phone", "lost-card"])
def test_a_stranger_reaches_nothing_behind_the_door(app: Flask, path: str) -> None:
    stranger = Browser(app)
    stranger.get("/till")
    token = stranger.hidden("/till/pair")

    answer = stranger.client.post(
        f"/till/{path}", data=token, base_url=PUBLIC_URL, headers={"Accept": "application/json"}
    )

    assert answer.status_code == 401
    assert answer.get_json()["code"] == "not_paired"


@pytest.mark.parametrize("cookie", ["x", "0" * 52, "A" * 3000, "\u00e9"])
def test_a_made_up_cookie_is_no_till(app: Flask, house: House, cookie: str) -> None:
    stranger = Browser(app)
    stranger.client.set_cookie("regulars-till", cookie, domain="127.0.0.1")

    stranger.get("/till")

    assert "Make this device a till" in stranger.page


def test_a_console_token_is_no_till(app: Flask, house: House) -> None:
    from signing.tokens import random_session_token, token_hash
    from storage.sessions import Session

    token = random_session_token()
    now = house.clock.now()
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock) as work:
        work.sessions.add(
            Session(
                token_hash=token_hash(token),
                kind="console",
                merchant_id=house.merchant_id,
                created_at=now,
                seen_at=now,
                expires_at=now.replace(year=2030),
            )
        )
        work.commit()
    stranger = Browser(app)
    stranger.client.set_cookie("regulars-till", token, domain="127.0.0.1")

    stranger.get("/till")

    assert "Make this device a till" in stranger.page


def test_without_the_forms_token_nothing_happens(
    till: Browser, house: House, ada: Enrolment
) -> None:
    scan(till, house, ada)
    form = {**till.hidden("/till/earn"), "amount": "5", "csrf_token": "no"}

    answer = till.client.post("/till/earn", data=form, base_url=PUBLIC_URL)

    assert answer.status_code == 400
    assert movements(house, ada) == 0


def test_only_the_scanner_page_may_run_webassembly_and_the_camera(till: Browser) -> None:
    scanner = till.get("/till").headers
    till.send("/till/lock")
    locked = till.get("/till").headers

    assert "'wasm-unsafe-eval'" in scanner["Content-Security-Policy"]
    assert "camera=(self)" in scanner["Permissions-Policy"]
    assert "wasm-unsafe-eval" not in locked["Content-Security-Policy"]
    assert "camera=()" in locked["Permissions-Policy"]


def test_the_tills_cookie_is_out_of_reach_of_scripts_and_other_sites(
    app: Flask, house: House
) -> None:
    code = make_pairing_code(house.ctx, house.merchant_id, house.till_id, actor=SYSTEM)
    device = Browser(app)
    device.get("/till")

    answer = device.send("/till/pair", follow=False, code=code)

    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if "regulars-till" in c)
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
