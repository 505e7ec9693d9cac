"""A member's personal link, over HTTP, on both engines."""

from __future__ import annotations

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from loyalty.lost_card import replace_lost_card
from loyalty.new_phone import make_new_phone_link
from storage.unit_of_work import open_work
from tests.support.house import ANDROID, PHONE, Browser, House, a_house, an_app

INSTAGRAM = {"User-Agent": PHONE["User-Agent"] + " Instagram 350.0.0.20.100"}


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def phone(ctx: Loyalty) -> Browser:
    return Browser(an_app(ctx), PHONE)


def test_the_card_shows_code_balance_and_history_with_reasons(phone: Browser, house: House) -> None:
    member = house.enrol(name="Ada")
    earn(
        house.ctx,
        house.merchant_id,
        EarnRequest(
            member_id=member.member_id,
            amount_minor=1240,
            visits=None,
            actor=SYSTEM,
            idempotency_key="k1",
            source="command",
        ),
    )

    phone.get(f"/m/{member.card_token}")

    assert phone.status == 200
    assert '<svg class="qr"' in phone.page or 'class="qr"' in phone.page
    assert "+12 points" in phone.page
    assert "40 cents" in phone.page
    assert "Coffee" in phone.page
    assert "Ready for you" in phone.page


def test_the_link_is_read_in_lower_case_too(phone: Browser, house: House) -> None:
    member = house.enrol()

    phone.get(f"/m/{member.card_token.lower()}")

    assert phone.status == 200


@pytest.mark.parametrize("token", ["0" * 26, "x", "A" * 500, "%00", "%F0%9F%8D%B5"])
def test_a_dead_link_is_a_kind_page(phone: Browser, house: House, token: str) -> None:
    phone.get(f"/m/{token}")

    assert phone.status == 404
    assert "This link opens no card" in phone.page


def test_a_barcode_is_no_personal_link(phone: Browser, house: House) -> None:
    member = house.enrol()

    phone.get(f"/m/{house.barcode(member.member_id)}")

    assert phone.status == 404


def test_a_wallet_that_is_not_set_up_is_not_offered(phone: Browser, house: House) -> None:
    phone.get(f"/m/{house.enrol().card_token}")

    assert "Add to Apple Wallet" not in phone.page
    assert "Save to Google Wallet" not in phone.page


def test_a_pass_without_a_certificate_is_not_found(phone: Browser, house: House) -> None:
    phone.get(f"/m/{house.enrol().card_token}/apple.pkpass")

    assert phone.status == 404


def test_a_desktop_shows_a_code_to_open_the_card_on_the_phone(ctx: Loyalty, house: House) -> None:
    desktop = Browser(an_app(ctx))

    desktop.get(f"/m/{house.enrol().card_token}")

    assert "Open it on your phone" in desktop.page


def test_a_phone_needs_no_code_to_open_itself(phone: Browser, house: House) -> None:
    phone.get(f"/m/{house.enrol().card_token}")

    assert "Open it on your phone" not in phone.page


def test_inside_another_app_the_page_says_how_to_open_the_real_browser(
    ctx: Loyalty, house: House
) -> None:
    inside = Browser(an_app(ctx), INSTAGRAM)

    inside.get(f"/m/{house.enrol().card_token}")

    assert "You are inside Instagram" in inside.page
    assert "Open in Safari" in inside.page


def test_a_lost_cards_link_and_code_are_dead_and_the_new_ones_work(
    phone: Browser, house: House
) -> None:
    member = house.enrol()
    old_code = house.barcode(member.member_id)

    new = replace_lost_card(house.ctx, house.merchant_id, member.member_id, actor=SYSTEM)

    phone.get(f"/m/{member.card_token}")
    assert phone.status == 404
    phone.get(f"/m/{new.card_token}")
    assert phone.status == 200
    assert house.barcode(member.member_id) != old_code
    with open_work(house.ctx.database, None, clock=house.clock, writing=False) as work:
        from signing.tokens import token_hash

        assert work.directory.token(token_hash(old_code)) is None


def test_the_same_card_comes_to_a_new_phone_once(phone: Browser, house: House) -> None:
    member = house.enrol()
    link = make_new_phone_link(house.ctx, house.merchant_id, member.member_id, actor=SYSTEM)
    path = f"/m/again/{link.token}"

    for _look in range(3):
        phone.get(path)
        assert phone.status == 200
    phone.send(path)
    assert phone.status == 200
    assert "Show this code at the till" in phone.page
    phone.get(path)
    assert phone.status == 404
    assert "has been used" in phone.page


def test_a_code_for_a_new_phone_is_dead_after_five_minutes(phone: Browser, house: House) -> None:
    member = house.enrol()
    link = make_new_phone_link(house.ctx, house.merchant_id, member.member_id, actor=SYSTEM)
    phone.get(f"/m/again/{link.token}")
    house.clock.advance(minutes=5, seconds=1)

    phone.send(f"/m/again/{link.token}")

    assert phone.status == 404


def test_another_code_for_the_same_card_ends_the_one_before(phone: Browser, house: House) -> None:
    member = house.enrol()
    first = make_new_phone_link(house.ctx, house.merchant_id, member.member_id, actor=SYSTEM)
    make_new_phone_link(house.ctx, house.merchant_id, member.member_id, actor=SYSTEM)

    phone.get(f"/m/again/{first.token}")

    assert phone.status == 404


def test_a_suspended_shops_cards_are_paused(phone: Browser, house: House) -> None:
    member = house.enrol()
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock) as work:
        work.merchants.set_status("suspended")
        work.commit()

    phone.get(f"/m/{member.card_token}")

    assert phone.status == 403
    assert "Your balance is kept" in phone.page


def test_guessing_links_is_slowed_down(phone: Browser, house: House) -> None:
    statuses = [phone.get(f"/m/{number:026d}").status_code for number in range(31)]

    assert statuses[0] == 404
    assert statuses[-1] == 429


def test_pictures_are_public_and_kept_for_ever(phone: Browser, house: House) -> None:
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        design = work.programmes.draft(house.programme_id).design
    sha256 = next(iter(design.images.values())).sha256

    answer = phone.get(f"/google/images/{sha256}.png")

    assert answer.status_code == 200
    assert answer.mimetype == "image/png"
    assert "immutable" in answer.headers["Cache-Control"]
    assert phone.get(f"/google/images/{'0' * 64}.png").status_code == 404
    assert phone.get("/google/images/..%2f.png").status_code == 404


def test_robots_may_read_the_pictures_only(phone: Browser, house: House) -> None:
    phone.get("/robots.txt")

    assert phone.page == "User-agent: *\nAllow: /google/\nDisallow: /\n"


def test_android_is_an_android() -> None:
    from web.phones import System, browser_of

    assert browser_of(ANDROID["User-Agent"]).system is System.ANDROID
    assert browser_of(INSTAGRAM["User-Agent"]).app == "Instagram"
    assert browser_of("\x00" * 5000).system is System.DESKTOP
