"""Our class and object against Google's discovery schema in strict form, and Google's lengths."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.content import Place, RewardLine
from passes.design import LABEL_MAX, NAME_MAX, ImageName, ImageRef, check_design
from passes.google import class_patch, loyalty_class, loyalty_object, object_patch
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
