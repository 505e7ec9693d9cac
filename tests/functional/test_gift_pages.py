"""Gift cards through the doors: ordered by a stranger, paid at the counter or by card, used at the
till, looked after in the console."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from common.actor import SYSTEM
from common.checkout import Checkout, CheckoutRequest
from common.clock import ManualClock
from common.errors import DeliveryError
from loyalty.context import Loyalty
from loyalty.gift_cards import send_due_gifts
from loyalty.gift_programme import GiftShop, open_gifts
from loyalty.gift_views import list_gifts, read_gift
from loyalty.payments import connect_stripe, read_stripe
from storage.engine import Database
from tests.support.builders import CAFE
from tests.support.console import an_owner
from tests.support.gifts import a_gift, sell_gifts
from tests.support.house import PUBLIC_URL, Browser, House, a_house, an_app, at_the_till
from tests.support.letters import waiting

KEY, SECRET = "sk_test_abcdefgh1234", "whsec_abcdefgh1234"


class Register:
    """A provider that takes every payment that the test says was made."""

    def __init__(self) -> None:
        self.opened: dict[str, CheckoutRequest] = {}
        self.paid: set[str] = set()
        self.amount_minor: int | None = None
        self.is_away = False

    def open_checkout(self, key: str, request: CheckoutRequest) -> Checkout:
        self._answer(key)
        session = f"cs_test_{request.reference}"
        self.opened[session] = request
        return Checkout(id=session, url=f"https://checkout.stripe.com/pay/{session}")

    def read_checkout(self, key: str, checkout_id: str) -> Checkout:
        self._answer(key)
        request = self.opened[checkout_id]
        return Checkout(
            id=checkout_id,
            reference=request.reference,
            paid=checkout_id in self.paid,
            amount_minor=self.amount_minor or request.amount_minor,
            currency=request.currency,
        )

    def _answer(self, key: str) -> None:
        assert key == KEY
        if self.is_away:
            raise DeliveryError("Stripe did not answer.")


@pytest.fixture
def register() -> Register:
    return Register()


@pytest.fixture
def mailing(ctx: Loyalty, register: Register) -> Loyalty:
    return replace(ctx, settings=replace(ctx.settings, sends_mail=True), payments=register)


@pytest.fixture
def house(mailing: Loyalty, clock: ManualClock) -> House:
    return a_house(mailing, clock)


@pytest.fixture
def shop(mailing: Loyalty, house: House) -> GiftShop:
    return sell_gifts(mailing, contact="Call 030 1234")


@pytest.fixture
def app(mailing: Loyalty, shop: GiftShop) -> Flask:
    return an_app(mailing)


def order(app: Flask, shop: GiftShop, **values: str) -> Browser:
    browser = Browser(app)
    browser.get(f"/gift/{shop.code}")
    browser.send(f"/gift/{shop.code}", **{"amount": "25.00", **values})
    return browser


def order_code(page: str) -> str:
    found = re.search(r"data-order-code>([0-9A-Z]+)<", page)
    assert found, page
    return found[1]


def tell(app: Flask, ctx: Loyalty, session: str, **more: Any) -> TestResponse:
    """What Stripe sends when a checkout was paid."""
    state = read_stripe(ctx, CAFE.id)
    assert state is not None
    body = json.dumps(
        {
            "id": "evt_1",
            "type": more.get("kind", "checkout.session.completed"),
            "data": {"object": {"id": session, "payment_status": "paid"}},
        }
    ).encode()
    moment = int(ctx.clock.now().timestamp()) + int(more.get("late_s", 0))
    secret = str(more.get("secret", SECRET))
    signed = hmac.digest(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hex()
    return app.test_client().post(
        f"/hooks/stripe/{more.get('endpoint', state.endpoint)}",
        data=body,
        base_url=PUBLIC_URL,
        headers={"Stripe-Signature": f"t={moment},v1={signed}"},
    )


def connect(ctx: Loyalty) -> None:
    connect_stripe(ctx, CAFE.id, key=KEY, hook_secret=SECRET, actor=SYSTEM)


def states(ctx: Loyalty) -> list[tuple[str, int]]:
    return [(one.state, one.balance_minor) for one in list_gifts(ctx, CAFE.id)]


def test_an_order_is_worth_nothing_until_the_counter_took_the_money(
    mailing: Loyalty, app: Flask, shop: GiftShop, house: House
) -> None:
    buyer = order(app, shop, recipient="Ben", email="ben@example.com", message="Happy birthday")
    assert "Pay by card" not in buyer.page
    assert states(mailing) == [("ordered", 0)]
    assert waiting(mailing, CAFE.id) == []

    till = at_the_till(app, house)
    till.get("/till/gift")
    till.send("/till/gift/order", order=order_code(buyer.page).lower())
    till.send("/till/gift/paid")

    assert "data-number" in till.page
    assert states(mailing) == [("sent", 2500)]
    ((kind, mail, _letter),) = waiting(mailing, CAFE.id)
    assert (kind, mail.to, mail.facts["message"]) == ("gift", "ben@example.com", "Happy birthday")
    ben = Browser(app)
    ben.get(mail.facts["url"].removeprefix(PUBLIC_URL))
    assert "€25.00" in ben.page
    buyer.get(f"/gift/{shop.code}")
    assert mail.facts["url"] not in buyer.page


def test_paid_by_card_it_is_alive_once_however_often_stripe_tells(
    mailing: Loyalty, app: Flask, shop: GiftShop, register: Register
) -> None:
    connect(mailing)
    buyer = order(app, shop)
    action = re.search(r'action="(/gift/[^"]+/pay)"', buyer.page)
    assert action
    away = buyer.send(action[1], follow=False)
    assert away.headers["Location"].startswith("https://checkout.stripe.com/pay/cs_test_")
    (session,) = register.opened
    assert tell(app, mailing, session).status_code == 200
    assert states(mailing) == [("ordered", 0)]  # Stripe was asked, and it was not paid

    register.paid.add(session)
    assert [tell(app, mailing, session).status_code for _time in range(3)] == [200, 200, 200]

    assert states(mailing) == [("sent", 2500)]
    buyer.get(action[1].removesuffix("/pay"))
    assert "Open the gift card" in buyer.page


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "whsec_other_one"},
        {"late_s": -301},
        {"late_s": 301},
        {"endpoint": "NOBODY"},
    ],
)
def test_a_message_that_is_not_from_stripe_just_now_rings_nothing(
    mailing: Loyalty, app: Flask, shop: GiftShop, register: Register, wrong: dict[str, Any]
) -> None:
    connect(mailing)
    buyer = order(app, shop)
    action = re.search(r'action="(/gift/[^"]+/pay)"', buyer.page)
    assert action
    buyer.send(action[1], follow=False)
    (session,) = register.opened
    register.paid.add(session)

    assert tell(app, mailing, session, **wrong).status_code == 403

    assert states(mailing) == [("ordered", 0)]


def test_another_amount_than_was_ordered_makes_nothing_alive(
    mailing: Loyalty, app: Flask, shop: GiftShop, register: Register
) -> None:
    connect(mailing)
    buyer = order(app, shop)
    action = re.search(r'action="(/gift/[^"]+/pay)"', buyer.page)
    assert action
    buyer.send(action[1], follow=False)
    (session,) = register.opened
    register.paid.add(session)
    register.amount_minor = 100

    assert tell(app, mailing, session).status_code == 200

    assert states(mailing) == [("ordered", 0)]


def test_without_an_answer_from_stripe_the_counter_still_takes_the_order(
    mailing: Loyalty, app: Flask, shop: GiftShop, register: Register
) -> None:
    connect(mailing)
    buyer = order(app, shop)
    register.is_away = True
    action = re.search(r'action="(/gift/[^"]+/pay)"', buyer.page)
    assert action

    buyer.send(action[1])

    assert buyer.status == 503
    assert "Pay at the counter" in buyer.page
    state = read_stripe(mailing, CAFE.id)
    assert state is not None
    assert state.broken_at is not None


def test_a_mail_with_a_day_leaves_that_morning(
    mailing: Loyalty, app: Flask, shop: GiftShop, house: House, clock: ManualClock
) -> None:
    buyer = order(app, shop, email="ben@example.com", send_on="2026-12-24")
    till = at_the_till(app, house)
    till.get("/till/gift")
    till.send("/till/gift/order", order=order_code(buyer.page))
    till.send("/till/gift/paid")
    assert states(mailing) == [("paid", 2500)]

    clock.advance(days=31, hours=18)  # 06:00 UTC, an hour too early in Berlin
    assert send_due_gifts(mailing, CAFE.id) == 0
    clock.advance(hours=2)
    assert send_due_gifts(mailing, CAFE.id) == 1
    assert send_due_gifts(mailing, CAFE.id) == 0

    assert states(mailing) == [("sent", 2500)]
    assert [mail.to for _kind, mail, _letter in waiting(mailing, CAFE.id)] == ["ben@example.com"]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"amount": "1.00"}, "worth from 5.00 to 250.00"),
        ({"amount": "abc"}, "Type an amount like"),
        ({"send_on": "2026-12-24"}, "to which address"),
        ({"email": "b@example.com", "send_on": "2025-01-01"}, "from today"),
        ({"email": "b@example.com", "send_on": "soon"}, "Write the day like"),
        ({"message": "http://evil.example"}, "Leave web"),
        ({"company": "robot"}, "press the button"),
    ],
)
def test_what_cannot_be_ordered_says_why_and_keeps_nothing(
    mailing: Loyalty, app: Flask, shop: GiftShop, values: dict[str, str], complaint: str
) -> None:
    browser = order(app, shop, **values)

    assert browser.status == 422
    assert complaint in browser.page
    assert states(mailing) == []


def test_at_the_till_a_gift_card_pays_what_it_holds_and_says_what_is_left_to_pay(
    mailing: Loyalty, app: Flask, shop: GiftShop, house: House
) -> None:
    gift = a_gift(mailing)
    till = at_the_till(app, house)
    till.get("/till")
    till.send("/till/find", code=house.barcode(gift.member_id))
    assert "€25.00" in till.page

    till.send("/till/gift/pay", amount="30.00")

    assert "Still to pay: €5.00" in till.page
    assert states(mailing) == [("sent", 0)]


def test_a_short_number_pays_with_its_pin_and_not_without(
    mailing: Loyalty, app: Flask, house: House, database: Database
) -> None:
    del database
    sell_gifts_again = open_gifts_with_pins(mailing)
    gift = a_gift(mailing)
    till = at_the_till(app, house)
    till.get("/till")
    till.send("/till/find", code=gift.number)
    till.send("/till/gift/pay", amount="10.00")
    assert "manager" in till.page
    till.send("/till/gift/pay", amount="10.00", gift_pin="000000")
    assert "not the PIN" in till.page

    till.send("/till/gift/pay", amount="10.00", gift_pin=gift.pin)

    assert "Paid in full" in till.page
    assert read_gift(mailing, CAFE.id, gift.gift_id).balance_minor == 1500
    assert sell_gifts_again.settings.pins


def open_gifts_with_pins(ctx: Loyalty) -> GiftShop:
    from loyalty.gift_programme import change_gifts, read_gifts

    shop = read_gifts(ctx, CAFE.id)
    return change_gifts(ctx, CAFE.id, replace(shop.settings, pins=True), actor=SYSTEM)


def test_the_balance_page_tells_one_thing_and_stops_guessers(
    mailing: Loyalty, app: Flask, shop: GiftShop
) -> None:
    gift = a_gift(mailing)
    browser = Browser(app)
    browser.get(f"/gift/{shop.code}/balance")
    assert "Call 030 1234" in browser.page
    browser.send(f"/gift/{shop.code}/balance", number=gift.number)
    assert "€25.00" in browser.page

    seen = set()
    for guess in range(9):
        browser.send(f"/gift/{shop.code}/balance", number=f"{guess:020d}")
        seen.add(browser.status)
    assert seen == {404}
    browser.send(f"/gift/{shop.code}/balance", number=gift.number)

    assert browser.status == 429
    assert "€25.00" not in browser.page


def test_the_owner_opens_freezes_replaces_and_connects(
    mailing: Loyalty, app: Flask, shop: GiftShop
) -> None:
    gift = a_gift(mailing)
    owner = an_owner(app, mailing, CAFE.id)
    owner.get("/console/gifts")
    assert shop.code in owner.page
    assert "code to pay at the counter, and nothing else" in owner.page
    owner.send("/console/gifts/stripe", key="pk_live_x", hook_secret="x")
    assert owner.status == 422
    owner.send("/console/gifts/stripe", key=KEY, hook_secret=SECRET)
    assert "Test key" in owner.page
    assert KEY not in owner.page

    path = f"/console/gifts/{gift.gift_id}"
    owner.get(path)
    owner.send(f"{path}/freeze")
    assert states(mailing) == [("frozen", 2500)]
    owner.send(f"{path}/replace")

    assert states(mailing) == [("sent", 2500)]
    assert gift.number not in owner.page.replace(" ", "")


def test_an_unknown_page_and_a_closed_one_look_alike(mailing: Loyalty, app: Flask) -> None:
    browser = Browser(app)
    browser.get("/gift/NOSUCH99")

    assert browser.status == 404
    assert "sells no gift cards" in browser.page
    with pytest.raises(Exception, match="already"):
        open_gifts(mailing, CAFE.id, actor=SYSTEM)


def test_the_consoles_pages_stand_with_gift_cards(
    mailing: Loyalty, app: Flask, shop: GiftShop
) -> None:
    gift = a_gift(mailing, recipient="Ben")
    owner = an_owner(app, mailing, CAFE.id)
    card = f"/console/cards/{shop.programme_id}"
    paths = ["", "/members", "/activity", "/messages", "/messages/new", "/cards?all=1"]
    of_card = ["", "/publish", "/rules", "/rewards", "/questions", "/coupons", "/statement"]
    of_card += ["/referrals", "/activities", "/door"]

    for path in [f"/console{one}" for one in paths] + [card + one for one in of_card]:
        owner.get(path)
        assert owner.status in {200, 404}, (path, owner.status)
    owner.get("/console/members")
    assert "Ben" not in owner.page
    owner.get(f"/console/members/{gift.member_id}")
    assert "€25.00" in owner.page
