"""Coupons at Google: what everybody reads is the class, what one member holds the object."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from common.errors import InvalidInput
from passes.google_offers import (
    Coupon,
    Offer,
    OfferState,
    offer_class,
    offer_class_patch,
    offer_object,
    offer_object_patch,
)
from passes.google_parts import GoogleKind
from tests.support.cards import a_design, a_google_identity
from tests.support.discovery import complaints, without_nulls

IDENTITY = a_google_identity(kind=GoogleKind.OFFER)
ENDS = datetime(2027, 1, 31, 20, 0, tzinfo=timezone(timedelta(hours=1)))
OFFER = Offer(
    title="One coffee on us",
    provider="Bean Co Roasters",
    details="Any size.",
    fine_print="Once a customer.",
    help_url="https://bean.example/help",
)


def test_offers_fit_the_schema() -> None:
    made = offer_class(OFFER, a_design(), IDENTITY, country_code="GB")
    held = offer_object(Coupon(barcode="FREE1", shown_code="FREE1", ends_at=ENDS), IDENTITY)

    assert complaints("OfferClass", made) == []
    assert complaints("OfferClass", without_nulls(offer_class_patch(made))) == []
    assert complaints("OfferObject", held) == []
    assert complaints("OfferObject", without_nulls(offer_object_patch(held))) == []
    assert len(made["provider"]) <= 12
    assert held["validTimeInterval"]["end"]["date"] == "2027-01-31T20:00:00+01:00"
    assert held["disableExpirationNotification"] is True


@pytest.mark.parametrize("state", [OfferState.SPENT, OfferState.WITHDRAWN, OfferState.EXPIRED])
def test_a_coupon_that_cannot_be_used_shows_no_code(state: OfferState) -> None:
    gone = offer_object(Coupon(barcode="FREE1", state=state), IDENTITY)

    assert gone["state"] == str(state)
    assert "barcode" not in gone
    # A merge would keep what is not named.
    assert offer_object_patch(gone)["barcode"] is None
    assert offer_object_patch(gone)["validTimeInterval"] is None


def test_what_a_coupon_lost_is_taken_off_its_class() -> None:
    bare = offer_class(Offer(title="Coffee"), a_design(), IDENTITY)

    assert offer_class_patch(bare)["details"] is None
    assert offer_class_patch(bare)["helpUri"] is None
    assert "id" not in offer_class_patch(bare)


@pytest.mark.parametrize("title", ["", " ", "x" * 61])
def test_a_title_that_google_would_cut_is_refused(title: str) -> None:
    with pytest.raises(InvalidInput):
        offer_class(replace(OFFER, title=title), a_design(), IDENTITY)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError):
        offer_object(Coupon(barcode="1", ends_at=ENDS.replace(tzinfo=None)), IDENTITY)
