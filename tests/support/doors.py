"""Who may pass which door: two shops with every role, and a way to knock as any of them.

A row of the route matrix names its door and its roles; `Town.knock` sends the request as a role
would: the owner signed in, staff at an unlocked till, a member with the personal link.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import delete, select
from werkzeug.test import TestResponse

from common.clock import ManualClock
from ledger.offers import RewardKind
from loyalty.apple_request import request_certificate
from loyalty.context import Loyalty
from loyalty.coupons import CouponForm, add_coupon
from loyalty.items import ItemForm, add_item
from loyalty.programmes import read_programme
from loyalty.rewards import add_reward
from loyalty.staff import add_staff
from loyalty.tills import add_till
from storage.mass_changes import MassChanges
from storage.tables import metadata
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.support.console import a_manager, an_owner
from tests.support.house import PUBLIC_URL, Browser, House, a_house, an_app, at_the_till
from web.till.session import NAME as TILL_COOKIE

STRANGER, OWNER, MANAGER, STAFF, MEMBER = "stranger", "owner", "manager", "staff", "member"
ROLES = (STRANGER, OWNER, MANAGER, STAFF, MEMBER)
CONSOLE = frozenset({OWNER, MANAGER})
EVERYBODY = frozenset(ROLES)
NOBODY: frozenset[str] = frozenset()
NO_TOKEN = "0" * 26
HOST = urlsplit(PUBLIC_URL).hostname or ""
# What any request may leave behind: when somebody was seen, and how many tries are left.
BOOKKEEPING = {"session": {"seen_at", "staff_until"}, "rate_bucket": None}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One route: who may pass, and what it takes.

    `form` is sent with a change; `without_token` marks a door that carries its own proof;
    `leaves` names tables that a look may write, with the reason beside the row; `ends_member` marks
    a change that a member does not outlive: it is tried on another member than the other rows'.
    """

    roles: frozenset[str]
    form: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    without_token: bool = False
    ends_session: bool = False
    ends_member: bool = False
    leaves: frozenset[str] = frozenset()


