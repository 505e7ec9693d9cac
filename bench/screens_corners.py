"""The pages of `make screens` that nobody meets every day: forms, doors, refusals, a shop closed.

Each is reached as a person reaches it, by its links and buttons; nothing is drawn for the picture.
What closes the shop comes last, because nothing opens it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.support.live import LiveInstallation

Shoot = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corners:
    """What the pages below need: a stamp card and whose it is."""

    stamp_number: str
    stamp_card: str


def prepare_corners(live: LiveInstallation, page: Page) -> Corners:
    """A second programme with stamps and a member; `page` is signed in."""
    page.goto(f"{live.address}/console/cards/new")
    page.get_by_text("Or begin with one rule of your own").click()
    page.locator("#name").fill("Brunch Stamps")
    page.locator("input[value=stamps]").check()
    page.get_by_role("button", name="Begin the card").click()
    page.get_by_role("link", name="Publish", exact=True).click()
    page.get_by_role("button", name=re.compile("Publish")).first.click()
    made = live.command("issue", "--programme", "brunch-stamps", "--name", "Mary Jackson")
    number = str(made["member_number"])
    live.command("stamp", number, "4")
    page.goto(f"{live.address}/console/staff/new")
    page.locator("input[name=name]").fill("Sam")
    page.get_by_role("button", name="Add", exact=True).click()
    card = str(made["card_link"]).removeprefix(live.address)
    return Corners(stamp_number=number, stamp_card=card)


def take_console(live: LiveInstallation, page: Page, shoot: Shoot) -> str:
    """The console's forms and detail pages, empty and refused; returns a link for a PIN."""
    for label, path in (
        ("changes", "changes"), ("phones", "set-up/phones"), ("apple", "set-up/apple"), ("check", "set-up/check"),
        ("shop", "shop"),
        ("password", "password"), ("second-factor", "second-factor"), ("person-new", "people/new"),
        ("branch-new", "branches/new"), ("staff-new", "staff/new"), ("till-new", "tills/new"),
        ("card-new", "cards/new"), ("cards-all", "cards?all=1"), ("nobody", "members?q=nobody"),
        ("404", "nothing-here"),
    ):  # fmt: skip
        page.goto(f"{live.address}/console/{path}")
        shoot(f"console-{label}")
    for label, path in (("branch", "branches/new"), ("card", "cards/new")):
        page.goto(f"{live.address}/console/{path}")
        for folded in page.locator("main details summary").all():
            folded.click()
        page.locator("main form:not([action*=sign-out]) button[type=submit]").last.click()
        shoot(f"console-{label}-refused")
    take_rules(live, page, shoot)
    page.goto(f"{live.address}/console/set-up/check")
    page.locator("input[name=pass]").set_input_files(
        {"name": "harbour.pkpass", "mimeType": "application/vnd.apple.pkpass", "buffer": b"no"}
    )
    page.get_by_role("button", name="Check", exact=True).click()
    shoot("console-check-found")
    page.goto(f"{live.address}/console/members")
    page.get_by_role("link", name="Ada Lovelace").click()
    shoot("console-member")
    page.goto(f"{live.address}/console/tills")
    page.get_by_role("link", name="Till 1", exact=True).click()
    shoot("console-till")
    page.goto(f"{live.address}/console/staff")
    page.locator("button[popovertarget]").first.click()
    shoot("console-staff-ask")
    page.goto(f"{live.address}/console/staff")
    page.get_by_role("button", name="Link for a PIN").first.click()
    shoot("console-staff-pin")
    pin_link = page.locator("[data-copy] input").input_value()
    page.goto(f"{live.address}/console/cards?all=1")
    page.get_by_role("link", name="Bean & Leaf Club").click()
    page.get_by_role("link", name="Publish", exact=True).click()
    publishing = page.url
    for paper in ("a4", "a5"):
        page.goto(publishing.replace("/publish", f"/poster?paper={paper}"))
        shoot(f"poster-{paper}")
    return pin_link


