"""A shop with everything the counter needs, made by the use cases, and browsers to visit it with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from common.actor import SYSTEM
from common.clock import ManualClock
from ledger.terms import PointsTerms, StampTerms, Terms
from loyalty.balance import card_state
from loyalty.context import Loyalty
from loyalty.enrol import Enrolment, EnrolRequest, enrol
from loyalty.places import add_location
from loyalty.programmes import add_programme, set_join_fields
from loyalty.publish import publish
from loyalty.rewards import add_reward
from loyalty.staff import add_staff, set_pin
from loyalty.tills import add_till, use_this_device
from signing.tokens import barcode_token
from storage.unit_of_work import open_work
from web.app import WebSettings, create_app

PUBLIC_URL = "http://127.0.0.1:8080"
STAFF_PIN = "5937"
MANAGER_PIN = "8264"
PHONE = {
    "User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
}
ANDROID = {
    "User-Agent": "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Mobile Safari/537.36"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """One merchant's programme, till and people."""

    ctx: Loyalty
    clock: ManualClock
    merchant_id: int
    programme_id: int
    join_code: str
    till_id: int
    location_id: int
    staff_id: int
    manager_id: int
    till_token: str

    def enrol(self, **values: Any) -> Enrolment:
        request = EnrolRequest(
            programme_id=self.programme_id,
            **{"source": "command", "actor": SYSTEM, **values},
        )
        return enrol(self.ctx, self.merchant_id, request)

    def barcode(self, member_id: int) -> str:
        """What the QR on the member's present card holds."""
        with open_work(
            self.ctx.database, self.merchant_id, clock=self.clock, writing=False
        ) as work:
            card = work.passes.current_of_member(member_id)
        return barcode_token(
            self.ctx.keyring,
            merchant_id=self.merchant_id,
            pass_id=card.id,
            generation=card.generation,
        )


def points(spend_minor: int = 100) -> PointsTerms:
    return PointsTerms(version=0, currency="EUR", spend_minor=spend_minor, points=1)


def stamps(goal: int = 9) -> StampTerms:
    return StampTerms(version=0, goal=goal)


def a_house(
    ctx: Loyalty,
    clock: ManualClock,
    *,
    merchant_id: int = 101,
    terms: Terms | None = None,
    published: bool = True,
    asks: tuple[str, str, str] = ("optional", "optional", "optional"),
    reward_cost: int = 10,
) -> House:
    """The café, open for customers; `asks` are name, e-mail and phone."""
    terms = terms or points()
    programme_id = add_programme(
        ctx, merchant_id, slug="club", name="Bean Club", terms=terms, actor=SYSTEM
    )
    name, email, phone = asks
    set_join_fields(
        ctx, merchant_id, programme_id, name=name, email=email, phone=phone, actor=SYSTEM
    )
    if isinstance(terms, PointsTerms):
        add_reward(
            ctx,
            merchant_id,
            programme_id,
            slug="coffee",
            name="Coffee",
            cost=reward_cost,
            actor=SYSTEM,
        )
    if published:
        publish(ctx, merchant_id, programme_id, actor=SYSTEM)
    location_id = add_location(
        ctx,
        merchant_id,
        name="High Street",
        address="1 High Street",
        time_zone="Europe/Berlin",
        latitude=None,
        longitude=None,
        actor=SYSTEM,
    )
    staff_id = add_staff(ctx, merchant_id, name="Sam Barista", role="staff", actor=SYSTEM)
    set_pin(ctx, merchant_id, staff_id, STAFF_PIN, actor=SYSTEM)
    manager_id = add_staff(ctx, merchant_id, name="Mia Manager", role="manager", actor=SYSTEM)
    set_pin(ctx, merchant_id, manager_id, MANAGER_PIN, actor=SYSTEM)
    till_id = add_till(ctx, merchant_id, location_id=location_id, name="Front", actor=SYSTEM)
    with open_work(ctx.database, merchant_id, clock=clock, writing=False) as work:
        join_code = work.programmes.get(programme_id).join_code
    return House(
        ctx=ctx,
        clock=clock,
        merchant_id=merchant_id,
        programme_id=programme_id,
        join_code=join_code,
        till_id=till_id,
        location_id=location_id,
        staff_id=staff_id,
        manager_id=manager_id,
        till_token=use_this_device(ctx, merchant_id, till_id, actor=SYSTEM),
    )


def an_app(ctx: Loyalty, **settings: Any) -> Flask:
    """The web application over `ctx`."""
    values = {"public_url": PUBLIC_URL, "secret_key": "a secret of the tests only", **settings}
    app = create_app(ctx, WebSettings(**values))
    app.testing = True
    return app


class Browser:
    """A person's browser without scripts: it fills forms with their own hidden fields."""

    def __init__(self, app: Flask, headers: dict[str, str] | None = None) -> None:
        self.client: FlaskClient = app.test_client()
        self.headers = headers or {}
        self.page = ""
        self.status = 0

    def get(self, path: str, **options: Any) -> TestResponse:
        response = self.client.get(
            path, base_url=PUBLIC_URL, headers=self.headers, follow_redirects=True, **options
        )
        return self._keep(response)

    def send(self, action: str, *, follow: bool = True, **values: str) -> TestResponse:
        """Fill and send the form of this page whose action is `action`."""
        fields = {**self.hidden(action), **values}
        response = self.client.post(
            action, data=fields, base_url=PUBLIC_URL, headers=self.headers, follow_redirects=follow
        )
        return self._keep(response) if follow else response

    def ask(self, action: str, *, form: str | None = None, **values: str) -> TestResponse:
        """Send a form as the till's script does: the answer is JSON."""
        fields = {**self.hidden(form or action), **values}
        headers = {**self.headers, "Accept": "application/json"}
        return self.client.post(action, data=fields, base_url=PUBLIC_URL, headers=headers)

    def hidden(self, action: str, *, page: str | None = None) -> dict[str, str]:
        """The hidden fields of the first form with this action on the page."""
        text = self.page if page is None else page
        found = re.search(
            rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', text, re.DOTALL
        )
        assert found, f"no form for {action} on this page"
        fields = {}
        for tag in re.findall(r"<input[^>]*>", found[1]):
            kind, name, value = (
                re.search(rf'\b{attribute}="([^"]*)"', tag)
                for attribute in ("type", "name", "value")
            )
            if kind and kind[1] == "hidden" and name:
                fields[name[1]] = value[1] if value else ""
        return fields

    def _keep(self, response: TestResponse) -> TestResponse:
        self.page = response.get_data().decode("utf-8", "replace")
        self.status = response.status_code
        return response


def at_the_till(app: Flask, house: House, pin: str | None = STAFF_PIN) -> Browser:
    """A paired device; opened, unless `pin` is None."""
    browser = Browser(app)
    browser.client.set_cookie("regulars-till", house.till_token, domain="127.0.0.1")
    browser.get("/till")
    if pin is not None:
        browser.send("/till/pin", pin=pin)
    return browser


def balance(house: House, member: Enrolment) -> int:
    return card_state(house.ctx, house.merchant_id, member.member_id).balance


def movements(house: House, member: Enrolment) -> int:
    return len(card_state(house.ctx, house.merchant_id, member.member_id).history)


def scan(till: Browser, house: House, member: Enrolment) -> None:
    """Show the member's card to the till."""
    till.get("/till")
    till.send("/till/find", code=house.barcode(member.member_id))
    assert till.status == 200, till.page
