"""Google's own Python client, unchanged but for the address, against the sandbox with our payloads."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from google.oauth2.service_account import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from passes.google_cards import card_change, card_document, class_change, class_document
from passes.google_offers import (
    Coupon,
    Offer,
    offer_class,
    offer_class_patch,
    offer_object,
    offer_object_patch,
)
from passes.google_parts import GoogleIdentity, GoogleKind
from tests.support.cards import a_content, a_design
from tests.support.sandbox import SCOPE, GoogleAccount, SandboxProcess

CARDS = [GoogleKind.LOYALTY, GoogleKind.GIFT_CARD]


@pytest.fixture
def service(sandbox: SandboxProcess, account: GoogleAccount) -> Iterator[Any]:
    key = account.key_file(sandbox.urls["token_uri"])
    endpoint = sandbox.urls["google_api_url"].removesuffix("/walletobjects/v1")
    found = build(
        "walletobjects",
        "v1",
        credentials=Credentials.from_service_account_info(key, scopes=[SCOPE]),
        client_options={"api_endpoint": endpoint},
        static_discovery=True,
    )
    yield found
    found.close()


def an_identity(account: GoogleAccount, kind: GoogleKind) -> GoogleIdentity:
    name = uuid.uuid4().hex
    return GoogleIdentity(
        issuer_id=account.issuer_id,
        class_id=f"{account.issuer_id}.c-{name}",
        object_id=f"{account.issuer_id}.m-{name}",
        image_base_url="https://cards.example/google/images",
        origin="https://cards.example",
        kind=kind,
    )


def classes(service: Any, kind: GoogleKind) -> Any:
    return getattr(service, kind.classes.lower())()


def objects(service: Any, kind: GoogleKind) -> Any:
    return getattr(service, kind.objects.lower())()


@pytest.mark.parametrize("kind", CARDS)
def test_a_card_is_inserted_changed_listed_and_told(
    service: Any, account: GoogleAccount, kind: GoogleKind
) -> None:
    identity = an_identity(account, kind)
    content = a_content(unit="EUR", balance=2500)
    made = classes(service, kind).insert(body=class_document(a_design(), identity)).execute()
    objects(service, kind).insert(body=card_document(a_design(), content, identity)).execute()

    changed = a_content(unit="EUR", balance=1500)
    patch = card_change(a_design(), changed, identity)
    after = objects(service, kind).patch(resourceId=identity.object_id, body=patch).execute()
    classes(service, kind).patch(
        resourceId=identity.class_id, body=class_change(a_design(), identity)
    ).execute()
    message = {"message": {"header": "Hello", "body": "Open on Sunday", "messageType": "TEXT"}}
    objects(service, kind).addmessage(resourceId=identity.object_id, body=message).execute()
    listed = objects(service, kind).list(classId=identity.class_id, maxResults=1).execute()

    assert made["reviewStatus"] == "APPROVED"
    assert "15000000" in json.dumps(after)
    assert [one["id"] for one in listed["resources"]] == [identity.object_id]
    assert listed["resources"][0]["messages"][0]["header"] == "Hello"


def test_a_coupon_is_inserted_linked_and_ended(service: Any, account: GoogleAccount) -> None:
    card, offer = an_identity(account, GoogleKind.LOYALTY), an_identity(account, GoogleKind.OFFER)
    loyalty, coupons = GoogleKind.LOYALTY, GoogleKind.OFFER
    classes(service, loyalty).insert(body=class_document(a_design(), card)).execute()
    objects(service, loyalty).insert(body=card_document(a_design(), a_content(), card)).execute()
    made = offer_class(Offer(title="One coffee"), a_design(), offer)
    classes(service, coupons).insert(body=made).execute()
    linked = card_change(a_design(), a_content(), card, linked_offers=[offer.object_id])

    with pytest.raises(HttpError) as early:
        objects(service, loyalty).patch(resourceId=card.object_id, body=linked).execute()
    copy = offer_object(Coupon(barcode="FREE1"), offer)
    objects(service, coupons).insert(body=copy).execute()
    named = objects(service, loyalty).patch(resourceId=card.object_id, body=linked).execute()
    renamed = offer_class_patch(offer_class(Offer(title="Two coffees"), a_design(), offer))
    classes(service, coupons).patch(resourceId=offer.class_id, body=renamed).execute()
    spent = offer_object_patch(copy | {"state": "COMPLETED"})
    ended = objects(service, coupons).patch(resourceId=offer.object_id, body=spent).execute()

    assert early.value.resp.status == 400
    assert named["linkedOfferIds"] == [offer.object_id]
    assert ended["state"] == "COMPLETED"
    assert ended["classReference"]["title"] == "Two coffees"


@pytest.mark.parametrize("kind", CARDS)
def test_a_dry_run_takes_what_we_send(
    service: Any, account: GoogleAccount, kind: GoogleKind
) -> None:
    identity = an_identity(account, kind)
    payload = {
        f"{kind.classes}es": [class_document(a_design(), identity)],
        f"{kind.objects}s": [card_document(a_design(), a_content(unit="EUR"), identity)],
    }

    body = {"jsonResource": {"json": json.dumps(payload)}}

    assert service.jwt().validate(body=body).execute() == {}
