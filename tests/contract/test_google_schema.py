"""Our classes and objects against Google's discovery schema in strict form, and Google's lengths."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.content import Place, RewardLine
from passes.design import LABEL_MAX, NAME_MAX, ImageName, ImageRef, check_design
from passes.google import class_patch, loyalty_class, loyalty_object, object_patch
from passes.google_cards import card_change, card_document
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
from passes.tier_look import Tier, TierLook
from tests.support.cards import a_content, a_design, a_google_identity, a_stamp_card
from tests.support.discovery import complaints, without_nulls

IDENTITY = a_google_identity()
IMAGES = {
    ImageName.GOOGLE_LOGO: ImageRef(sha256="a" * 64, width=660, height=660),
    ImageName.GOOGLE_HERO: ImageRef(sha256="b" * 64, width=1032, height=336),
}
CONTENTS = {
    "points": a_content(),
    "stamps": a_stamp_card(),
    "voided": a_content(voided=True),
    "expiring": a_content(expires_at=datetime(2027, 1, 31, tzinfo=UTC), message="Hello"),
    "bare": a_content(next_reward=None, rewards=(), rules=(), history=(), places=(), card_link=""),
    "rich": a_content(balance=2**40),
}

TEXT = st.text(max_size=60)
REWARD = st.builds(RewardLine, name=TEXT, cost=st.integers(1, 10**6), due=st.booleans())
PLACE = st.builds(Place, name=TEXT, latitude=st.floats(-90, 90), longitude=st.floats(-180, 180))
CONTENT = st.builds(
    a_content,
    member_name=TEXT,
    unit=st.sampled_from(["points", "stamps"]),
    balance=st.integers(0, 2**50),
    goal=st.none() | st.integers(1, 99),
    progress=TEXT,
    next_reward=st.none() | REWARD,
    rewards=st.lists(REWARD, max_size=30).map(tuple),
    rules=st.lists(TEXT, max_size=30).map(tuple),
    history=st.lists(TEXT, max_size=30).map(tuple),
    places=st.lists(PLACE, max_size=12).map(tuple),
    message=st.text(max_size=800),
    voided=st.booleans(),
)


def test_the_schema_is_strict_enough_to_refuse_what_google_would():
    good = loyalty_object(a_design(), a_content(), IDENTITY)

    assert complaints("LoyaltyObject", good) == []
    assert complaints("LoyaltyObject", good | {"barcodes": []})
    assert complaints("LoyaltyObject", good | {"state": "active"})
    assert complaints("LoyaltyObject", good | {"accountId": 7})
    assert complaints("LoyaltyObject", good | {"loyaltyPoints": {"balance": {"int": 2**31}}})


@pytest.mark.parametrize("images", [IMAGES, {ImageName.GOOGLE_LOGO: IMAGES[ImageName.GOOGLE_LOGO]}])
@pytest.mark.parametrize("make", [loyalty_class, class_patch])
def test_class_and_its_patch_fit_the_schema(make, images):
    body = make(
        a_design(images=images, back_text="word " * 400),
        IDENTITY,
        country_code="GB",
        callback_url="https://cards.example/google/callback/1",
    )

    assert complaints("LoyaltyClass", without_nulls(body)) == []


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_object_and_its_patch_fit_the_schema(content):
    inserted = loyalty_object(a_design(), content, IDENTITY)

    assert complaints("LoyaltyObject", inserted) == []
    assert (
        complaints("LoyaltyObject", without_nulls(object_patch(a_design(), content, IDENTITY)))
        == []
    )


@settings(deadline=None)
@given(content=CONTENT)
def test_any_member_fits_the_schema_and_googles_lengths(content):
    body = loyalty_object(a_design(), content, IDENTITY)

    assert complaints("LoyaltyObject", body) == []
    assert len(body.get("accountName", "")) <= 20
    assert len(body["loyaltyPoints"]["label"]) <= 9
    assert len(body.get("merchantLocations", [])) <= 10
    modules = body.get("textModulesData", [])
    assert len(modules) <= 10
    assert all(len(m["header"]) <= 35 and 0 < len(m["body"]) <= 500 for m in modules)
    json.dumps(body, allow_nan=False).encode()


def test_the_largest_design_the_form_takes_fits():
    design = a_design(
        programme_name="W" * NAME_MAX,
        organization_name="W" * NAME_MAX,
        balance_label="W" * LABEL_MAX,
        reward_label="W" * LABEL_MAX,
        member_label="W" * LABEL_MAX,
        back_text="W" * 2000,
        images=IMAGES,
    )
    check_design(design)

    body = loyalty_class(design, IDENTITY)

    assert complaints("LoyaltyClass", body) == []
    assert len(body["accountNameLabel"]) <= 15
    assert len(body["accountIdLabel"]) <= 15
    assert all(len(uri["description"]) <= 20 for uri in body["linksModuleData"]["uris"])
    assert len(body["textModulesData"]) <= 10


@pytest.mark.parametrize("make", [loyalty_class, class_patch])
def test_the_class_of_a_tier_and_its_patch_fit_the_schema(make):
    looks = {"gold": TierLook(name="Gold", background_colour="#AA8800", images=IMAGES)}

    body = make(a_design(tier_looks=looks), IDENTITY, tier=Tier(code="gold", name="W" * NAME_MAX))

    assert complaints("LoyaltyClass", without_nulls(body)) == []
    assert len(body["rewardsTier"]) <= 7
    assert len(body["rewardsTierLabel"]) <= 9


@settings(deadline=None)
@given(content=CONTENT, currency=st.sampled_from(["EUR", "JPY", "KWD"]), erased=st.booleans())
def test_any_gift_card_fits_the_schema_and_googles_lengths(content, currency, erased):
    identity = a_google_identity(kind=GoogleKind.GIFT_CARD)
    gift = replace(content, unit=currency, erased=erased)

    body = card_document(a_design(images=IMAGES), gift, identity)
    patch = card_change(a_design(images=IMAGES), gift, identity)

    assert complaints("GiftCardObject", body) == []
    assert complaints("GiftCardObject", without_nulls(patch)) == []
    assert 0 < len(body["cardNumber"]) <= 20
    assert len(body.get("textModulesData", [])) <= 10
    json.dumps(body, allow_nan=False).encode()


@settings(deadline=None)
@given(
    offer=st.builds(
        Offer,
        title=TEXT.filter(str.strip),
        provider=TEXT,
        details=st.text(max_size=800),
        fine_print=st.text(max_size=2000),
    ),
    coupon=st.builds(
        Coupon,
        barcode=TEXT,
        shown_code=TEXT,
        state=st.sampled_from(OfferState),
        starts_at=st.none() | st.datetimes(timezones=st.just(UTC)),
        ends_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    ),
)
def test_any_coupon_fits_the_schema_and_googles_lengths(offer, coupon):
    identity = a_google_identity(kind=GoogleKind.OFFER)

    made = offer_class(offer, a_design(images=IMAGES), identity, country_code="GB")
    copy = offer_object(coupon, identity)

    assert complaints("OfferClass", made) == []
    assert complaints("OfferClass", without_nulls(offer_class_patch(made))) == []
    assert complaints("OfferObject", copy) == []
    assert complaints("OfferObject", without_nulls(offer_object_patch(copy))) == []
    assert len(made["title"]) <= 60
    assert len(made["provider"]) <= 12
