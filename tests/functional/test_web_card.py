"""The web card: installed, read offline, and following changes while it is open; both engines."""

from __future__ import annotations

import json
import re

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from loyalty.lost_card import replace_lost_card
from tests.support.house import PHONE, PUBLIC_URL, Browser, House, a_house, an_app


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def phone(ctx: Loyalty) -> Browser:
    return Browser(an_app(ctx), PHONE)


def a_sale(member_id: int) -> EarnRequest:
    return EarnRequest(
        member_id=member_id,
        amount_minor=1000,
        visits=None,
        actor=SYSTEM,
        idempotency_key="sale-1",
    )


def test_the_page_can_be_installed(phone: Browser, house: House) -> None:
    token = house.enrol(name="Ada").card_token

    page = phone.get(f"/m/{token}").text
    found = re.search(r'rel="manifest" href="([^"]+)"', page)
    assert found
    manifest = phone.get(found[1])
    worker = phone.get(f"/m/{token}/worker.js")

    facts = json.loads(manifest.data)
    assert manifest.mimetype == "application/manifest+json"
    assert facts["start_url"] == facts["scope"] == f"/m/{token}"
    assert facts["display"] == "standalone"
    with phone.get(facts["icons"][0]["src"]) as icon:
        assert icon.status_code == 200
    assert worker.mimetype == "text/javascript"
    assert worker.headers["Service-Worker-Allowed"] == f"/m/{token}"
    assert f'const PAGE = "/m/{token}";' in worker.text


def test_the_version_changes_with_the_card_and_is_304_until_then(
    phone: Browser, house: House
) -> None:
    member = house.enrol(name="Ada")
    path = f"/m/{member.card_token}/version"
    first = phone.get(path)

    def again(tag: str) -> int:
        sent = {**PHONE, "If-None-Match": tag}
        return phone.client.get(path, base_url=PUBLIC_URL, headers=sent).status_code

    assert first.status_code == 200
    assert again(first.headers["ETag"]) == 304
    earn(house.ctx, house.merchant_id, a_sale(member.member_id))
    assert again(first.headers["ETag"]) == 200


def test_a_dead_link_has_no_version_and_so_takes_the_kept_page_away(
    phone: Browser, house: House
) -> None:
    member = house.enrol(name="Ada")
    replace_lost_card(house.ctx, house.merchant_id, member.member_id, actor=SYSTEM)

    for name in ("version", "card.webmanifest"):
        assert phone.get(f"/m/{member.card_token}/{name}").status_code == 404
