"""Branches, staff, tills, people and the day in the console, on both engines."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from common.actor import Actor, ActorKind
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from storage.unit_of_work import open_work
from tests.support.console import a_manager, an_owner
from tests.support.house import Browser, House, a_house, an_app

CAFE = 101


@pytest.fixture
def app(ctx: Loyalty) -> Flask:
    return an_app(ctx)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def owner(app: Flask, ctx: Loyalty, house: House) -> Browser:
    return an_owner(app, ctx, CAFE)


def test_a_branch_is_added_changed_and_closed(owner, house):
    owner.get("/console/branches/new")
    owner.send(
        "/console/branches/new",
        name="Harbour",
        address="1 Quay",
        time_zone="Europe/Dublin",
        latitude="53,27",
        longitude="−9.05",
    )
    assert "53.2700, -9.0500" in owner.page
    number = re.search(r"/console/branches/(\d+)\">Harbour", owner.page)[1]

    owner.get(f"/console/branches/{number}")
    owner.send(f"/console/branches/{number}", name="Pier", time_zone="Europe/Dublin")
    assert "Pier" in owner.page
    owner.send(f"/console/branches/{number}/close")

    assert "Pier" not in owner.page


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "", "time_zone": "UTC"}, "name"),
        ({"name": "A", "time_zone": "Mars/Base"}, "time_zone"),
        ({"name": "A", "time_zone": "UTC", "latitude": "nan", "longitude": "1"}, "latitude"),
        ({"name": "A", "time_zone": "UTC", "latitude": "91", "longitude": "1"}, "latitude"),
        ({"name": "A", "time_zone": "UTC", "latitude": "50"}, "longitude"),
        ({"name": "A", "time_zone": "UTC", "latitude": "1e1", "longitude": "1_0"}, "longitude"),
    ],
)
def test_a_branch_that_cannot_be_is_refused_at_its_field(owner, values, field):
    owner.get("/console/branches/new")

    owner.send("/console/branches/new", **values)

    assert owner.status == 422
    assert f'id="{field}-error"' in owner.page


def test_staff_choose_their_own_pin_by_a_link_shown_once(owner, app):
    owner.get("/console/staff/new")
    owner.send("/console/staff/new", name="Niamh", role="staff")
    link = re.search(r"http://127.0.0.1:8080(/till/pin/\w+)", owner.page)[1]
    phone = Browser(app)
    phone.get(link)

    phone.send(link, pin="4073", again="4073")

    assert phone.status == 200
    assert owner.get("/console/staff").text.count("badge-good") == 3


def test_stopped_staff_come_back_with_a_new_pin(owner, house):
    owner.get("/console/staff")
    owner.send(f"/console/staff/{house.staff_id}/stop")
    assert "Stopped" in owner.page

    owner.send(f"/console/staff/{house.staff_id}/return")

    assert "choose a PIN" in owner.page


def test_a_till_is_added_and_paired_by_a_code_that_works_once(owner, app, house):
    owner.get("/console/tills/new")
    owner.send("/console/tills/new", name="Bar", location_id=str(house.location_id))
    number = re.search(r"/console/tills/(\d+)/code", owner.page)[1]
    owner.send(f"/console/tills/{number}/code")
    code = re.search(r"data-code>([^<]+)<", owner.page)[1]
    first, second = Browser(app), Browser(app)

    for device in (first, second):
        device.get("/till")
        device.send("/till/pair", code=code.lower())

    assert first.client.get_cookie("regulars-till", domain="127.0.0.1")
    assert not second.client.get_cookie("regulars-till", domain="127.0.0.1")
    assert "Paired" in owner.get("/console/tills").text


def test_use_this_device_makes_the_browser_a_till(owner, house):
    owner.get(f"/console/tills/{house.till_id}")

    owner.send(f"/console/tills/{house.till_id}/this-device")

    assert owner.status == 200
    assert "PIN" in owner.page


def test_the_first_page_answers_who_joined_and_who_did_what(owner, house):
    member = house.enrol(name="Ada Lovelace")
    actor = Actor(
        kind=ActorKind.STAFF,
        id=house.staff_id,
        till_id=house.till_id,
        location_id=house.location_id,
    )
    request = EarnRequest(
        member_id=member.member_id,
        amount_minor=1240,
        visits=None,
        actor=actor,
        idempotency_key="k",
    )
    earn(house.ctx, CAFE, request)

    page = owner.get("/console/").text

    assert "Ada Lovelace" in page
    assert "High Street" in page
    assert "Sam Barista" in page
    assert "€12.40" in page
    assert "+12 points" in page


def test_a_member_is_found_and_shown_with_reasons(owner, house):
    member = house.enrol(name="Zoë Müller", email="zoe@example.com")

    by_name = owner.get("/console/members?q=zoe").text
    by_number = owner.get(f"/console/members?q={member.number.lower()}").text
    one = owner.get(f"/console/members/{member.member_id}").text

    assert "Zoë Müller" in by_name
    assert "Zoë Müller" in by_number
    assert "zoe@example.com" in one
    assert "No iPhone fetched it yet" in one


@pytest.mark.parametrize("query", ["%", "_", "'", "\\", "\0", "x" * 5000, "𝒜"])
def test_odd_searches_find_nothing_and_break_nothing(owner, house, query):
    house.enrol(name="Ada")

    answer = owner.client.get(
        "/console/members", query_string={"q": query}, base_url="http://127.0.0.1:8080"
    )

    assert answer.status_code == 200


def test_every_change_is_in_the_trail_with_its_maker(owner, house):
    owner.get("/console/staff/new")
    owner.send("/console/staff/new", name="Niamh", role="staff")

    trail = owner.get("/console/changes").text

    assert "Staff added" in trail
    assert "Olga" in trail


def test_a_manager_is_let_in_by_an_owner_only_and_out_again(owner, app, ctx):
    owner.get("/console/people/new")
    owner.send("/console/people/new", name="Max", email="max@example.com")
    link = re.search(r"http://127.0.0.1:8080(/console/link/\w+)", owner.page)[1]
    manager = Browser(app)
    manager.get(link)
    manager.send(link)
    assert manager.get("/console/people/new").status_code == 403
    owner.get("/console/settings")
    remove = re.search(r"/console/people/\d+/remove", owner.page)[0]

    owner.send(remove)

    assert "Sign in" in manager.get("/console/").text


def test_who_serves_another_shop_is_not_let_in_by_this_one(owner, app, ctx):
    a_manager(app, ctx, 102, "max@example.com")
    owner.get("/console/people/new")

    owner.send("/console/people/new", name="Max", email="max@example.com")

    assert "cannot be added here" in owner.page


def test_owner_changes_the_shops_facts(owner):
    owner.get("/console/shop")

    owner.send(
        "/console/shop", name="Corner", privacy_url="https://c.example/privacy", sale_max="250,00"
    )

    assert "Corner" in owner.page
    assert "€250.00" in owner.page


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "", "sale_max": "1"}, "name"),
        ({"name": "A", "sale_max": "1e9"}, "sale_max"),
        ({"name": "A", "sale_max": "1", "privacy_url": "javascript:alert(1)"}, "privacy_url"),
        ({"name": "A", "sale_max": "1", "privacy_url": "https://"}, "privacy_url"),
        ({"name": "A", "sale_max": "1", "privacy_url": 'https://a.example/">'}, "privacy_url"),
    ],
)
def test_impossible_facts_are_refused_at_their_field(owner, values, field):
    owner.get("/console/shop")

    owner.send("/console/shop", **values)

    assert owner.status == 422
    assert f'id="{field}-error"' in owner.page


def test_a_suspended_shops_owner_is_told(owner, ctx):
    assert "is suspended" not in owner.get("/console/").text
    with open_work(ctx.database, CAFE, clock=ctx.clock) as work:
        work.merchants.set_status("suspended")
        work.commit()

    assert "Your shop is suspended" in owner.get("/console/").text


def test_a_page_that_is_not_there_leads_back_to_the_console(owner):
    assert 'href="/console/"' in owner.get("/console/nothing-here").text
