"""`make screens`: every page of the demo in a real browser, phone and desktop, light and dark.

The pictures land in `screens/`; `--readme` also composes docs/pictures/first-screen.png of console,
till and card. What is shown is a real installation with a few members and a day's movements.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import Browser, Page, sync_playwright

from bench.screens_corners import (
    Corners,
    prepare_corners,
    take_closed,
    take_console,
    take_counter,
    take_doors,
    type_pin,
)
from bench.screens_people import take_people
from tests.support.live import LiveInstallation

FOLDER: Final = Path("screens")
README_PICTURE: Final = Path("docs/pictures/first-screen.png")
SIZES: Final = {"phone": (390, 844), "desktop": (1280, 860)}
SCHEMES: Final = ("light", "dark")
CONSOLE: Final = (
    "", "cards", "members", "activity", "branches", "staff", "tills", "set-up", "settings",
)  # fmt: skip
IPHONE: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
PASSWORD: Final = "seven brown teapots"
VISITS: Final[tuple[tuple[str, list[str]], ...]] = (
    ("Ada Lovelace", ["12.40", "8.20", "4.50"]),
    ("Grace Hopper", ["6.10", "3.90"]),
    ("Alan Turing", ["15.00"]),
    ("Katherine Johnson", []),
)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", action="store_true", help="compose the README's picture too")
    parser.add_argument("--size", action="append", choices=SIZES, help="only this one")
    parser.add_argument("--scheme", action="append", choices=SCHEMES, help="only this one")
    parser.add_argument("--rtl", action="store_true", help="turn every page right to left")
    wanted = parser.parse_args()
    wanted.size, wanted.scheme = wanted.size or list(SIZES), wanted.scheme or list(SCHEMES)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with tempfile.TemporaryDirectory() as folder, LiveInstallation(Path(folder)) as live:
        numbers, card = fill(live)
        with browser() as chromium:
            state, join, corners = prepare(live, chromium)
            for scheme in wanted.scheme:
                for name in wanted.size:
                    with visitor(chromium, name, scheme, state=state, rtl=wanted.rtl) as (
                        page,
                        shoot,
                    ):
                        take_all(live, page, card=card, join=join, number=numbers[0], shoot=shoot)
                        pin_link = take_console(live, page, shoot)
                        take_counter(live, page, corners, shoot)
                        take_people(live, page, shoot, card=card, number=numbers[0])
                    with visitor(chromium, name, scheme, rtl=wanted.rtl) as (page, shoot):
                        take_doors(live, page, pin_link=pin_link, join=join, shoot=shoot)
            live.command("merchant", "suspend", "demo")
            for name in wanted.size:
                with visitor(chromium, name, "light", state=state) as (page, shoot):
                    paths = {"card": card, "join": join, "till": "/till", "console": "/console/"}
                    take_closed(live, page, paths=paths, shoot=shoot)
    if wanted.readme:
        compose()
    Path(FOLDER, "state.json").unlink()
    print(f"{len(list(FOLDER.iterdir()))} pictures in {FOLDER}/")


def fill(live: LiveInstallation) -> tuple[list[str], str]:
    """A few members with a day's movements; returns their numbers, and the first one's card."""
    numbers, cards = [], []
    for name, amounts in VISITS:
        made = live.command("issue", "--programme", "demo", "--name", name)
        number = made["member_number"]
        numbers.append(str(number))
        cards.append(str(made["card_link"]))
        for amount in amounts:
            live.command("earn", str(number), amount)
    live.command("redeem", numbers[0], "coffee")
    live.sandbox.do("iphone-1", "add", url=f"{cards[0]}/apple.pkpass")
    return numbers, cards[0].removeprefix(live.address)


@contextmanager
def browser() -> Iterator[Browser]:
    """The distribution's Chromium."""
    path = os.environ.get("REGULARS_TEST_BROWSER") or shutil.which("chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


def prepare(live: LiveInstallation, chromium: Browser) -> tuple[str, str, Corners]:
    """Sign in and pair the till; returns the state file, the join path and what corners need."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(live.facts["owner_link"])
    page.locator("main form button").first.click()
    page.locator("input[name=new_password]").fill(PASSWORD)
    page.locator("main form button").first.click()
    page.goto(f"{live.address}/console/tills")
    page.get_by_role("link", name="Till 1", exact=True).click()
    page.get_by_role("button", name=re.compile("[Uu]se this device")).click()
    page.goto(f"{live.address}/till")
    page.locator("input[name=pin]").fill(live.facts["staff_pin"])
    page.locator("input[name=pin]").press("Enter")
    page.locator("input[name=code]").wait_for()
    page.goto(f"{live.address}/console/cards")
    page.get_by_role("link", name="Publish", exact=True).click()
    join = re.search(r"/j/[0-9A-Z]+", page.content())
    assert join is not None
    corners = prepare_corners(live, page)
    state = str(FOLDER.absolute() / "state.json")
    context.storage_state(path=state)
    context.close()
    return state, join.group(0), corners


@contextmanager
def visitor(
    chromium: Browser, name: str, scheme: str, *, state: str | None = None, rtl: bool = False
) -> Iterator[tuple[Page, Callable[[str], None]]]:
    """A browser of one size and scheme, and what keeps a picture of its page."""
    phone = name == "phone"
    width, height = SIZES[name]
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        storage_state=state,
        device_scale_factor=2 if phone else 1,
        has_touch=phone,
        is_mobile=phone,
        user_agent=IPHONE if phone else None,
        locale="en-IE",
    )
    context.set_default_timeout(40_000)
    if rtl:
        turn = "document.documentElement.dir = 'rtl'"
        context.add_init_script(f"addEventListener('DOMContentLoaded', () => {{ {turn} }})")
    page = context.new_page()

    def shoot(label: str) -> None:
        page.screenshot(path=FOLDER / f"{label}-{name}-{scheme}.png", full_page=label != "sandbox")

    yield page, shoot
    context.close()


def take_all(
    live: LiveInstallation,
    page: Page,
    *,
    card: str,
    join: str,
    number: str,
    shoot: Callable[[str], None],
) -> None:
    """Every page of an ordinary day."""
    for path in CONSOLE:
        page.goto(f"{live.address}/console/{path}")
        shoot(f"console-{path or 'today'}")
    for tab in ("Rule", "Rewards", "Join page", "Publish"):
        page.goto(f"{live.address}/console/cards")
        page.get_by_role("link", name="Bean & Leaf Club").click()
        page.get_by_role("link", name=tab, exact=True).first.click()
        shoot(f"card-{tab.lower().replace(' ', '-')}")
    take_till(live, page, number, shoot)
    for label, path in (("join", join), ("card", card), ("card-gone", "/m/" + "0" * 26)):
        page.goto(live.address + path)
        shoot(label)
    page.goto(live.facts["sandbox"])
    page.wait_for_timeout(800)
    shoot("sandbox")


def take_till(
    live: LiveInstallation, page: Page, number: str, shoot: Callable[[str], None]
) -> None:
    """Scan, collect, answer."""
    page.goto(f"{live.address}/till")
    page.wait_for_timeout(300)
    if page.locator("input[name=pin]").count():
        type_pin(page, live.facts["staff_pin"])
    page.locator("input[name=code]").wait_for()
    shoot("till-scan")
    page.locator("input[name=code]").fill(number)
    page.locator("input[name=code]").press("Enter")
    page.locator("input[name=amount]").wait_for()
    shoot("till-member")
    page.locator("input[name=amount]").fill("3.20")
    page.get_by_role("button", name="Collect").click()
    page.locator("[data-headline]").wait_for()
    shoot("till-done")


def compose() -> None:
    """Console behind, till and card in front."""
    console = (
        Image.open(FOLDER / "console-cards-desktop-light.png")
        .convert("RGB")
        .crop((0, 0, 1280, 860))
    )
    till = Image.open(FOLDER / "till-done-phone-light.png").convert("RGB").crop((0, 0, 780, 1500))
    card = Image.open(FOLDER / "card-phone-light.png").convert("RGB").crop((0, 0, 780, 1500))
    sheet = Image.new("RGB", (1600, 960), "#eef0ec")
    place(sheet, console.resize((1120, 752), Image.Resampling.LANCZOS), (40, 60))
    place(sheet, till.resize((338, 650), Image.Resampling.LANCZOS), (470, 280))
    place(sheet, card.resize((338, 650), Image.Resampling.LANCZOS), (1226, 190))
    README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(colors=256, dither=Image.Dither.FLOYDSTEINBERG).save(
        README_PICTURE, optimize=True
    )


def place(sheet: Image.Image, picture: Image.Image, at: tuple[int, int], radius: int = 18) -> None:
    """Put a picture on the sheet with round corners and a soft shadow."""
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, *picture.size), radius, fill=255)
    shadow = Image.new("L", (picture.width + 80, picture.height + 80), 0)
    ImageDraw.Draw(shadow).rounded_rectangle(
        (40, 48, picture.width + 40, picture.height + 48), radius, fill=70
    )
    blurred = shadow.filter(ImageFilter.GaussianBlur(16))
    sheet.paste(Image.new("RGB", shadow.size, "#20302a"), (at[0] - 40, at[1] - 40), blurred)
    sheet.paste(picture, at, mask)


if __name__ == "__main__":
    main()
