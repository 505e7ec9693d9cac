"""Staff enrol somebody at the counter by a phone number or a name alone; paper serves who has no phone."""

from __future__ import annotations

import re

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.doors import set_join_rules, set_state
from loyalty.find_member import find_members
from storage.join_rules import JoinRules, Who
from storage.unit_of_work import open_work
from tests.support.house import PHONE, Browser, House, a_house, an_app, at_the_till


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def till(house: House) -> Browser:
    return at_the_till(an_app(house.ctx), house)


def enrols(till: Browser, **values: str) -> None:
    till.get("/till/new-customer")
    till.send("/till/new-customer", **values)


@pytest.mark.parametrize("typed", [{"phone": "030 901820"}, {"name": "Ada"}], ids=str)
def test_a_phone_number_or_a_name_alone_is_enough(
    till: Browser, house: House, typed: dict[str, str]
) -> None:
    enrols(till, **typed)

    assert "The card is made." in till.page
    link = re.search(r'data-address="[^"]*(/m/again/[^"]+)"', till.page)
    assert link
    phone = Browser(an_app(house.ctx), PHONE)
    phone.get(link[1])
    phone.send(link[1])
    assert "Show this code at the till" in phone.page
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        (member,) = work.members.recent()
        offers = [one.given for one in work.members.consents(member.id) if one.purpose == "offers"]
    assert (member.source, offers) == ("till", [False])


def test_a_known_contact_gets_no_second_card(till: Browser, house: House) -> None:
    ada = house.enrol(name="Ada", phone="+4930901820").member_id

    enrols(till, phone="030 901820")

    assert "has a card already" in till.page
    (found,) = find_members(house.ctx, house.merchant_id, "+4930901820")
    assert found.member_id == ada


def test_the_same_form_twice_is_one_customer(till: Browser, house: House) -> None:
    till.get("/till/new-customer")
    form = till.hidden("/till/new-customer")
    for _twice in range(2):
        till.get("/till/new-customer")
        till.send("/till/new-customer", **{**form, "name": "Ada"})

    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        assert len(work.members.recent()) == 1


def test_nothing_typed_and_closed_cards_are_refused(till: Browser, house: House) -> None:
    enrols(till)
    assert till.status == 422
    assert "Type a name" in till.page
    set_state(house.ctx, house.merchant_id, house.programme_id, "closed", actor=SYSTEM)

    till.get("/till/new-customer")

    assert "No card takes new members" in till.page


def test_the_printed_card_is_scanned_like_any_other(till: Browser, house: House) -> None:
    enrols(till, name="Ada")
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        (member,) = work.members.recent()

    till.send("/till/print-card", paper="receipt")

    assert "printed-receipt" in till.page
    assert member.number[:5] in till.page
    assert "<svg" in till.page
    (found,) = find_members(house.ctx, house.merchant_id, house.barcode(member.id))
    assert found.may_redeem


def test_staff_see_a_candidate_before_they_promise_anything(till: Browser, house: House) -> None:
    rules = JoinRules(who=Who.PURCHASES, purchases=2)
    set_join_rules(house.ctx, house.merchant_id, house.programme_id, rules, actor=SYSTEM)
    enrols(till, name="Ada")

    till.send("/till/find")

    assert "more purchase" in till.page
