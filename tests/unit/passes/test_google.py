from __future__ import annotations

from datetime import UTC, datetime

import pytest

from common.errors import InvalidInput
from passes.content import Place, RewardLine
from passes.design import ImageName, ImageRef
from passes.google import class_patch, cut, loyalty_class, loyalty_object, object_patch
from tests.support.cards import a_content, a_design, a_google_identity, a_stamp_card

IDENTITY = a_google_identity()


def modules(document):
    return {module["id"]: module for module in document["textModulesData"]}


def test_a_class_asks_for_review_and_binds_the_card_to_one_person():
    document = loyalty_class(a_design(), IDENTITY, country_code="GB")

    assert document["reviewStatus"] == "UNDER_REVIEW"
    assert document["multipleDevicesAndHoldersAllowedStatus"] == "ONE_USER_ALL_DEVICES"
    assert document["countryCode"] == "GB"
    assert document["hexBackgroundColor"] == "#1f3d36"


def test_images_are_named_by_their_content():
    hero = {ImageName.GOOGLE_HERO: ImageRef(sha256="c" * 64, width=1032, height=336)}
    document = loyalty_class(a_design(images=a_design().images | hero), IDENTITY)

    base = "https://cards.example/google/images"
    assert document["programLogo"]["sourceUri"]["uri"] == f"{base}/{'a' * 64}.png"
    assert document["heroImage"]["sourceUri"]["uri"] == f"{base}/{'c' * 64}.png"


def test_a_design_without_googles_logo_is_refused_by_name():
    with pytest.raises(InvalidInput) as refusal:
        loyalty_class(a_design(images={}), IDENTITY)

    assert refusal.value.field == "logo"


def test_contact_of_the_owner_becomes_links_with_a_scheme():
    links = loyalty_class(a_design(), IDENTITY)["linksModuleData"]["uris"]

    assert [link["uri"] for link in links] == [
        "https://bean.example",
        "tel:+442079460000",
        "mailto:hello@bean.example",
    ]


def test_a_long_back_text_is_split_and_nothing_is_lost():
    text = "\n\n".join(" ".join(f"word{n}" for n in range(90)) for _ in range(3))[:2000]

    parts = loyalty_class(a_design(back_text=text), IDENTITY)["textModulesData"]

    assert all(len(part["body"]) <= 500 for part in parts)
    assert " ".join(part["body"] for part in parts).split() == text.split()
    assert len({part["id"] for part in parts}) == len(parts)


def test_the_balance_is_an_integer_and_fits_into_googles():
    def balance(points):
        return loyalty_object(a_design(), a_content(balance=points), IDENTITY)["loyaltyPoints"]

    assert balance(12) == {"label": "Points", "balance": {"int": 12}}
    assert balance(2**40)["balance"]["int"] == 2**31 - 1


def test_a_stamp_card_shows_how_full_it_is():
    document = loyalty_object(a_design(), a_stamp_card(), IDENTITY)

    assert document["secondaryLoyaltyPoints"] == {"label": "Next", "balance": {"string": "3 / 9"}}


def test_a_voided_card_is_inactive_without_a_barcode():
    document = loyalty_object(a_design(), a_content(voided=True), IDENTITY)

    assert document["state"] == "INACTIVE"
    assert "barcode" not in document
    assert object_patch(a_design(), a_content(voided=True), IDENTITY)["barcode"] is None


def test_the_barcode_holds_the_token_and_shows_the_member_number():
    assert loyalty_object(a_design(), a_content(), IDENTITY)["barcode"] == {
        "type": "QR_CODE",
        "value": "0123456789ABCDEFGHJKMNPQRS",
        "alternateText": "7K2M9-QXTR4",
    }


def test_texts_keep_to_googles_lengths():
    many = tuple(RewardLine(name=f"Reward {n} " * 4, cost=n, due=False) for n in range(1, 60))
    document = loyalty_object(
        a_design(balance_label="Bonuspunktekarte"[:15], reward_label="Reward" * 2),
        a_content(
            member_name="Maximiliane Mustermann-Sonnenschein",
            rewards=many,
            message="x" * 3000,
            history=tuple(f"line {n}" for n in range(500)),
        ),
        IDENTITY,
    )

    assert len(document["loyaltyPoints"]["label"]) <= 9
    assert len(document["secondaryLoyaltyPoints"]["label"]) <= 9
    assert len(document["accountName"]) <= 20
    assert all(len(part["body"]) <= 500 for part in document["textModulesData"])
    assert modules(document)["history"]["body"].splitlines()[0] == "line 0"


def test_branches_stand_on_the_class_ten_at_most():
    places = tuple(Place(name="x", latitude=n, longitude=n) for n in range(12))

    sent = loyalty_class(a_design(), IDENTITY, places=places)["merchantLocations"]

    assert len(sent) == 10
    assert "merchantLocations" not in loyalty_object(a_design(), a_content(), IDENTITY)


def test_a_patch_names_everything_so_that_an_older_state_cannot_shine_through():
    bare = a_content(
        member_name="",
        next_reward=None,
        rewards=(),
        rules=(),
        history=(),
        progress="",
        card_link="",
        places=(),
    )
    full = a_content(message="News", expires_at=datetime(2027, 1, 31, tzinfo=UTC))

    emptied, filled = (
        object_patch(a_design(), bare, IDENTITY),
        object_patch(a_design(), full, IDENTITY),
    )

    assert emptied.keys() == filled.keys()
    assert emptied["textModulesData"] == []
    assert emptied["merchantLocations"] == []
    assert emptied["secondaryLoyaltyPoints"] is None
    assert emptied["validTimeInterval"] is None
    assert filled["validTimeInterval"] == {
        "start": None,
        "end": {"date": "2027-01-31T00:00:00+00:00"},
    }
    assert not emptied.keys() & {"id", "classId"}


def test_a_class_patch_clears_what_the_design_lost():
    bare = a_design(back_text="", website="", phone="", email="")

    patch = class_patch(bare, IDENTITY)

    assert patch["heroImage"] is None
    assert patch["linksModuleData"] is None
    assert patch["textModulesData"] == []
    assert patch["reviewStatus"] == "UNDER_REVIEW"


@pytest.mark.parametrize(
    "changes",
    [
        {"class_id": "4.bean"},
        {"object_id": "3388000000000000001.m/../x"},
        {"image_base_url": "http://cards.example/images"},
        {"image_base_url": "ftp://cards.example"},
    ],
)
def test_an_identity_google_would_refuse_is_refused_here(changes):
    with pytest.raises(ValueError):
        a_google_identity(**changes)


def test_the_sandbox_may_serve_images_on_the_loopback():
    identity = a_google_identity(image_base_url="http://127.0.0.1:8000/images/")

    assert identity.image_url("f" * 64) == f"http://127.0.0.1:8000/images/{'f' * 64}.png"


@pytest.mark.parametrize(
    ("text", "length", "short"),
    [
        ("Points", 9, "Points"),
        ("Next reward", 9, "Next"),
        ("Bonuspunkte", 9, "Bonuspun…"),
        ("  spaced  ", 9, "spaced"),
        ("one two", 3, "one"),
    ],
)
def test_cut_prefers_whole_words(text, length, short):
    assert cut(text, length) == short


def test_a_blank_text_is_no_text():
    document = loyalty_object(a_design(), a_content(message=" \n", member_name=" "), IDENTITY)

    assert "message" not in modules(document)
    assert "accountName" not in document
