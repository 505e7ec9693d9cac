"""A message from the form to the phone and back, in a real browser: readable and usable by all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from common.actor import SYSTEM
from common.clock import ManualClock
from delivery.desk import Desk
from delivery.messages import step_messages
from delivery.settings import DeliverySettings
from delivery.slices import move_slice
from loyalty.context import Loyalty
from loyalty.owners import add_owner
from loyalty.sign_in import make_owner_link
from tests.support.browser import served
from tests.support.house import PUBLIC_URL, House, a_house

CAFE = 101
WORDS = "Double stamps on Sunday"
SCREENS = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}
# A person may want to look: the folder for pictures of each step.
PICTURES = os.environ.get("REGULARS_TEST_PICTURES")


@pytest.fixture(params=["sqlite"])
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    add_owner(ctx, CAFE, email="olga@example.com", name="Olga", actor=SYSTEM)
    return a_house(ctx, clock)


@pytest.fixture
def address(ctx: Loyalty, house: House) -> Iterator[str]:
    with served(ctx) as url:
        yield url


@pytest.fixture(params=["phone-light", "phone-dark", "desktop-light", "desktop-dark"])
def look(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(look: str, browser: Browser) -> Iterator[Page]:
    screen, _dash, scheme = look.partition("-")
    context = browser.new_context(viewport=SCREENS[screen], color_scheme=scheme)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


class Walk:
    """Looks at every page it comes by: what axe finds, and whether it is wider than the screen."""

    def __init__(self, page: Page, look: str) -> None:
        self.page, self.look = page, look
        self.found: list[str] = []

    def at(self, step: str) -> None:
        for one in Axe().run(self.page).response["violations"]:
            self.found.append(f"{step} {one['id']}: {one['nodes'][0]['target']}")
        if self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            self.found.append(f"{step}: wider than the screen")
        if PICTURES:
            self.page.screenshot(
                path=str(Path(PICTURES) / f"{step}-{self.look}.png"), full_page=True
            )


def work_on(house: House) -> None:
    """What the worker does, until nothing is left."""
    settings = DeliverySettings(public_url=PUBLIC_URL)
    ctx = house.ctx
    desk = Desk(settings=settings, database=ctx.database, clock=ctx.clock, keyring=ctx.keyring)
    for _round in range(30):
        if not step_messages(desk) + move_slice(desk):
            return


def write(page: Page, address: str, house: House) -> None:
    """Fill the form and look at what sending does."""
    page.goto(f"{address}/console/messages/new/{house.programme_id}")
    page.fill("textarea", WORDS)
    page.get_by_role("button", name="See what it does").click()


def confirm(page: Page, name: str, sure: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("button", name=sure).click()


def test_a_message_is_written_sent_stopped_withdrawn_and_declined(
    page: Page, look: str, house: House, address: str
) -> None:
    member = house.enrol(name="Ada Lovelace", birthday="11-24")
    page.goto(f"{address}/console/link/{make_owner_link(house.ctx, CAFE, 'olga@example.com')}")
    page.locator("main form button").first.click()
    walk = Walk(page, look)

    page.goto(f"{address}/console/messages/new/{house.programme_id}")
    walk.at("form")
    page.get_by_role("button", name="See what it does").click()
    expect(page.locator("main")).to_contain_text("Write the message")
    walk.at("form-refused")
    write(page, address, house)
    walk.at("before")
    page.get_by_role("button", name="Send it").click()
    walk.at("on-its-way")
    confirm(page, "Stop", "Stop it")
    expect(page.locator("main")).to_contain_text("Stopped")
    walk.at("stopped")

    write(page, address, house)
    page.get_by_role("button", name="Send it").click()
    work_on(house)
    page.reload()
    expect(page.locator("main")).to_contain_text("Cards told")
    walk.at("result")
    result = page.url
    page.goto(f"{address}/m/{member.card_token}")
    expect(page.locator("main")).to_contain_text(WORDS)
    page.get_by_role("button", name="No messages, please").click()
    expect(page.locator("main")).to_contain_text("You get no messages")
    walk.at("declined")

    page.goto(result)
    confirm(page, "Withdraw", "Withdraw it")
    work_on(house)
    walk.at("withdrawn")
    page.goto(f"{address}/console/messages")
    expect(page.locator("main")).to_contain_text(WORDS)
    walk.at("list")

    assert walk.found == []