def take_rules(live: LiveInstallation, page: Page, shoot: Shoot) -> None:
    """A card begun from a starter: its rules, forms, numbers and lists."""
    page.goto(f"{live.address}/console/cards?all=1")
    if not page.get_by_role("link", name="Style club").count():
        page.goto(f"{live.address}/console/cards/new")
        page.locator("input[value=boutique]").check()
        page.get_by_role("button", name="Begin with this").click()
    else:
        page.get_by_role("link", name="Style club").click()
    card = page.url.split("?")[0]
    for label, path in (
        ("list", "rules"), ("add", "rules/add"), ("spend", "rules/rules/base"),
        ("bonus", "rules/rules/a_little_more"), ("tiers", "rules/tiers/all"),
        ("challenge", "rules/rules/add/challenge"), ("promises", "rules/promises/all"),
        ("unit", "rules/units/points"), ("publish", "rules/publish"), ("rewards", "rewards"),
        ("coupons", "coupons"), ("rehearsal", "rehearsal"), ("statement", "statement"),
    ):  # fmt: skip
        page.goto(f"{card}/{path}")
        shoot(f"rules-{label}")
    page.goto(f"{live.address}/console/items")
    shoot("rules-items")


def take_counter(live: LiveInstallation, page: Page, corners: Corners, shoot: Shoot) -> None:
    """The till with a stamp card, with nobody found, handing over, and locked."""
    find(live, page, corners.stamp_number)
    shoot("till-stamps")
    page.locator("details.more summary").click()
    shoot("till-lost")
    page.get_by_role("button", name="New phone: the same card").click()
    page.locator("[data-address]").wait_for()
    again = page.locator("[data-address]").get_attribute("data-address") or ""
    shoot("till-new-phone")
    page.goto(again)
    shoot("card-again")
    page.goto(live.address + corners.stamp_card)
    shoot("card-stamps")
    page.goto(f"{live.address}/till")
    page.locator("input[name=code]").fill("nobody")
    page.locator("input[name=code]").press("Enter")
    page.locator("[data-stage] .tone-bad").wait_for()
    shoot("till-nobody")
    page.get_by_role("button", name="Lock").click()
    shoot("till-pin")
    type_pin(page, "9999")
    page.locator(".tone-bad").wait_for()
    shoot("till-pin-refused")
    type_pin(page, live.facts["staff_pin"])
    page.locator("input[name=code]").wait_for()


def take_doors(
    live: LiveInstallation, page: Page, *, pin_link: str, join: str, shoot: Shoot
) -> None:
    """What a stranger sees; `page` knows no session."""
    link = str(live.command("owner-link")["owner_link"])
    for label, path in (
        ("sign-in", "/console/sign-in"), ("link", link.removeprefix(live.address)),
        ("link-spent", "/console/link/" + "0" * 26), ("till-pair", "/till"),
        ("till-choose-pin", pin_link.removeprefix(live.address)),
        ("till-pin-spent", "/till/pin/" + "0" * 26), ("join-closed", "/j/00000000"),
        ("card-again-spent", "/m/again/" + "0" * 26), ("404", "/nothing-here"),
    ):  # fmt: skip
        page.goto(live.address + path)
        shoot(label)
    page.goto(f"{live.address}/till")
    page.locator("input[name=code]").fill("WRONGONE")
    page.locator("main button").first.click()
    shoot("till-pair-refused")
    page.goto(f"{live.address}/console/sign-in")
    page.locator("input[name=email]").fill("ada@example.com")
    page.locator("input[name=password]").fill("wrong")
    page.locator("main form button").first.click()
    shoot("sign-in-refused")
    page.goto(live.address + join)
    page.locator("input[name=email]").fill("not an address")
    page.wait_for_timeout(4_000)  # the form refuses who is faster than a person
    page.get_by_role("button", name="Get my card").click()
    page.locator(".field-bad").wait_for()
    shoot("join-refused")
    page.locator("input[name=email]").fill("")
    page.get_by_role("button", name="Get my card").click()
    page.wait_for_url("**/welcome**")
    shoot("join-welcome")


def take_closed(live: LiveInstallation, page: Page, *, paths: dict[str, str], shoot: Shoot) -> None:
    """The public pages and the console of a shop that is suspended."""
    for label, path in paths.items():
        page.goto(live.address + path)
        shoot(f"suspended-{label}")


def find(live: LiveInstallation, page: Page, number: str) -> None:
    """Bring a card onto the till's screen."""
    page.goto(f"{live.address}/till")
    page.wait_for_timeout(300)
    if page.locator("input[name=pin]").count():
        type_pin(page, live.facts["staff_pin"])
    page.locator("input[name=code]").fill(number)
    page.locator("input[name=code]").press("Enter")
    page.locator("[data-card]").first.wait_for()


def type_pin(page: Page, pin: str) -> None:
    """On a touch screen by the keys drawn there, else by the keyboard."""
    field = page.locator("input[name=pin]")
    if field.get_attribute("readonly") is None:
        field.fill(pin)
        field.press("Enter")
        return
    for digit in pin:
        page.locator(f"[data-digit='{digit}']").click()
    page.locator(".key-go").click()
