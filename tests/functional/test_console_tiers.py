"""The owner gives each tier a look in the card's form: colours, a short name, a banner."""

from __future__ import annotations

import io

import pytest
from flask import Flask
from PIL import Image

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.programmes import add_programme
from passes.design import Design, ImageName
from passes.tier_look import TierLook
from storage.unit_of_work import open_work
from tests.support.console import an_owner
from tests.support.house import Browser, House, a_house, an_app
from tests.support.rules import SPEND, terms_of

CAFE = 101
LEVELS = [
    {"code": "silver", "name": "Silver", "threshold": 5_000},
    {"code": "gold", "name": "Golden Circle", "threshold": 20_000},
]


@pytest.fixture
def app(ctx: Loyalty) -> Flask:
    return an_app(ctx)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def owner(app: Flask, ctx: Loyalty, house: House) -> Browser:
    return an_owner(app, ctx, CAFE)


@pytest.fixture
def path(ctx: Loyalty, house: House) -> str:
    terms = terms_of(SPEND, tiers={"levels": LEVELS})
    programme_id = add_programme(
        ctx, CAFE, slug="rules", name="Rule Club", terms=terms, actor=SYSTEM
    )
    return f"/console/cards/{programme_id}"


def draft(house: House, path: str) -> Design:
    with open_work(house.ctx.database, CAFE, clock=house.clock, writing=False) as work:
        return work.programmes.draft(int(path.rsplit("/", 1)[1])).design


def send_banner(browser: Browser, path: str, tier: str, data: bytes) -> int:
    action = f"{path}/strip"
    browser.get(path)
    fields = {**browser.hidden(action), "picture_tier": tier, "strip": (io.BytesIO(data), "a.png")}
    answer = browser.client.post(action, data=fields, base_url="http://127.0.0.1:8080")
    return answer.status_code


def a_banner() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (1100, 400), "#aa8800").save(out, "PNG")
    return out.getvalue()


def test_a_card_without_tiers_asks_for_no_looks(owner: Browser, house: House) -> None:
    owner.get(f"/console/cards/{house.programme_id}")

    assert "tier_name" not in owner.page


def test_the_owner_sets_a_tiers_look_and_sees_it(owner: Browser, house: House, path: str) -> None:
    words = {"tier_name.gold": "Gold", "tier_background_colour.gold": "#AA8800"}
    owner.get(path)
    assert "Golden Circle" in owner.page

    shown = owner.ask(f"{path}/preview", form=path, **words, preview_tier="gold")
    plain = owner.ask(f"{path}/preview", form=path, **words)
    owner.send(path, **words)

    assert 'fill="#aa8800"' in shown.text
    assert "Golden Circle" in shown.text
    assert 'fill="#aa8800"' not in plain.text
    assert draft(house, path).tier_looks == {
        "gold": TierLook(name="Gold", background_colour="#aa8800")
    }
    owner.send(path, **dict.fromkeys(words, ""))
    assert draft(house, path).tier_looks == {}


def test_a_banner_is_drawn_for_both_wallets_and_anew_on_another_ground(
    owner: Browser, house: House, path: str
) -> None:
    assert send_banner(owner, path, "gold", a_banner()) == 303
    look = draft(house, path).tier_looks["gold"]

    assert {ImageName.STRIP_3X, ImageName.GOOGLE_HERO} <= look.images.keys()
    assert look.images[ImageName.GOOGLE_HERO].width == 1032

    out = io.BytesIO()
    Image.new("RGBA", (1100, 400), (0, 0, 0, 0)).save(out, "PNG")
    assert send_banner(owner, path, "gold", out.getvalue()) == 303
    before = draft(house, path).tier_looks["gold"].images
    owner.send(path, **{"tier_background_colour.gold": "#aa8800"})
    assert draft(house, path).tier_looks["gold"].images != before

    owner.get(path)
    owner.send(f"{path}/strip/remove", picture_tier="gold")
    assert draft(house, path).tier_looks["gold"].images == {}


def test_what_a_wallet_would_refuse_is_named_and_nothing_is_kept(
    owner: Browser, house: House, path: str
) -> None:
    owner.get(path)
    owner.send(
        path,
        **{
            "tier_name.gold": "Much too long",
            "tier_background_colour.silver": "red; }",
            "tier_name.platinum2": "",
            "tier_images.gold": "x",
        },
    )

    assert owner.status == 422
    assert 'id="tier_name.gold-error"' in owner.page
    assert 'id="tier_background_colour.silver-error"' in owner.page
    assert draft(house, path).tier_looks == {}


@pytest.mark.parametrize(("tier", "status"), [("platinum", 404), ("../x", 404)])
def test_a_banner_for_a_tier_that_is_none_is_refused(
    owner: Browser, house: House, path: str, tier: str, status: int
) -> None:
    assert send_banner(owner, path, tier, a_banner()) == status
    assert draft(house, path).tier_looks == {}


def test_a_banner_that_is_no_picture_is_refused_at_its_field(
    owner: Browser, house: House, path: str
) -> None:
    assert send_banner(owner, path, "gold", b"no picture") == 422
    assert draft(house, path).tier_looks == {}
