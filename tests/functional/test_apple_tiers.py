"""A tier's look on an Apple card: its colours and strip, the moment a member moves up; both engines."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.ids import new_id
from loyalty.apple_certificate import install_certificate
from loyalty.context import Loyalty
from loyalty.design import save_words
from loyalty.earn import EarnRequest, earn
from loyalty.enrol import Enrolment, EnrolRequest, enrol
from loyalty.programmes import add_programme
from loyalty.publish import publish
from loyalty.tier_banners import save_tier_banner
from signing.certificate_files import read_pem
from signing.sandbox_chain import make_sandbox_apple
from tests.support.cards import a_picture
from tests.support.house import PHONE, Browser, House, a_house, an_app
from tests.support.rules import SPEND, terms_of

LEVELS = [{"code": "gold", "name": "Gold", "threshold": 5_000}]
GOLD = {"tier_background_colour.gold": "#aa8800", "tier_label_colour.gold": "#000000"}


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    house = a_house(ctx, clock)
    apple = make_sandbox_apple(clock.now())
    material = read_pem(apple.certificate_pem + apple.intermediate_pem, apple.key_pem, None)
    install_certificate(ctx, house.merchant_id, material, actor=SYSTEM, sandbox_root=apple.root_pem)
    return house


@pytest.fixture
def programme_id(ctx: Loyalty, house: House) -> int:
    terms = terms_of(SPEND, tiers={"levels": LEVELS})
    its = add_programme(
        ctx, house.merchant_id, slug="rules", name="Rule Club", terms=terms, actor=SYSTEM
    )
    save_words(ctx, house.merchant_id, its, GOLD, actor=SYSTEM)
    banner = a_picture(1100, 400)
    save_tier_banner(ctx, house.merchant_id, its, "gold", banner, actor=SYSTEM)
    publish(ctx, house.merchant_id, its, actor=SYSTEM)
    return its


def member(house: House, programme_id: int, name: str) -> Enrolment:
    request = EnrolRequest(programme_id=programme_id, name=name, actor=SYSTEM, source="command")
    return enrol(house.ctx, house.merchant_id, request)


def spend(house: House, one: Enrolment, amount_minor: int) -> None:
    request = EarnRequest(
        member_id=one.member_id,
        amount_minor=amount_minor,
        visits=None,
        actor=SYSTEM,
        idempotency_key=f"k{new_id()}",
    )
    earn(house.ctx, house.merchant_id, request)


def the_pass(house: House, token: str) -> dict[str, bytes]:
    answer = Browser(an_app(house.ctx), PHONE).get(f"/m/{token}/apple.pkpass")
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.data)) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


def test_moving_up_changes_colours_and_strip(house: House, programme_id: int) -> None:
    ada, bea = member(house, programme_id, "Ada"), member(house, programme_id, "Bea")
    before = the_pass(house, ada.card_token)

    spend(house, ada, 6_000)
    gold, plain = the_pass(house, ada.card_token), the_pass(house, bea.card_token)

    shown = json.loads(gold["pass.json"])
    assert shown["backgroundColor"] == "rgb(170, 136, 0)"
    assert shown["labelColor"] == "rgb(0, 0, 0)"
    assert shown["foregroundColor"] == json.loads(before["pass.json"])["foregroundColor"]
    assert "strip@3x.png" in gold
    # One design version holds both looks: neither is taken for the other.
    for other in (before, plain):
        assert json.loads(other["pass.json"])["backgroundColor"] == "rgb(31, 61, 54)"
        assert other.get("strip@3x.png") != gold["strip@3x.png"]
