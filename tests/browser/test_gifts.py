"""A gift card bought by card, sent to a mail sink, opened on a phone and spent; a friend brought from
link to both rewards. In a real browser, against the sandbox's Stripe, mail server and phones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.test_story import IPHONE, open_till, scan, sign_in_first_time
from tests.support.live import LiveInstallation

KEY, SECRET = "sk_test_browser12345", "whsec_browser12345"


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-IE")
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, user_agent=IPHONE, has_touch=True, locale="en-IE"
    )
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture(scope="module")
def owner(live: LiveInstallation, desk: BrowserContext) -> Page:
    return sign_in_first_time(live, desk)


@pytest.fixture(scope="module")
def till(live: LiveInstallation, owner: Page) -> Page:
    return open_till(live, owner)


def test_a_gift_card_is_bought_sent_opened_and_spent(
    live: LiveInstallation, owner: Page, till: Page, phone: BrowserContext
) -> None:
    page_address = sell_with_stripe(live, owner)
    buyer = phone.new_page()
    buyer.goto(page_address)
    clean(buyer)
    buyer.get_by_label("€25.00").check()
    buyer.get_by_label(re.compile("^Who is it for")).fill("Ben")
    buyer.get_by_label(re.compile("^Their e-mail")).fill("ben@example.com")
    buyer.get_by_label(re.compile("^A few words")).fill("Happy birthday!")
    buyer.get_by_role("button", name="On to paying").click()
    expect(buyer.get_by_role("button", name="Pay by card")).to_be_visible()
    clean(buyer)
    buyer.get_by_role("button", name="Pay by card").click()
    expect(buyer).to_have_url(re.compile("/stripe/pay/"))
    buyer.get_by_role("button", name="Pay").click()
    expect(buyer.get_by_text("Paid, and mailed to whom it is for.")).to_be_visible()

    live.sandbox.wait_for_kind("mail.received")
    mails = requests.get(f"{live.facts['sandbox']}mail", timeout=10).text
    link = re.search(rf"{re.escape(live.address)}/m/[0-9A-Z]+", mails)
    assert link, mails
    card = phone.new_page()
    card.goto(link[0])
    expect(card.get_by_text("€25.00").first).to_be_visible()
    expect(card.get_by_role("button", name="Put on the sandbox iPhone")).to_be_visible()
    clean(card)

    card.get_by_role("button", name="Put on the sandbox iPhone").click()
    live.sandbox.wait_for_kind("registered")
    on_phone = live.sandbox.iphone()["cards"][-1]["pass"]

    scan(till, live, on_phone["barcodes"][0]["message"])
    till.locator("#amount").fill("30.00")
    clean(till)
    till.get_by_role("button", name="Pay with it").click()
    expect(till.get_by_text("Still to pay: €5.00")).to_be_visible()
    live.sandbox.wait_for(
        lambda event: event["kind"] == "fetched" and event["values"].get("balance") == 0
    )
    assert live.command("verify")["ok"] is True


def test_a_friend_is_brought_from_link_to_both_rewards(
    live: LiveInstallation, owner: Page, till: Page, phone: BrowserContext, browser: Browser
) -> None:
    programme, join = card_that_is_joined(live, owner)
    owner.goto(f"{live.address}/console/cards/{programme}/referrals")
    owner.get_by_label("Members can bring friends").check()
    owner.get_by_label("For who brings").fill("20")
    owner.get_by_label("For the friend", exact=True).fill("10")
    clean(owner)
    owner.get_by_role("button", name="Save", exact=True).click()

    ada = phone.new_page()
    ada_card = join_as(live, ada, join, "Ada Lovelace")
    ada.goto(ada_card)
    ada.get_by_role("link", name="Bring a friend").click()
    expect(ada.get_by_role("button", name="Show my link")).to_be_visible()
    clean(ada)
    ada.get_by_role("button", name="Show my link").click()
    link = ada.get_by_label("Your link for friends").input_value()
    clean(ada)

    other = browser.new_context(user_agent=IPHONE, locale="en-IE")
    ben = other.new_page()
    ben_card = join_as(live, ben, link, "Ben")
    ben.goto(ben_card)
    expect(ben.get_by_text("Ada brought you here.")).to_be_visible()
    scan(till, live, ben.locator(".card-number").inner_text().replace(" ", ""))
    till.locator("input[name=amount]").fill("15.00")
    till.get_by_role("button", name="Collect").click()
    expect(till.locator("[data-headline]").first).to_be_visible()

    ada.goto(ada_card)
    expect(ada.get_by_text("Thank you for bringing a friend").first).to_be_visible()
    ben.reload()
    expect(ben.get_by_text("A friend brought you").first).to_be_visible()
    other.close()


def sell_with_stripe(live: LiveInstallation, owner: Page) -> str:
    """Open gift cards in the console and connect the sandbox's Stripe; the public page's address."""
    owner.goto(f"{live.address}/console/gifts")
    owner.get_by_role("button", name="Begin to sell gift cards").click()
    owner.locator("input[name=key]").fill(KEY)
    owner.locator("input[name=hook_secret]").fill(SECRET)
    owner.get_by_role("button", name="Connect Stripe").click()
    expect(owner.get_by_label("Address for Stripe’s messages")).to_be_visible()
    clean(owner)
    hook = owner.get_by_label("Address for Stripe’s messages").input_value()
    answer = requests.post(
        f"{live.facts['sandbox']}control/stripe/hook",
        json={"key": KEY, "url": hook, "secret": SECRET},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    return owner.get_by_label("The page where gift cards are ordered").input_value()


def card_that_is_joined(live: LiveInstallation, owner: Page) -> tuple[str, str]:
    """The demo's card and its join link; gift cards have none."""
    owner.goto(f"{live.address}/console/cards")
    programme = min(re.findall(r"/console/cards/(\d+)", owner.content()), key=int)
    owner.goto(f"{live.address}/console/cards/{programme}/publish")
    return programme, owner.get_by_label("Join link").input_value()


def join_as(live: LiveInstallation, page: Page, address: str, name: str) -> str:
    page.goto(address if address.startswith("http") else f"{live.address}{address}")
    page.get_by_label(re.compile("^Name")).fill(name)
    page.get_by_role("button", name="Get my card").click()
    shown = page.get_by_role("link", name="Show my card in the browser")
    expect(shown).to_be_visible()
    return f"{live.address}{shown.get_attribute('href')}"


def clean(page: Page) -> None:
    """axe finds nothing on the page as it stands."""
    found = Axe().run(page).response["violations"]
    assert found == [], [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]
