"""Offers linked to a card: there before the card names them, beside it on the phone, and kept there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.sandbox import GoogleAccount, SandboxProcess
from tests.unit.sandbox.google_client import GoogleClient, message


@pytest.fixture
def google(sandbox: SandboxProcess, account: GoogleAccount) -> Iterator[GoogleClient]:
    client = GoogleClient(sandbox, account)
    yield client
    client.close()


@pytest.fixture
def card(google: GoogleClient) -> str:
    name = uuid.uuid4().hex
    return google.insert_object(f"m-{name}", google.insert_class(f"c-{name}"))


def an_offer(google: GoogleClient) -> str:
    name = uuid.uuid4().hex
    made = {
        "id": google.id(f"oc-{name}"),
        "issuerName": "Bean Co",
        "title": "One coffee",
        "provider": "Bean Co",
        "redemptionChannel": "INSTORE",
        "reviewStatus": "UNDER_REVIEW",
    }
    assert google.call("POST", "offerClass", made).status_code == 200
    copy = {"id": google.id(f"o-{name}"), "classId": made["id"], "state": "ACTIVE"}
    assert google.call("POST", "offerObject", copy).status_code == 200
    return copy["id"]


def link(google: GoogleClient, card: str, *offers: str) -> int:
    body = {"linkedOfferIds": list(offers)}
    return google.call("PATCH", f"loyaltyObject/{card}", body).status_code


def test_a_card_cannot_name_an_offer_that_is_not_there(google: GoogleClient, card: str) -> None:
    body = {"linkedOfferIds": [google.id("o-nowhere")]}

    answer = google.call("PATCH", f"loyaltyObject/{card}", body)

    assert answer.status_code == 400
    assert "not found" in message(answer)


@pytest.mark.parametrize("key", ["3388000000000000999.o-1", "no id"])
def test_a_card_cannot_name_anothers_offer(google: GoogleClient, card: str, key: str) -> None:
    assert link(google, card, key) == 400


def test_a_linked_offer_comes_to_the_phone_and_stays_there(
    google: GoogleClient, card: str, sandbox: SandboxProcess
) -> None:
    phone = sandbox.create_phone("android")
    token = google.account.save_token({"loyaltyObjects": [{"id": card}]})
    assert (
        sandbox.save_to_google(
            f"{sandbox.urls['google_save_url']}/{token}", phone=phone
        ).status_code
        == 303
    )
    offer = an_offer(google)

    assert link(google, card, offer) == 200
    assert link(google, card, offer) == 200
    held = [each["id"] for each in sandbox.android(phone)["cards"]]
    assert link(google, card) == 200

    assert held == [card, offer]
    assert [each["id"] for each in sandbox.android(phone)["cards"]] == held


def test_a_phone_that_is_looked_at_while_google_rings_waits_for_nobody(
    google: GoogleClient, sandbox: SandboxProcess
) -> None:
    """Once each held what the other wanted: the sandbox stood still for ever."""
    phone = sandbox.create_phone("android")
    name = uuid.uuid4().hex
    class_id = google.insert_class(f"c-{name}")
    cards = [google.insert_object(f"m-{name}-{n}", class_id) for n in range(12)]
    for card in cards:
        token = google.account.save_token({"loyaltyObjects": [{"id": card}]})
        sandbox.save_to_google(f"{sandbox.urls['google_save_url']}/{token}", phone=phone)
    body = {"message": {"header": "Hello", "body": "Cake", "messageType": "TEXT_AND_NOTIFY"}}

    with ThreadPoolExecutor(2) as lookers, ThreadPoolExecutor(4) as ringers:
        looks = [lookers.submit(sandbox.android, phone) for _ in range(150)]
        rings = [
            ringers.submit(google.call, "POST", f"loyaltyObject/{card}/addMessage", body)
            for card in cards * 3
        ]

    assert all(len(look.result()["cards"]) == len(cards) for look in looks)
    assert {ring.result().status_code for ring in rings} == {200}
