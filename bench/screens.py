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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.live import LiveInstallation

FOLDER: Final = Path("screens")
README_PICTURE: Final = Path("docs/pictures/first-screen.png")
SIZES: Final = {"phone": (390, 844), "desktop": (1280, 860)}
SCHEMES: Final = ("light", "dark")
CONSOLE: Final = (
    "", "cards", "members", "activity", "branches", "staff", "tills", "set-up", "settings",
)  # fmt: skip
PASSWORD: Final = "seven brown teapots"
VISITS: Final = (
    ("Ada Lovelace", ["12.40", "8.20", "4.50"]),
    ("Grace Hopper", ["6.10", "3.90"]),
    ("Alan Turing", ["15.00"]),
    ("Katherine Johnson", []),
)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", action="store_true", help="compose the README's picture too")
    wanted = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with tempfile.TemporaryDirectory() as folder, LiveInstallation(Path(folder)) as live:
        numbers, card = fill(live)
        with browser() as chromium:
            state, join = prepare(live, chromium)
            for scheme in SCHEMES:
                for name, size in SIZES.items():
                    take_all(
                        live,
                        chromium,
                        state=state,
                        card=card,
                        join=join,
                        number=numbers[0],
                        scheme=scheme,
                        name=name,
                        size=size,
                    )
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


def prepare(live: LiveInstallation, chromium: Browser) -> tuple[str, str]:
    """Sign in and pair the till; returns the state file and the join path."""
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
    state = str(FOLDER.absolute() / "state.json")
    context.storage_state(path=state)
    context.close()
    return state, join.group(0)


def take_all(
    live: LiveInstallation,
    chromium: Browser,
    *,
    state: str,
    card: str,
    join: str,
    number: str,
    scheme: str,
    name: str,
    size: tuple[int, int],
) -> None:
    """Every page in one size and scheme."""
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        storage_state=state,
        device_scale_factor=2 if name == "phone" else 1,
    )
    context.set_default_timeout(20_000)
    page = context.new_page()

    def shoot(label: str) -> None:
        page.screenshot(path=FOLDER / f"{label}-{name}-{scheme}.png", full_page=label != "sandbox")

    for path in CONSOLE:
        page.goto(f"{live.address}/console/{path}")
        shoot(f"console-{path or 'today'}")
    for tab in ("Rule", "Rewards", "Join page", "Publish"):
        page.goto(f"{live.address}/console/cards")
        page.get_by_role("link", name=tab, exact=True).first.click()
        shoot(f"card-{tab.lower().replace(' ', '-')}")
    take_till(live, page, number, shoot)
    for label, path in (("join", join), ("card", card), ("card-gone", "/m/" + "0" * 26)):
        page.goto(live.address + path)
        shoot(label)
    page.goto(live.facts["sandbox"])
    page.wait_for_timeout(800)
    shoot("sandbox")
    context.close()


def take_till(live: LiveInstallation, page: Page, number: str, shoot: object) -> None:
    """Scan, collect, answer."""
    assert callable(shoot)
    page.goto(f"{live.address}/till")
    page.wait_for_timeout(300)
    if page.locator("input[name=pin]").count():
        page.locator("input[name=pin]").fill(live.facts["staff_pin"])
        page.locator("input[name=pin]").press("Enter")
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
    sheet.quantize(colors=256, dither=Image.Dither.FLOYDSTEINBERG).save(README_PICTURE, optimize=True)


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