class Town:
    """Two shops, and one browser per role of the first."""

    def __init__(self, ctx: Loyalty, clock: ManualClock) -> None:
        self.ctx = ctx
        self.app: Flask = an_app(ctx)
        self.houses = {
            "A": a_house(ctx, clock, merchant_id=101),
            "B": a_house(ctx, clock, merchant_id=102, terms=None),
        }
        self.values = {name: self._values(house) for name, house in self.houses.items()}
        self.browsers = {
            STRANGER: Browser(self.app),
            OWNER: an_owner(self.app, ctx, 101),
            MANAGER: a_manager(self.app, ctx, 101),
            STAFF: at_the_till(self.app, self.houses["A"]),
            MEMBER: Browser(self.app),
        }
        self.tokens = {role: _form_token(browser) for role, browser in self.browsers.items()}

    def knock(
        self,
        endpoint: str,
        method: str,
        row: Row,
        *,
        role: str,
        shop: str = "A",
        token: bool = True,
    ) -> TestResponse:
        """Send the request of a row as `role`, with the ids of `shop`."""
        self._forget_earlier_knocks()
        values = dict(self.values[shop])
        if role != MEMBER:
            values["token"] = NO_TOKEN
        if row.ends_member:
            values["member_id"] = values["spare_member_id"]
        form = dict(row.form)
        browser, form_token = self.browsers[role], self.tokens[role]
        if row.ends_session and role == STRANGER:
            # Signing out forgets the browser's form token, which the other rows still need.
            browser = Browser(self.app)
            form_token = _form_token(browser)
        if method not in {"GET", "HEAD"} and token and not row.without_token:
            form["csrf_token"] = form_token
        answer = browser.client.open(
            self.address(endpoint, method, values),
            method=method,
            data=form if method not in {"GET", "HEAD"} else None,
            base_url=PUBLIC_URL,
            headers={"Accept": "text/html", **row.headers},
        )
        if role != STAFF:
            # "Use this device as the till" must not make the next row's visitor a till.
            browser.client.delete_cookie(TILL_COOKIE, domain=HOST)
        return answer

    def _forget_earlier_knocks(self) -> None:
        """All come from one address at one moment: refusals would else add up to a 429."""
        with self.ctx.database.connection(writing=True) as connection:
            connection.execute(delete(metadata.tables["rate_bucket"]))
            connection.commit()

    def address(self, endpoint: str, method: str, values: Mapping[str, Any]) -> str:
        """The path of a route with this shop's ids."""
        rules = [
            rule
            for rule in self.app.url_map.iter_rules(endpoint)
            if method in (rule.methods or set())
        ]
        with self.app.test_request_context(base_url=PUBLIC_URL):
            built = rules[0].build({name: values[name] for name in rules[0].arguments})
        assert built is not None, f"no address for {endpoint}"
        return built[1]

    def _values(self, house: House) -> dict[str, Any]:
        """Something for every variable of every address; ids that are nobody's device."""
        from common.actor import SYSTEM

        ctx, merchant_id = self.ctx, house.merchant_id
        member = house.enrol(name="Ada")
        with open_work(ctx.database, merchant_id, clock=house.clock, writing=False) as work:
            card = work.passes.current_of_member(member.member_id)
            images = work.programmes.draft(house.programme_id).design.images
            programme = read_programme(ctx, merchant_id, house.programme_id)
        return {
            "programme_id": house.programme_id,
            "reward_id": add_reward(
                ctx, merchant_id, programme.id, slug="cake", name="Cake", cost=20, actor=SYSTEM
            ),
            "coupon_id": add_coupon(
                ctx,
                merchant_id,
                programme.id,
                coupon=CouponForm(code="TEN", name="Ten off", kind=RewardKind.PERCENT, percent=10),
                actor=SYSTEM,
            ),
            "item_id": add_item(
                ctx, merchant_id, item=ItemForm(code="espresso", name="Espresso"), actor=SYSTEM
            ),
            "section": "rules",
            "kind": "spend",
            "key": "spend",
            "unit": "points",
            "location_id": _spare_branch(house),
            "staff_id": add_staff(ctx, merchant_id, name="Spare", role="staff", actor=SYSTEM),
            "till_id": add_till(
                ctx, merchant_id, location_id=house.location_id, name="Spare", actor=SYSTEM
            ),
            "member_id": member.member_id,
            "spare_member_id": house.enrol(name="Bob").member_id,
            **_at_the_door(house),
            **_about_members(house, member.member_id),
            "change_id": _change_of_many_cards(house),
            "message_id": _a_message(house),
            "gift_id": _a_gift(house),
            **_an_activity(house, member.card_token),
            "account": "nobody",
            "paper": "NOPAPER12345",
            "account_id": 1,
            "person_id": 1,
            "request_id": request_certificate(ctx, merchant_id, actor=SYSTEM).id,
            "certificate_id": 1,
            "role": "logo",
            "token": member.card_token,
            "code": house.join_code,
            "sha256": next(iter(images.values())).sha256,
            "filename": "regulars.css",
            "device": "phone-1",
            "pass_type": "pass.example.none",
            "serial": card.serial_number,
            "rest": "nowhere",
            "old_path": "loyalty/passes",
        }


def _an_activity(house: House, card_token: str) -> dict[str, int]:
    from common.actor import SYSTEM
    from loyalty.activities import ActivityForm, ActivityKind, add_activity
    from loyalty.activity_claims import Entry, claim_queue, send_in
    from loyalty.open_card import find_card
    from loyalty.referrals import ReferralRule, Thanks, save_referral_rule

    ctx, merchant_id, programme_id = house.ctx, house.merchant_id, house.programme_id
    rule = ReferralRule(active=True, thanks=Thanks.UNITS, referrer=10, friend=10)
    save_referral_rule(ctx, merchant_id, programme_id, rule, actor=SYSTEM)
    form = ActivityForm(kind=ActivityKind.QUESTION, name="Why", units=5, question="Why?", chances=9)
    activity_id = add_activity(ctx, merchant_id, programme_id, form, actor=SYSTEM)
    send_in(ctx, find_card(ctx, card_token), activity_id, Entry(text="Because"))
    (claim,) = claim_queue(ctx, merchant_id)
    return {"activity_id": activity_id, "claim_id": claim.id}


