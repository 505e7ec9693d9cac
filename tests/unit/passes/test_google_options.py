from __future__ import annotations

from dataclasses import replace

import pytest

from common.errors import InvalidInputs
from passes.design import (
    Design,
    ImageName,
    ImageRef,
    Texts,
    check_design,
    from_document,
    to_document,
)
from passes.google import class_patch, loyalty_class, loyalty_object, object_patch
from passes.google_class import class_pictures, tier_identity
from passes.google_options import Extra, GoogleOptions
from passes.tier_look import Tier, TierLook
from tests.support.cards import a_content, a_design, a_google_identity, a_stamp_card
from tests.support.discovery import complaints

IDENTITY = a_google_identity()
FULL = GoogleOptions(
    notify_balance=True,
    app_package="com.example.bean",
    app_url="https://bean.example/app",
    app_text="Order ahead",
    shareable=True,
    screenshots=False,
    unlock_to_view=True,
    shimmer=True,
    group="bean-co",
    extras=(Extra(header="Menu", url="https://bean.example/menu", body="What we brew today"),),
    redemption_issuers=("3388000000000000009",),
)


def german(**changes: str) -> Texts:
    words = {
        "programme_name": "Bohnenklub",
        "organization_name": "Bohne & Co",
        "balance_label": "Punkte",
        "reward_label": "Nächste Prämie",
        "member_label": "Mitglied",
        "back_text": "Montags geröstet.",
    }
    return Texts(**(words | changes))


def two_languages(**changes: object) -> Design:
    return a_design(translations={"de": german()}, **changes)


def test_options_come_back_from_a_stored_design() -> None:
    design = a_design(google=FULL)
    check_design(design)

    assert from_document(to_document(design)) == design
    assert from_document({**to_document(design), "google": {}}).google == GoogleOptions()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"app_package": "bean"}, "google_app_package"),
        ({"app_package": "com.example;rm"}, "google_app_package"),
        ({"app_url": "http://bean.example"}, "google_app_url"),
        ({"app_url": "https://bean.example/" + "x" * 300}, "google_app_url"),
        ({"app_text": "x" * 31}, "google_app_text"),
        ({"group": "bean co"}, "google_group"),
        ({"extras": (Extra(header="", url="https://bean.example"),)}, "google_extras"),
        ({"extras": (Extra(header="Menu", url="javascript:alert(1)"),)}, "google_extras"),
        ({"extras": (Extra(header="M", url="https://b.example"),) * 16}, "google_extras"),
        ({"redemption_issuers": ("bean",)}, "google_redemption_issuers"),
    ],
)
def test_an_option_google_would_refuse_is_refused_by_name(
    change: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInputs) as refusal:
        check_design(a_design(google=replace(GoogleOptions(), **change)))

    assert {one["field"] for one in refusal.value.errors} == {field}


def test_every_option_fits_googles_schema() -> None:
    look = TierLook(background_colour="#CCCCCC")
    design = two_languages(google=FULL, tier_looks={"top": look})

    made = loyalty_class(design, IDENTITY, tier=Tier(code="top", name="Platinum"))
    card = loyalty_object(design, a_content(), IDENTITY, linked_offers=["3388000000000000001.o1"])

    assert complaints("LoyaltyClass", made) == []
    assert complaints("LoyaltyObject", card) == []
    assert made["appLinkData"]["displayText"]["defaultValue"]["value"] == "Order ahead"
    assert made["multipleDevicesAndHoldersAllowedStatus"] == "MULTIPLE_HOLDERS"
    assert made["enableSmartTap"] is True
    assert made["rewardsTier"] == "Platin…"
    assert made["hexBackgroundColor"] == "#cccccc"
    assert card["passConstraints"] == {"screenshotEligibility": "INELIGIBLE"}
    assert card["groupingInfo"] == {"groupingId": "bean-co"}
    assert card["smartTapRedemptionValue"] == card["barcode"]["value"]
    assert card["linkedOfferIds"] == ["3388000000000000001.o1"]


def test_the_owners_words_stand_in_every_language() -> None:
    made = loyalty_class(two_languages(), IDENTITY)

    assert made["programName"] == "Bean Club"
    assert made["localizedProgramName"]["translatedValues"] == [
        {"language": "de", "value": "Bohnenklub"}
    ]
    about = made["textModulesData"][0]
    assert about["localizedBody"]["translatedValues"][0]["value"] == "Montags geröstet."
    card = loyalty_object(two_languages(), a_content(), IDENTITY)
    label = card["loyaltyPoints"]["localizedLabel"]
    assert label["defaultValue"] == {"language": "en", "value": "Points"}
    assert label["translatedValues"] == [{"language": "de", "value": "Punkte"}]


