"""The owner hands a member's card over, on both engines."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from common.clock import ManualClock
from loyalty.context import Loyalty
from tests.support.console import an_owner
from tests.support.house import PUBLIC_URL, Browser, House, a_house, an_app


@pytest.fixture
def app(ctx: Loyalty) -> Flask:
    return an_app(ctx)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def owner(app: Flask, ctx: Loyalty, house: House) -> Browser:
    return an_owner(app, ctx, house.merchant_id)


def handed_over(page: str) -> str:
    found = re.search(r'data-address="([^"]+)"', page)
    assert found
    return found[1].removeprefix(PUBLIC_URL)


def opened(app: Flask, path: str) -> Browser:
    phone = Browser(app)
    phone.get(path)
    phone.send(path)
    return phone


def test_the_owner_brings_the_same_card_to_a_new_phone(
    owner: Browser, house: House, app: Flask
) -> None:
    member = house.enrol(name="Ada")
    code = house.barcode(member.member_id)
    owner.get(f"/console/members/{member.member_id}")

    owner.send(f"/console/members/{member.member_id}/new-phone")

    assert opened(app, handed_over(owner.page)).status == 200
    assert house.barcode(member.member_id) == code


def test_the_owner_replaces_a_lost_card_once_however_often_it_is_pressed(
    owner: Browser, house: House, app: Flask
) -> None:
    member = house.enrol(name="Ada")
    old = house.barcode(member.member_id)
    path = f"/console/members/{member.member_id}"
    before = owner.get(path).get_data(as_text=True)

    owner.send(f"{path}/lost-card")
    phone = opened(app, handed_over(owner.page))
    assert phone.status == 200
    new = house.barcode(member.member_id)
    owner.page = before
    owner.send(f"{path}/lost-card")

    assert new != old
    assert house.barcode(member.member_id) == new
    assert "replaced a moment ago" in owner.page


def test_another_shops_member_is_not_found(
    owner: Browser, house: House, ctx: Loyalty, clock: ManualClock
) -> None:
    gym = a_house(ctx, clock, merchant_id=102)
    theirs = gym.enrol(name="Grace")
    mine = house.enrol(name="Ada")
    owner.get(f"/console/members/{mine.member_id}")
    form = owner.hidden(f"/console/members/{mine.member_id}/new-phone")

    for action in ("new-phone", "lost-card"):
        answer = owner.client.post(
            f"/console/members/{theirs.member_id}/{action}", data=form, base_url=PUBLIC_URL
        )
        assert answer.status_code == 404
    assert gym.barcode(theirs.member_id)
