"""The web card in a real browser: it follows its card, and stays readable without a network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from tests.support.browser import served
from tests.support.house import House, a_house

SLOW_MS = 60_000


@pytest.fixture(params=["sqlite"])
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def address(ctx: Loyalty, house: House) -> Iterator[str]:
    with served(ctx) as url:
        yield url


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    yield context
    context.close()


def test_the_card_follows_a_sale_and_is_read_without_a_network(
    phone: BrowserContext, address: str, house: House
) -> None:
    member = house.enrol(name="Ada")
    page = phone.new_page()
    page.goto(f"{address}/m/{member.card_token}")
    kept = "async () => (await (await caches.open('card:' + location.pathname)).keys()).length > 2"
    page.wait_for_function(kept, timeout=SLOW_MS)
    page.wait_for_function("navigator.serviceWorker.controller !== null", timeout=SLOW_MS)

    sale = EarnRequest(
        member_id=member.member_id,
        amount_minor=700,
        visits=None,
        actor=SYSTEM,
        idempotency_key="sale-1",
    )
    earn(house.ctx, house.merchant_id, sale)
    balance = page.locator(".balance").first
    expect(balance).to_contain_text("7", timeout=SLOW_MS)

    phone.set_offline(True)
    page.reload()

    expect(page.locator(".balance").first).to_contain_text("7", timeout=SLOW_MS)
    expect(page.locator(".card-code svg")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("No connection")).to_be_visible(timeout=SLOW_MS)
