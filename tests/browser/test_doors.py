"""Join, card and till in a real browser: readable for everyone, and nothing typed ever runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from tests.support.browser import served
from tests.support.house import STAFF_PIN, House, a_house

EVIL = '"><img src=x onerror=alert(1)>{{7*7}}'


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


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme=request.param
    )
    yield context.new_page()
    context.close()


def complaints_of(page: Page) -> list[str]:
    """What axe finds on the page as it stands."""
    found = Axe().run(page).response["violations"]
    return [f"{page.url} {one['id']}: {one['nodes'][0]['target']}" for one in found]


def test_everyone_can_read_and_use_the_doors(page: Page, house: House, address: str) -> None:
    member = house.enrol(name="Ada Lovelace")
    earn(
        house.ctx,
        house.merchant_id,
        EarnRequest(
            member_id=member.member_id,
            amount_minor=1240,
            visits=None,
            actor=SYSTEM,
            idempotency_key="k",
            source="command",
        ),
    )
    found: list[str] = []
    for path in (f"/j/{house.join_code}", f"/m/{member.card_token}", f"/m/{'0' * 26}", "/till"):
        page.goto(address + path)
        found += complaints_of(page)
    open_the_till(page, house, address)
    found += complaints_of(page)
    page.fill("#code", house.barcode(member.member_id))
    page.keyboard.press("Enter")
    expect(page.locator(".who-name")).to_be_visible()
    found += complaints_of(page)
    page.fill("#amount", "5")
    page.keyboard.press("Enter")
    expect(page.locator("[data-headline]")).to_have_text("+5 points")
    found += complaints_of(page)

    assert found == []


def test_what_somebody_typed_is_shown_and_never_run(page: Page, house: House, address: str) -> None:
    alarms: list[str] = []
    page.on("dialog", lambda dialog: alarms.append(dialog.message))
    page.on("pageerror", lambda error: alarms.append(str(error)))
    page.on(
        "console",
        lambda line: alarms.append(line.text) if "Content Security" in line.text else None,
    )
    page.goto(f"{address}/j/{house.join_code}")
    house.clock.advance(seconds=5)
    page.fill("#name", EVIL)
    page.click("text=Get my card")
    page.click("text=Show my card in the browser")
    expect(page.locator("text=Show this code at the till")).to_be_visible()
    open_the_till(page, house, address)
    page.fill("#code", EVIL[:12])
    page.keyboard.press("Enter")
    expect(page.locator(".who-name")).to_have_text('"><img O.')
    page.fill("#code", "{{8*8}}")
    page.keyboard.press("Enter")
    expect(page.locator(".tone-bad")).to_be_visible()

    assert alarms == []


def open_the_till(page: Page, house: House, address: str) -> None:
    page.context.add_cookies([{"name": "regulars-till", "value": house.till_token, "url": address}])
    page.goto(f"{address}/till")
    page.fill("#pin", STAFF_PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#code")).to_be_visible()
