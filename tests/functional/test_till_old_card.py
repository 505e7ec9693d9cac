"""Somebody shows the card of the system before us: it counts, and staff are asked to hand over ours."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.kept_case import KeepCase
from loyalty.kept_lists import keep_lists, read_lists
from tests.support.house import PHONE, Browser, House, a_house, an_app, at_the_till, scan

LONG = "VENDOR-CODE-OF-32-CHARACTERS-XYZ"
SHORT = "4006381333931"
PROMPT = "Old card? Hand over the new one."


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    house = a_house(ctx, clock)
    listed = f"code,balance,name\n{LONG},7,Ada\n{SHORT},3,Bob\n".encode()
    keep_lists(
        ctx,
        house.merchant_id,
        read_lists(listed, pass_type=None, old_url=None),
        case=KeepCase.NEW_CARD,
        programme_id=house.programme_id,
        actor=SYSTEM,
    )
    return house


@pytest.fixture
def app(ctx: Loyalty, house: House) -> Flask:
    return an_app(ctx)


@pytest.mark.parametrize(("code", "points"), [(LONG, 7), (SHORT, 3)], ids=["long", "short"])
def test_the_old_code_finds_the_balance_and_the_new_card_is_handed_over(
    app: Flask, house: House, code: str, points: int
) -> None:
    till = at_the_till(app, house)
    till.send("/till/find", code=code)
    assert f"<strong data-balance>{points}</strong>" in till.page
    assert PROMPT in till.page

    till.send("/till/earn", amount="5.00")
    assert f"<strong data-balance>{points + 5}</strong>" in till.page
    assert PROMPT in till.page

    till.send("/till/new-phone")
    assert "This is their new card, with the balance of the old one." in till.page
    address = re.search(r'data-address="([^"]+)"', till.page)
    assert address
    customer = Browser(app, PHONE)
    link = address[1].removeprefix("http://127.0.0.1:8080")
    customer.get(link)
    customer.send(link)
    assert customer.status == 200
    assert f"<strong>{points + 5}</strong>" in customer.page


def test_nobody_is_asked_at_our_own_card(app: Flask, house: House) -> None:
    till = at_the_till(app, house)
    member = house.enrol(name="Cleo")

    scan(till, house, member)

    assert PROMPT not in till.page
