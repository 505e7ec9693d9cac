"""Staff scan with the camera and with a USB scanner, in a real browser. SQLite only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from common.clock import ManualClock
from loyalty.context import Loyalty
from tests.support.browser import another, camera_flags, served, video_of_code
from tests.support.house import STAFF_PIN, House, a_house, balance, movements

VENDOR = Path(__file__).parents[2] / "web/static/vendor/barcode-detector"


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


def open_till(context: BrowserContext, address: str, house: House) -> Page:
    context.add_cookies([{"name": "regulars-till", "value": house.till_token, "url": address}])
    page = context.new_page()
    page.goto(f"{address}/till")
    page.fill("#pin", STAFF_PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#code")).to_be_visible()
    return page


def typed_by_scanner(page: Page, code: str) -> None:
    page.keyboard.type(code)
    page.keyboard.press("Enter")


def test_the_camera_reads_a_card_and_a_tap_collects(
    tmp_path: Path, house: House, address: str, browser: Browser
) -> None:
    member = house.enrol(name="Ada Lovelace")
    film = video_of_code(house.barcode(member.member_id), tmp_path / "card.y4m")
    complaints: list[str] = []
    with another(browser, *camera_flags(film)) as chromium:
        context = chromium.new_context(permissions=["camera"])
        page = open_till(context, address, house)
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        elsewhere: list[str] = []
        page.on("request", lambda r: None if r.url.startswith(address) else elsewhere.append(r.url))

        page.click("text=Start the camera")
        expect(page.locator(".who-name")).to_have_text("Ada Lovelace", timeout=30_000)
        page.fill("#amount", "12,40")
        page.click("text=Collect")

        expect(page.locator("[data-headline]")).to_have_text("+12 points")
        expect(page.locator("[data-balance]")).to_have_text("12")
        page.click("text=Undo")
        expect(page.locator("[data-balance]")).to_have_text("0")
    assert complaints == []
    assert [url for url in elsewhere if not url.startswith("blob:")] == []
    assert balance(house, member) == 0


def test_a_scanner_that_types_is_heard_wherever_the_cursor_is(
    house: House, address: str, browser: Browser
) -> None:
    ada, grace = house.enrol(name="Ada Lovelace"), house.enrol(name="Grace Hopper")
    with another(browser) as chromium:
        page = open_till(chromium.new_context(), address, house)

        typed_by_scanner(page, house.barcode(ada.member_id))
        expect(page.locator(".who-name")).to_have_text("Ada Lovelace")
        page.fill("#amount", "12.40")
        page.focus("#amount")
        typed_by_scanner(page, house.barcode(grace.member_id))

        expect(page.locator(".who-name")).to_have_text("Grace Hopper")
        expect(page.locator("#amount")).to_have_value("")
    assert movements(house, ada) == 0
    assert movements(house, grace) == 0


def test_an_answer_that_never_came_is_asked_for_again_with_the_same_key(
    house: House, address: str, browser: Browser
) -> None:
    member = house.enrol(name="Ada Lovelace")
    lost: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.request.post_data or "")
        route.fetch()
        route.abort("connectionreset")

    with another(browser) as chromium:
        page = open_till(chromium.new_context(), address, house)
        page.route("**/till/earn", lose_the_first_answer)
        typed_by_scanner(page, house.barcode(member.member_id))
        page.fill("#amount", "12.40")
        page.click("text=Collect")

        expect(page.locator("text=It is not known yet")).to_be_visible()
        page.reload()
        page.get_by_role("button", name="Send again").click()
        expect(page.locator("[data-headline]")).to_have_text("+12 points")
    assert balance(house, member) == 12
    assert movements(house, member) == 1


def test_a_double_tap_is_one_movement(house: House, address: str, browser: Browser) -> None:
    member = house.enrol(name="Ada Lovelace")
    with another(browser) as chromium:
        page = open_till(chromium.new_context(), address, house)
        typed_by_scanner(page, house.barcode(member.member_id))
        page.fill("#amount", "12.40")

        page.dblclick("text=Collect")

        expect(page.locator("[data-headline]")).to_have_text("+12 points")
    assert movements(house, member) == 1


def test_without_https_the_till_opens_on_number_entry_and_says_why(
    ctx: Loyalty, house: House, browser: Browser
) -> None:
    with served(ctx, insecure_lan=True, trusted_hosts=("till.test",)) as url:
        port = url.rpartition(":")[2]
        with another(browser, "--host-resolver-rules=MAP till.test 127.0.0.1") as chromium:
            address = f"http://till.test:{port}"
            page = open_till(chromium.new_context(), address, house)

            expect(page.locator("[data-camera-off]")).to_contain_text("not opened over https")
            expect(page.locator("[data-camera]")).to_be_hidden()
            expect(page.locator("#code")).to_be_visible()


@pytest.mark.parametrize("path", sorted(p.name for p in VENDOR.iterdir() if p.name != "SHA256SUMS"))
def test_the_readers_files_are_those_that_were_taken_over(path: str) -> None:
    if path == "README.md":
        return
    sums: dict[str, Any] = {}
    for line in (VENDOR / "SHA256SUMS").read_text().splitlines():
        digest, _space, name = line.partition("  ")
        sums[name] = digest

    assert hashlib.sha256((VENDOR / path).read_bytes()).hexdigest() == sums[path]
