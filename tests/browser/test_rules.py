"""Rules, items, rewards and the till of many rules in a real browser: readable and usable by all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from common.actor import SYSTEM
from common.clock import ManualClock
from ledger.offers import RewardKind
from loyalty.context import Loyalty
from loyalty.coupons import CouponForm, add_coupon
from loyalty.owners import add_owner
from loyalty.publish import publish
from loyalty.sign_in import make_owner_link
from loyalty.starters import begin_from_starter
from tests.support.browser import served
from tests.support.house import STAFF_PIN, House, a_house

CAFE = 101
PAGES = (
    *("rules", "rules/add", "rules/publish", "rules/rules/base", "rules/rules/a_little_more"),
    *("rules/tiers/all", "rules/promises/all", "rules/units/points", "rules/rules/add/challenge"),
    *("rules/rules/add/set", "rewards", "coupons", "rehearsal", "statement"),
)


@pytest.fixture(params=["sqlite"])
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def boutique(ctx: Loyalty, clock: ManualClock) -> House:
    house = a_house(ctx, clock)
    programme_id = begin_from_starter(ctx, CAFE, "boutique", actor=SYSTEM)
    publish(ctx, CAFE, programme_id, actor=SYSTEM)
    add_owner(ctx, CAFE, email="olga@example.com", name="Olga", actor=SYSTEM)
    ten = CouponForm(code="TEN", name="Ten off", kind=RewardKind.FIXED, value_minor=1000)
    add_coupon(ctx, CAFE, programme_id, coupon=ten, actor=SYSTEM)
    return replace(house, programme_id=programme_id)


@pytest.fixture
def address(ctx: Loyalty, boutique: House) -> Iterator[str]:
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


def sign_in(page: Page, ctx: Loyalty, address: str) -> None:
    page.goto(f"{address}/console/link/{make_owner_link(ctx, CAFE, 'olga@example.com')}")
    page.locator("main form button").first.click()


def test_everyone_can_read_and_use_the_rules(
    page: Page, ctx: Loyalty, boutique: House, address: str
) -> None:
    sign_in(page, ctx, address)
    found: list[str] = []
    paths = [f"cards/{boutique.programme_id}/{name}" for name in PAGES]
    for path in (*paths, "items", "cards/new"):
        page.goto(f"{address}/console/{path}")
        found += complaints_of(page)

    assert found == []


def test_a_form_asks_only_what_matters_and_says_what_it_means(
    page: Page, ctx: Loyalty, boutique: House, address: str
) -> None:
    sign_in(page, ctx, address)
    page.goto(f"{address}/console/cards/{boutique.programme_id}/rules/rules/add/bonus")
    expect(page.locator("#count")).to_be_visible()
    expect(page.locator("#less")).to_be_hidden()

    page.select_option("#gives", "fixed_off_next")
    page.fill("#less", "4.00")
    page.fill("#good", "14")

    expect(page.locator("#count")).to_be_hidden()
    said = page.locator("[data-says]")
    expect(said).to_contain_text("€4.00 off the next purchase within 14 days")
    page.fill("#good", "no")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.locator("#good-error")).to_be_visible()
    page.fill("#good", "14")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_text("1 change is not published")).to_be_visible()


def test_a_sale_of_many_rules_is_read_at_arms_length(
    page: Page, boutique: House, address: str
) -> None:
    member = boutique.enrol(name="Ada Lovelace")
    found: list[str] = []
    page.context.add_cookies(
        [{"name": "regulars-till", "value": boutique.till_token, "url": address}]
    )
    page.goto(f"{address}/till")
    page.fill("#pin", STAFF_PIN)
    page.keyboard.press("Enter")
    page.fill("#code", boutique.barcode(member.member_id))
    page.keyboard.press("Enter")
    expect(page.locator(".holds")).to_contain_text("0 points")
    found += complaints_of(page)
    page.fill("#amount", "40.00")
    page.get_by_role("button", name="What is due on this sale?").click()
    page.get_by_role("button", name="Ten off").click()
    expect(page.locator("[data-note]").first).to_have_text("Take €10.00 off.")
    found += complaints_of(page)
    page.get_by_role("button", name="Collect").click()
    expect(page.locator("[data-headline]")).to_have_text("+30 points")
    expect(page.locator("[data-note]").first).to_have_text("To pay: €30.00")
    page.goto(f"{address}/m/{member.card_token}")
    expect(page.get_by_text("30 points", exact=True).first).to_be_visible()
    found += complaints_of(page)

    assert found == []
