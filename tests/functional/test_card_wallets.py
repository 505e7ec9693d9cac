"""The wallet buttons under a card: which are offered, in which order, and what they give."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import DeliveryError
from loyalty.apple_certificate import install_certificate
from loyalty.context import Loyalty
from loyalty.google_account import install_google_account
from loyalty.lost_card import replace_lost_card
from signing.certificate_files import read_pem
from signing.sandbox_chain import make_sandbox_apple, make_sandbox_service_account
from storage.unit_of_work import open_work
from tests.support.house import ANDROID, PHONE, PUBLIC_URL, Browser, House, a_house, an_app
from web.throttle import Limit

SANDBOX = "http://127.0.0.1:9999"
TOKEN_URI = "http://127.0.0.1:9999/token"
ISSUER = "3388000000000000001"


class RecordingGoogle:
    """A Google that takes everything, or nothing, and keeps what it was given."""

    def __init__(self) -> None:
        self.objects: list[Mapping[str, Any]] = []
        self.away = False

    def upsert(
        self,
        *,
        account_id: int,
        class_document: Mapping[str, Any],
        object_document: Mapping[str, Any],
        object_patch: Mapping[str, Any] | None = None,
        timeout_s: float,
        kind: str,
    ) -> None:
        if self.away:
            raise DeliveryError("Google does not answer just now. Please try again.")
        assert kind == "loyalty"
        self.objects.append(object_document)


@pytest.fixture
def google() -> RecordingGoogle:
    return RecordingGoogle()


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock, google: RecordingGoogle) -> House:
    ctx = replace(ctx, google=google, settings=replace(ctx.settings, allowed_token_uri=TOKEN_URI))
    house = a_house(ctx, clock)
    apple = make_sandbox_apple(clock.now())
    material = read_pem(apple.certificate_pem + apple.intermediate_pem, apple.key_pem, None)
    install_certificate(ctx, house.merchant_id, material, actor=SYSTEM, sandbox_root=apple.root_pem)
    key_file, _public = make_sandbox_service_account(clock.now(), TOKEN_URI, ISSUER)
    install_google_account(
        ctx,
        house.merchant_id,
        key_file,
        issuer_id=ISSUER,
        actor=SYSTEM,
        sandbox_token_uri=TOKEN_URI,
    )
    return house


def browser(house: House, headers: dict[str, str]) -> Browser:
    app = an_app(house.ctx, sandbox_iphone_add_url=f"{SANDBOX}/phones/iphone/add")
    return Browser(app, headers)


@pytest.mark.parametrize(
    ("headers", "first", "second"),
    [
        (PHONE, "Add to Apple Wallet", "Save to Google Wallet"),
        (ANDROID, "Save to Google Wallet", "Add to Apple Wallet"),
    ],
    ids=["iphone", "android"],
)
def test_the_matching_wallet_comes_first(
    house: House, headers: dict[str, str], first: str, second: str
) -> None:
    phone = browser(house, headers)

    phone.get(f"/m/{house.enrol().card_token}")

    assert 0 < phone.page.index(first) < phone.page.index(second)


def test_the_apple_button_gives_a_signed_pass_of_the_right_kind(house: House) -> None:
    phone = browser(house, PHONE)
    member = house.enrol(name="Ada")

    answer = phone.get(f"/m/{member.card_token}/apple.pkpass")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/vnd.apple.pkpass"
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert answer.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as bundle:
        assert {"pass.json", "manifest.json", "signature", "icon.png"} <= set(bundle.namelist())
        document = json.loads(bundle.read("pass.json"))
    assert document["barcodes"][0]["message"] == house.barcode(member.member_id)
    assert document["webServiceURL"] == f"{PUBLIC_URL}/apple"


def test_the_google_button_inserts_and_sends_to_the_save_link(
    house: House, google: RecordingGoogle
) -> None:
    phone = browser(house, ANDROID)
    member = house.enrol(name="Ada")
    path = f"/m/{member.card_token}"
    policy = phone.get(path).headers["Content-Security-Policy"]

    answer = phone.send(f"{path}/google", follow=False)

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("https://pay.google.com/gp/v/save/")
    assert len(google.objects) == 1
    assert "form-action 'self' https://pay.google.com" in policy
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        purposes = {one.purpose for one in work.members.consents(member.member_id)}
    assert "google" in purposes


def test_looking_at_the_google_address_saves_nothing(house: House, google: RecordingGoogle) -> None:
    phone = browser(house, ANDROID)

    phone.get(f"/m/{house.enrol().card_token}/google")

    assert phone.status == 405
    assert google.objects == []


def test_a_google_that_does_not_answer_leaves_the_card_and_says_so(
    house: House, google: RecordingGoogle
) -> None:
    google.away = True
    phone = browser(house, ANDROID)
    path = f"/m/{house.enrol().card_token}"
    phone.get(path)

    phone.send(f"{path}/google")

    assert phone.status == 502
    assert "Google does not answer just now" in phone.page
    assert "Show this code at the till" in phone.page


def test_saving_again_and_again_is_slowed_down(house: House) -> None:
    phone = browser(house, ANDROID)
    path = f"/m/{house.enrol().card_token}"
    phone.get(path)

    statuses = [phone.send(f"{path}/google", follow=False).status_code for _ in range(6)]

    assert statuses[:5] == [303] * 5
    assert statuses[5] == 429


def test_a_shops_saves_are_slowed_down_together(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.card.SAVE_SHOP", Limit(purpose="t", capacity=1, refill_per_s=0.01))
    statuses = []
    for _guest in range(2):
        phone = browser(house, ANDROID)
        path = f"/m/{house.enrol().card_token}"
        phone.get(path)
        statuses.append(phone.send(f"{path}/google", follow=False).status_code)

    assert statuses == [303, 429]


def test_the_sandbox_iphone_is_given_the_passs_address(house: House) -> None:
    phone = browser(house, PHONE)
    member = house.enrol()

    answer = phone.get(f"/m/{member.card_token}")

    address = f"{PUBLIC_URL}/m/{member.card_token}/apple.pkpass"
    assert f'action="{SANDBOX}/phones/iphone/add"' in phone.page
    assert f'name="url" value="{address}"' in phone.page
    assert SANDBOX in answer.headers["Content-Security-Policy"]


def test_a_lost_card_gives_no_pass_any_more(house: House) -> None:
    phone = browser(house, PHONE)
    member = house.enrol()
    new = replace_lost_card(house.ctx, house.merchant_id, member.member_id, actor=SYSTEM)

    dead = phone.get(f"/m/{member.card_token}/apple.pkpass").status_code
    living = phone.get(f"/m/{new.card_token}/apple.pkpass")

    assert dead == 404
    with zipfile.ZipFile(io.BytesIO(living.data)) as bundle:
        document = json.loads(bundle.read("pass.json"))
    assert document["barcodes"][0]["message"] == house.barcode(member.member_id)


def test_the_welcome_page_offers_the_wallets_for_a_known_contact_as_well(house: House) -> None:
    phone = browser(house, PHONE)
    house.enrol(email="ada@example.com")
    path = f"/j/{house.join_code}"
    phone.get(path)
    house.clock.advance(seconds=5)

    phone.send(path, email="ada@example.com")

    assert "Add to Apple Wallet" in phone.page
    assert "Save to Google Wallet" in phone.page