def _a_gift(house: House) -> int:
    from common.actor import SYSTEM
    from loyalty.gift_cards import SellRequest, sell_gift
    from loyalty.gift_people import GiftPeople
    from loyalty.gift_programme import open_gifts

    open_gifts(house.ctx, house.merchant_id, actor=SYSTEM)
    request = SellRequest(
        amount_minor=2500,
        people=GiftPeople(),
        language="en",
        actor=SYSTEM,
        idempotency_key="town",
    )
    return sell_gift(house.ctx, house.merchant_id, request).gift_id


def _at_the_door(house: House) -> dict[str, int]:
    from common.actor import SYSTEM
    from loyalty.join_links import add_source, invite

    ctx, shop, programme = house.ctx, house.merchant_id, house.programme_id
    (code,) = invite(ctx, shop, programme, label="Ann", actor=SYSTEM)
    source = add_source(ctx, shop, programme, name="Parcel", actor=SYSTEM)
    return {"source_id": source.id, "invitation_id": code.id}


def _about_members(house: House, member_id: int) -> dict[str, int]:
    from common.actor import SYSTEM
    from loyalty.member_notes import add_note
    from loyalty.merge_members import merge_members

    ctx, shop = house.ctx, house.merchant_id
    one, other = (house.enrol(name="Twice").member_id for _each in range(2))
    return {
        "note_id": add_note(ctx, shop, member_id, "Likes oat milk", actor=SYSTEM),
        "merge_id": merge_members(ctx, shop, one, other, actor=SYSTEM),
    }


def _change_of_many_cards(house: House) -> int:
    def action(work: UnitOfWork) -> int:
        work.deliveries.bump_programme(house.programme_id, reason="design")
        return MassChanges(work.scope).lines()[0].id

    return run_work(house.ctx.database, house.merchant_id, action, clock=house.clock)


def _a_message(house: House) -> int:
    from common.actor import SYSTEM
    from loyalty.messages import NewMessage, send_message
    from storage.segments import Segment, SegmentKind

    new = NewMessage(
        programme_id=house.programme_id,
        segment=Segment(kind=SegmentKind.ALL),
        texts={"en": "Hello"},
    )
    return send_message(house.ctx, house.merchant_id, new, actor=SYSTEM)


def _spare_branch(house: House) -> int:
    from common.actor import SYSTEM
    from loyalty.places import add_location

    return add_location(
        house.ctx,
        house.merchant_id,
        name="Spare",
        address="",
        time_zone="UTC",
        latitude=None,
        longitude=None,
        actor=SYSTEM,
    )


def _form_token(browser: Browser) -> str:
    """The token of forms of this browser, from whichever page it may see."""
    for path in ("/console/password", "/till", "/console/sign-in"):
        browser.get(path)
        found = re.search(r'name="csrf_token" value="([^"]+)"', browser.page)
        if browser.status == 200 and found:
            return found[1]
    raise AssertionError("no page with a form")


@contextmanager
def unchanged(
    ctx: Loyalty, *, but: frozenset[str] = frozenset(), merchant_id: int | None = None
) -> Iterator[None]:
    """Fail when the block changed a row, of one merchant or of all, beyond bookkeeping."""
    before = _rows(ctx, but=but, merchant_id=merchant_id)
    yield
    after = _rows(ctx, but=but, merchant_id=merchant_id)
    assert {name for name in before if before[name] != after[name]} == set()


def _rows(ctx: Loyalty, *, but: frozenset[str], merchant_id: int | None) -> dict[str, str]:
    """A digest of every table."""
    found = {}
    with ctx.database.connection(writing=False) as connection:
        for table in metadata.sorted_tables:
            free = BOOKKEEPING.get(table.name, set())
            if free is None or table.name in but:
                continue
            query = select(*(column for column in table.c if column.name not in free))
            if merchant_id is not None:
                if "merchant_id" not in table.c:
                    continue
                query = query.where(table.c.merchant_id == merchant_id)
            lines = sorted(repr(tuple(row)) for row in connection.execute(query))
            found[table.name] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return found