def test_a_german_member_reads_german_first() -> None:
    card = loyalty_object(two_languages(), a_content(language="de"), IDENTITY)

    assert card["loyaltyPoints"]["label"] == "Punkte"


def test_one_language_needs_no_translations_and_clears_old_ones() -> None:
    made = loyalty_class(a_design(), IDENTITY)
    patch = class_patch(a_design(), IDENTITY)
    card = object_patch(a_design(), a_content(), IDENTITY)

    assert not [name for name in made if name.startswith("localized")]
    assert patch["localizedProgramName"] is None
    assert card["loyaltyPoints"]["localizedLabel"] is None


def test_a_long_translation_loses_only_what_does_not_fit() -> None:
    design = a_design(back_text="Short.", translations={"de": german(back_text="Wort " * 300)})

    made = loyalty_class(design, IDENTITY)

    assert len(made["textModulesData"]) == 1
    body = made["textModulesData"][0]["localizedBody"]["translatedValues"][0]["value"]
    assert len(body) <= 500
    assert complaints("LoyaltyClass", made) == []


def test_a_patch_holds_every_name_whatever_the_options_were() -> None:
    plain, full = a_design(), two_languages(google=FULL)

    assert class_patch(plain, IDENTITY).keys() == class_patch(full, IDENTITY).keys()
    assert class_patch(plain, IDENTITY)["appLinkData"] is None
    bare = object_patch(plain, a_content(), IDENTITY)
    rich = object_patch(full, a_content(), IDENTITY, linked_offers=["3388000000000000001.o1"])
    assert bare.keys() == rich.keys()
    assert bare["linkedOfferIds"] == []


def test_the_face_has_three_rows_and_the_name_is_on_it() -> None:
    rows = loyalty_class(a_design(), IDENTITY)["classTemplateInfo"]["cardTemplateOverride"]

    assert len(rows["cardRowTemplateInfos"]) == 3
    assert "object.accountName" in str(rows)


def test_a_tier_has_a_class_of_its_own() -> None:
    gold = tier_identity(IDENTITY, "gold")

    assert gold.class_id == f"{IDENTITY.class_id}-gold"
    assert tier_identity(IDENTITY, "") == IDENTITY
    with pytest.raises(ValueError):
        tier_identity(IDENTITY, "gold/../x")


def test_a_stamp_card_shows_its_own_stamps_above_the_classs_banner() -> None:
    def hero(mark: str) -> ImageRef:
        return ImageRef(sha256=mark * 64, width=1032, height=336)

    stamps = tuple({ImageName.GOOGLE_HERO: hero(f"{n:x}")} for n in range(10))
    design = a_design(stamp_images=stamps)

    card = loyalty_object(design, a_stamp_card(balance=3), IDENTITY)

    assert card["heroImage"]["sourceUri"]["uri"].endswith(f"/{'3' * 64}.png")
    assert object_patch(a_design(), a_stamp_card(), IDENTITY)["heroImage"] is None


def test_money_is_told_in_micros_and_an_older_kind_of_balance_goes() -> None:
    content = a_content(unit="EUR", balance=1250)

    card = loyalty_object(a_design(), content, IDENTITY)
    patch = object_patch(a_design(), content, IDENTITY)

    money = {"currencyCode": "EUR", "micros": "12500000"}
    assert card["loyaltyPoints"]["balance"] == {"money": money}
    assert patch["loyaltyPoints"]["balance"] == {
        "int": None,
        "string": None,
        "double": None,
        "money": money,
    }
    assert complaints("LoyaltyObject", card) == []
    yen = loyalty_object(a_design(), a_content(unit="JPY", balance=1250), IDENTITY)
    assert yen["loyaltyPoints"]["balance"]["money"]["micros"] == "1250000000"


def test_every_picture_of_a_class_is_found() -> None:
    ref = ImageRef(sha256="d" * 64, width=1280, height=400)
    design = a_design(images=a_design().images | {ImageName.GOOGLE_WIDE_LOGO: ref})

    assert class_pictures(loyalty_class(design, IDENTITY)) == [
        ("programLogo", IDENTITY.image_url("a" * 64)),
        ("wideProgramLogo", IDENTITY.image_url("d" * 64)),
    ]
