"""The main job, end to end, in a real browser: design, join, scan, and both phones show it.

Everything is real: the processes of `serve --sandbox`, their sockets, the browser. Waiting is for
events of the phones, never for seconds.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.live import LiveInstallation

PASSWORD = "seven brown teapots"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def desk(browser: Browser) -> Iterator[BrowserContext]:
    """The owner's computer."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-IE")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A customer's phone."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, user_agent=IPHONE, has_touch=True, locale="en-IE"
    )
    context.set_default_timeout(15_000)
    yield context
    context.close()


def a_picture() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((1200, 500), 60).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_card_is_designed_joined_scanned_and_shown(
    live: LiveInstallation, desk: BrowserContext, phone: BrowserContext
) -> None:
    page = sign_in_first_time(live, desk)
    join_address = design_and_publish(live, page)
    join(live, phone, join_address)
    put_on_phones(live, phone)
    till = open_till(live, page)

    earn(till, code_on_card(live)["altText"], "12.40")
    expect(till.get_by_text("+12 points").first).to_be_visible()
    expect(till.get_by_text("40 cents count towards your next point").first).to_be_visible()
    both_phones_show(live, 12)

    # A typed number may look up and collect; redeeming needs the card's own code.
    scan(till, live, code_on_card(live)["message"])
    till.get_by_role("button", name=re.compile("Coffee")).click()
    both_phones_show(live, 2)

    till.get_by_role("button", name=re.compile("^Undo")).click()
    expect(till.locator("[data-balance]").first).to_have_text("12")
    both_phones_show(live, 12)

    the_console_tells(live, page)
    assert live.command("verify")["ok"] is True


def sign_in_first_time(live: LiveInstallation, desk: BrowserContext) -> Page:
    page = desk.new_page()
    page.goto(live.facts["owner_link"])
    page.locator("main form button").first.click()
    page.locator("input[name=new_password]").fill(PASSWORD)
    page.locator("main form button").first.click()
    expect(page).to_have_url(re.compile(r"/console/?$"))
    return page


def design_and_publish(live: LiveInstallation, page: Page) -> str:
    """Change name, colour and strip, watch the preview, publish; returns the join address."""
    page.goto(f"{live.address}/console/cards")
    name = page.get_by_label("Name of the card")
    name.fill("Harbour Club")
    preview = page.get_by_role("img", name="Harbour Club in Apple Wallet")
    expect(preview).to_be_visible()
    page.locator("input[name=background_colour]").fill("#123a5c")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").first).to_be_visible()
    page.get_by_label("Strip", exact=True).set_input_files(
        {"name": "strip.jpg", "mimeType": "image/jpeg", "buffer": a_picture()}
    )
    expect(page.get_by_role("button", name="Remove: Strip")).to_be_visible()
    page.get_by_role("link", name="Publish", exact=True).click()
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("heading", name="The join link")).to_be_visible()
    found = re.search(r"/j/[0-9A-Z]+", page.content())
    assert found is not None, page.inner_text("main")
    return f"{live.address}{found.group(0)}"


def join(live: LiveInstallation, phone: BrowserContext, address: str) -> None:
    """Join as a customer: the Apple button leads to a pass of the right type."""
    page = phone.new_page()
    page.goto(address)
    expect(page.get_by_text("Harbour Club").first).to_be_visible()
    page.get_by_label(re.compile("^Name")).fill("Ada Lovelace")
    page.get_by_role("button", name="Get my card").click()
    apple = page.get_by_role("link", name="Add to Apple Wallet")
    expect(apple).to_be_visible()
    answer = phone.request.get(f"{live.address}{apple.get_attribute('href')}")
    assert answer.headers["content-type"] == "application/vnd.apple.pkpass"


def put_on_phones(live: LiveInstallation, phone: BrowserContext) -> None:
    page = phone.pages[0]
    card = page.url
    page.get_by_role("button", name="Put on the sandbox iPhone").click()
    live.sandbox.wait_for_kind("registered")
    page.goto(card)
    page.get_by_role("button", name="Save to Google Wallet").click()
    expect(page).to_have_url(re.compile("/gp/v/save/"))
    page.locator("form button").first.click()
    live.sandbox.wait_for_kind("card.saved")


def open_till(live: LiveInstallation, page: Page) -> Page:
    page.goto(f"{live.address}/console/tills")
    page.get_by_role("link", name="Till 1", exact=True).click()
    page.get_by_role("button", name=re.compile("[Uu]se this device")).click()
    till = page.context.new_page()
    till.goto(f"{live.address}/till")
    till.locator("input[name=pin]").fill(live.facts["staff_pin"])
    till.locator("input[name=pin]").press("Enter")
    expect(till.locator("input[name=code]")).to_be_visible()
    return till


def scan(till: Page, live: LiveInstallation, code: str) -> None:
    """A USB scanner types the code and presses Enter."""
    till.goto(f"{live.address}/till")
    till.locator("input[name=code]").fill(code)
    till.locator("input[name=code]").press("Enter")
    expect(till.locator("[data-card]").first).to_be_visible()


def earn(till: Page, number: str, amount: str) -> None:
    till.locator("input[name=code]").fill(number)
    till.locator("input[name=code]").press("Enter")
    till.locator("input[name=amount]").fill(amount)
    till.get_by_role("button", name="Collect").click()


def code_on_card(live: LiveInstallation) -> dict[str, str]:
    """What the iPhone shows: `message` to a scanner, `altText` (the member number) to people."""
    return dict(live.sandbox.iphone()["cards"][0]["pass"]["barcodes"][0])


def both_phones_show(live: LiveInstallation, balance: int) -> None:
    live.sandbox.wait_for(
        lambda event: (
            event["kind"] == "fetched"
            and event.get("changed")
            and event["values"]["balance"] == balance
            and live.sandbox.iphone()["cards"][0]["values"]["balance"] == balance
        )
    )
    live.sandbox.wait_for(
        lambda event: (
            event["kind"].startswith("google.")
            and event.get("values", {}).get("loyaltyPoints") == balance
        )
    )


def the_console_tells(live: LiveInstallation, page: Page) -> None:
    """Who joined, what each branch and person did, which phones are behind."""
    page.goto(f"{live.address}/console/")
    main = page.locator("main")
    expect(main.get_by_text("Ada Lovelace").first).to_be_visible()
    expect(main.get_by_text("Main Street").first).to_be_visible()
    expect(main.get_by_text("Robin").first).to_be_visible()
