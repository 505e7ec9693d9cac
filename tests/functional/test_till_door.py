"""Before the first scan: pairing, PIN, lock, strangers; over HTTP, on both engines."""

from __future__ import annotations

import pytest
from flask import Flask

from common.actor import SYSTEM
from common.clock import ManualClock
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
    balance,
    movements,
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
    assert "SameSite=Lax" in cookie


def test_the_till_of_a_suspended_shop_says_so_and_is_no_stranger(
    till: Browser, house: House
) -> None:
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock) as work:
        work.merchants.set_status("suspended")
        work.commit()

    till.get("/till")

    assert till.status == 403
    assert "This shop is suspended" in till.page
    assert "Make this device a till" not in till.page
