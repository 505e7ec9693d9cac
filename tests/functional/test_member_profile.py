"""A member sees, changes, takes along and ends what is kept of them, after a mailed code."""

from __future__ import annotations

import json

import pytest

from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.member_profile import read_profile
from storage.outbox import OutboxKind
from storage.unit_of_work import open_work
from tests.support.house import PHONE, Browser, House, a_house, an_app
from tests.support.letters import waiting, with_mail


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(with_mail(ctx), clock)


@pytest.fixture
def phone(house: House) -> Browser:
    return Browser(an_app(house.ctx), PHONE)


def code_of(house: House) -> str:
    codes = [
        letter.code
        for kind, _mail, letter in waiting(house.ctx, house.merchant_id)
        if kind == OutboxKind.MEMBER_CODE
    ]
    return codes[-1]


def prove(phone: Browser, house: House, token: str) -> None:
    phone.get(f"/m/{token}/me")
    phone.send(f"/m/{token}/me/code")
    assert "We mailed a code to a•••@example.com" in phone.page
    phone.send(f"/m/{token}/me/prove", code=code_of(house))


def test_the_link_alone_shows_and_changes_nothing(phone: Browser, house: House) -> None:
    ada = house.enrol(name="Ada", email="ada@example.com")

    phone.get(f"/m/{ada.card_token}/me")
    assert "ada@example.com" not in phone.page
    for path in ("me", "me/data", "me/leave"):
        phone.get(f"/m/{ada.card_token}")
        answer = phone.ask(
            f"/m/{ada.card_token}/{path}", form=f"/m/{ada.card_token}/messages", sure="1"
        )
        assert answer.status_code == 403
        assert answer.get_json()["code"] == "not_proven"


def test_a_wrong_code_proves_nothing(phone: Browser, house: House) -> None:
    ada = house.enrol(name="Ada", email="ada@example.com")
    phone.get(f"/m/{ada.card_token}/me")
    phone.send(f"/m/{ada.card_token}/me/code")

    phone.send(f"/m/{ada.card_token}/me/prove", code="000000")

    assert phone.status == 422
    assert "This is not the code" in phone.page


def test_a_member_changes_everything_that_is_kept(phone: Browser, house: House) -> None:
    ada = house.enrol(name="Ada", email="ada@example.com")
    prove(phone, house, ada.card_token)
    assert "ada@example.com" in phone.page

    phone.send(
        f"/m/{ada.card_token}/me",
        name="Ada Byron",
        email="byron@example.com",
        phone="030 901820",
        address="1 High Street\nBerlin",
        birthday_day="10",
        birthday_month="12",
        brand="Acme",
        language="en",
        offers="1",
    )

    found = read_profile(house.ctx, house.merchant_id, ada.member_id)
    assert (found.name, found.email, found.phone) == (
        "Ada Byron",
        "byron@example.com",
        "+4930901820",
    )
    assert (found.address, found.birthday) == ("1 High Street\nBerlin", "12-10")
    assert (found.brand, found.language, found.offers) == ("Acme", "en", True)
    told = [
        (kind, mail.to)
        for kind, mail, _letter in waiting(house.ctx, house.merchant_id)
        if kind == OutboxKind.CONTACT_CHANGED
    ]
    assert told == [(OutboxKind.CONTACT_CHANGED, "ada@example.com")]
    # The proof ended with the address that it came from.
    phone.get(f"/m/{ada.card_token}/me")
    assert "byron@example.com" not in phone.page


def test_a_contact_of_another_card_is_not_taken_over_and_the_answer_is_the_same(
    phone: Browser, house: House
) -> None:
    house.enrol(name="Bob", email="bob@example.com")
    ada = house.enrol(name="Ada", email="ada@example.com")
    prove(phone, house, ada.card_token)

    phone.send(f"/m/{ada.card_token}/me", name="Ada", email="bob@example.com")

    assert "Saved." in phone.page
    found = read_profile(house.ctx, house.merchant_id, ada.member_id)
    assert found.email == "ada@example.com"


def test_bad_values_name_their_field_and_nothing_is_written(phone: Browser, house: House) -> None:
    ada = house.enrol(name="Ada", email="ada@example.com")
    prove(phone, house, ada.card_token)

    phone.send(
        f"/m/{ada.card_token}/me",
        name="x" * 500,
        email="nonsense",
        birthday_day="31",
        birthday_month="02",
        language="xx",
    )

    assert phone.status == 422
    assert read_profile(house.ctx, house.merchant_id, ada.member_id).name == "Ada"


def test_a_member_takes_their_data_along(phone: Browser, house: House) -> None:
    ada = house.enrol(name="Ada", email="ada@example.com", address="1 High Street")
    prove(phone, house, ada.card_token)
    action = f"/m/{ada.card_token}/me/data"

    document = json.loads(phone.send(action, format="json").get_data(as_text=True))
    assert document["profile"]["email"] == "ada@example.com"
    assert document["profile"]["address"] == "1 High Street"
    assert {"member", "consent", "wallet_pass", "account"} <= set(document["tables"])
    phone.get(f"/m/{ada.card_token}/me")
    assert phone.send(action, format="csv").get_data(as_text=True).startswith("at,kind,units")


def test_a_member_leaves_and_nothing_of_them_stays(phone: Browser, house: House) -> None:
    ada = house.enrol(name="Ada", email="ada@example.com")
    prove(phone, house, ada.card_token)

    phone.send(f"/m/{ada.card_token}/me/leave")
    assert phone.status == 422
    phone.send(f"/m/{ada.card_token}/me/leave", sure="1")

    assert "You have left" in phone.page
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        member = work.members.get(ada.member_id)
    assert (member.state, member.name, member.email_sealed) == ("erased", "", None)
    phone.get(f"/m/{ada.card_token}/me")
    assert phone.status == 404
