"""The pages of `make screens` about people: who joins, their own page, gift cards, friends, paper.

Each is reached signed in; what must exist first (gift cards, an activity) is opened by its form.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page

from bench.screens_corners import find
from tests.support.live import LiveInstallation

Shoot = Callable[[str], None]


def take_people(
    live: LiveInstallation, page: Page, shoot: Shoot, *, card: str, number: str
) -> None:
    """The console's pages, the till's, and the member's own."""
    take_card_pages(live, page, shoot)
    take_member_pages(live, page, shoot)
    gift_page = take_gifts(live, page, shoot)
    for label, path in (("paper", "paper"), ("kept-cards", "set-up/kept-cards"), ("claims", "activities"), ("messages", "messages")):  # fmt: skip
        page.goto(f"{live.address}/console/{path}")
        shoot(f"console-{label}")
    for label in ("gift", "paper", "new-customer", "check-in"):
        page.goto(f"{live.address}/till/{label}")
        shoot(f"till-{label}")
    find(live, page, number)
    for label, path in (("me", f"{card}/me"), ("friends", f"{card}/friends"), ("activities", f"{card}/activities"), ("gift-page", gift_page), ("gift-balance", f"{gift_page}/balance")):  # fmt: skip
        page.goto(live.address + path)
        shoot(f"people-{label}")


def take_card_pages(live: LiveInstallation, page: Page, shoot: Shoot) -> None:
    """Who may join, friends, activities and a message of the demo's card."""
    page.goto(f"{live.address}/console/cards?all=1")
    page.get_by_role("link", name="Bean & Leaf Club").click()
    programme = page.url.split("?")[0].rstrip("/")
    for label in ("door", "referrals", "activities"):
        page.goto(f"{programme}/{label}")
        shoot(f"people-card-{label}")
    page.goto(f"{live.address}/console/messages/new/{programme.rsplit('/', 1)[1]}")
    shoot("console-message-new")


def take_member_pages(live: LiveInstallation, page: Page, shoot: Shoot) -> None:
    """What belongs to one member: details, a coupon, another card of theirs."""
    page.goto(f"{live.address}/console/members")
    page.get_by_role("link", name="Ada Lovelace").click()
    member = page.url.split("?")[0]
    for label in ("details", "coupon", "merge"):
        page.goto(f"{member}/{label}")
        shoot(f"console-member-{label}")


def take_gifts(live: LiveInstallation, page: Page, shoot: Shoot) -> str:
    """Gift cards, opened at the first visit; returns the path of the public page."""
    page.goto(f"{live.address}/console/gifts")
    shoot("console-gifts")
    if "/gift/" not in page.content():
        page.locator("main form:not([action*=sign-out]) button[type=submit]").first.click()
        page.goto(f"{live.address}/console/gifts")
        shoot("console-gifts-open")
    found = re.search(r"/gift/[0-9A-Za-z]+", page.content())
    assert found is not None
    return found.group(0)
