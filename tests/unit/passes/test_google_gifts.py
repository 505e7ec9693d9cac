"""A gift card at Google: the same design and content as other cards, as Google's own kind of card."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from common.errors import InvalidInput
from passes.content import Place
from passes.google_cards import card_change, card_document, class_change, class_document
from passes.google_parts import GoogleKind
from tests.support.cards import a_content, a_design, a_google_identity
from tests.support.discovery import complaints, without_nulls

IDENTITY = a_google_identity(kind=GoogleKind.GIFT_CARD)
PLACE = Place(name="High Street", latitude=51.5, longitude=-0.12)


def a_gift(**changes: Any) -> Any:
    values = {"unit": "EUR", "balance": 2550, "member_number": "6035123456789012", "goal": None}
    return a_content(**(values | changes))


def test_a_gift_card_and_its_class_fit_the_schema() -> None:
    facts = {"callback_url": "https://cards.example/google/callback/1", "places": (PLACE,)}
    made = class_document(a_design(), IDENTITY, **facts)
    changed = class_change(a_design(), IDENTITY, **facts)
    held = card_document(
        a_design(), a_gift(expires_at=datetime(2029, 12, 31, tzinfo=UTC)), IDENTITY
    )
    patch = card_change(a_design(), a_gift(), IDENTITY)

    assert complaints("GiftCardClass", made) == []
    assert complaints("GiftCardClass", without_nulls(changed)) == []
    assert complaints("GiftCardObject", held) == []
    assert complaints("GiftCardObject", without_nulls(patch)) == []
    assert made["allowBarcodeRedemption"] is True
    assert held["balance"] == {"currencyCode": "EUR", "micros": "25500000"}
    assert held["cardNumber"] == "6035123456789012"
    assert "pin" not in held


def test_its_patch_takes_away_what_is_gone() -> None:
    patch = card_change(a_design(), a_gift(voided=True), IDENTITY)

    assert patch["state"] == "INACTIVE"
    assert patch["barcode"] is None
    assert patch["validTimeInterval"] is None
    assert "id" not in patch


def test_a_forgotten_gift_card_names_nobody() -> None:
    gone = a_gift(erased=True, voided=True)
    held = card_document(a_design(), gone, IDENTITY)
    patch = card_change(a_design(), gone, IDENTITY)

    assert complaints("GiftCardObject", held) == []
    assert held["state"] == "EXPIRED"
    assert held["cardNumber"] == "-"
    assert patch["textModulesData"] == []
    assert patch["balance"] is None
    assert patch["messages"] == []


def test_a_shop_of_two_languages_says_both() -> None:
    texts = replace(a_design(), organization_name="Bohne").texts()
    made = class_document(a_design(translations={"de": texts}), IDENTITY)

    assert complaints("GiftCardClass", made) == []
    assert made["localizedIssuerName"]["translatedValues"][0]["value"] == "Bohne"


def test_without_a_logo_there_is_no_class() -> None:
    with pytest.raises(InvalidInput):
        class_document(a_design(images={}), IDENTITY)
