"""Pages about members in a real browser: axe finds nothing, by day and by night, small and large."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.doors import set_join_rules, set_state
from loyalty.join_links import add_source, invite
from loyalty.member_notes import add_note
from loyalty.merge_members import merge_members
from loyalty.owners import add_owner
from loyalty.sign_in import make_owner_link
from storage.join_rules import JoinRules, Question, Who
from tests.support.browser import served
from tests.support.house import STAFF_PIN, House, a_house
from tests.support.letters import with_mail

OWNER = "olga@example.com"


@pytest.fixture(params=["sqlite"])
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(with_mail(ctx), clock)


@pytest.fixture
def address(house: House) -> Iterator[str]:
    with served(house.ctx) as url:
        yield url


@pytest.fixture(params=["phone by day", "desk by night"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    small = request.param == "phone by day"
    context = browser.new_context(
        viewport={"width": 390, "height": 844} if small else {"width": 1280, "height": 900},
        color_scheme="light" if small else "dark",
    )
    yield context.new_page()
    context.close()


def complaints_of(page: Page) -> list[str]:
    """What axe finds on the page as it stands."""
    found = Axe().run(page).response["violations"]
    return [f"{page.url} {one['id']}: {one['nodes'][0]['target']}" for one in found]


def ask_everything(house: House, who: Who) -> None:
    rules = JoinRules(
        who=who,
        interest="Do you have a dog?",
        purchases=3,
        ask={"address": "optional", "birthday": "required", "brand": "optional"},
        why={"birthday": "A cake waits for you."},
        questions=(
            Question(key="q1", text="Your dog’s name?", ask="optional", why="We say hello."),
        ),
    )
    set_join_rules(house.ctx, house.merchant_id, house.programme_id, rules, actor=SYSTEM)


def test_join_pages_of_every_kind_are_for_everyone(page: Page, house: House, address: str) -> None:
    found: list[str] = []
    for who in Who:
        ask_everything(house, who)
        page.goto(f"{address}/j/{house.join_code}")
        found += complaints_of(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    set_state(
        house.ctx,
        house.merchant_id,
        house.programme_id,
        "announced",
        opens_at=house.clock.now() + timedelta(days=3),
        actor=SYSTEM,
    )
    page.goto(f"{address}/j/{house.join_code}")
    found += complaints_of(page)

    assert found == []


def test_the_owners_pages_about_members_are_for_everyone(
    page: Page, house: House, address: str
) -> None:
    ctx, shop, programme = house.ctx, house.merchant_id, house.programme_id
    ada = house.enrol(name="Ada Byron", email="ada@example.com").member_id
    twin = house.enrol(name="Ada Byron").member_id
    other = house.enrol(name="Ada Byron").member_id
    add_note(ctx, shop, ada, "Likes oat milk", actor=SYSTEM)
    merge_members(ctx, shop, ada, twin, actor=SYSTEM)
    invite(ctx, shop, programme, label="Ann", count=2, actor=SYSTEM)
    add_source(ctx, shop, programme, name="Parcel", actor=SYSTEM)
    add_owner(ctx, shop, email=OWNER, name="Olga", actor=SYSTEM)
    link = make_owner_link(ctx, shop, OWNER)
    page.goto(f"{address}/console/link/{link}")
    page.locator("main form button[type=submit]").first.click()
    found: list[str] = []
    paths = (
        f"cards/{programme}/door",
        "members",
        f"members/{ada}",
        f"members/{ada}/details",
        f"members/{ada}/merge?other={other}",
    )
    for path in paths:
        page.goto(f"{address}/console/{path}")
        assert "sign-in" not in page.url
        found += complaints_of(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path

    assert found == []


def test_the_counters_pages_and_the_members_own_are_for_everyone(
    page: Page, house: House, address: str
) -> None:
    ada = house.enrol(name="Ada Byron", email="ada@example.com")
    found: list[str] = []
    page.goto(f"{address}/m/{ada.card_token}/me")
    found += complaints_of(page)
    page.context.add_cookies([{"name": "regulars-till", "value": house.till_token, "url": address}])
    page.goto(f"{address}/till")
    page.fill("#pin", STAFF_PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#code")).to_be_visible()
    page.goto(f"{address}/till/new-customer")
    found += complaints_of(page)
    page.fill("#name", "Bob")
    page.locator("main form button[type=submit]").first.click()
    found += complaints_of(page)

    assert found == []
