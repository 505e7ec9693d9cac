from __future__ import annotations

from passes.google import loyalty_class, loyalty_object, object_patch
from passes.google_drift import ENUMS, differences
from passes.google_offers import Offer, offer_class
from passes.google_parts import GoogleKind
from tests.support.cards import a_content, a_design, a_google_identity
from tests.support.discovery import discovery

SENT = loyalty_object(a_design(), a_content(), a_google_identity())


def as_google_returns(document):
    points = document["loyaltyPoints"]
    return {
        **document,
        "kind": "walletobjects#loyaltyObject",
        "state": "active",
        "hasUsers": True,
        "version": "3",
        "classReference": {"id": document["classId"]},
        "messages": [{"id": "promo"}],
        "loyaltyPoints": {**points, "kind": "walletobjects#loyaltyPoints"},
        "barcode": {**document["barcode"], "type": "qrCode", "kind": "walletobjects#barcode"},
        "disableExpirationNotification": False,
    }


def test_googles_own_way_of_writing_is_no_difference():
    assert differences(SENT, as_google_returns(SENT)) == {}


def test_a_patch_is_compared_too_and_null_means_gone():
    patch = object_patch(a_design(), a_content(voided=True), a_google_identity())

    assert set(differences(patch, as_google_returns(SENT))) == {"state", "barcode"}


def test_another_balance_is_a_difference():
    read = as_google_returns(SENT)
    read["loyaltyPoints"] = {"label": "Points", "balance": {"int": 11}}

    found = differences(SENT, read)

    assert list(found) == ["loyaltyPoints"]
    assert found["loyaltyPoints"][0]["balance"] == {"int": "12"}


def test_a_lost_text_and_a_reordered_list_are_differences():
    read = as_google_returns(SENT)
    read["textModulesData"] = list(reversed(SENT["textModulesData"]))

    assert list(differences(SENT, read)) == ["textModulesData"]


def test_an_approved_class_equals_one_under_review():
    sent = loyalty_class(a_design(), a_google_identity())

    assert differences(sent, {**sent, "reviewStatus": "approved", "review": {}}) == {}
    assert list(differences(sent, {**sent, "reviewStatus": "rejected"})) == ["reviewStatus"]


def test_an_approved_class_is_as_it_was_sent_for_review():
    made = loyalty_class(a_design(), a_google_identity())

    for status in ("approved", "APPROVED", "underReview"):
        assert differences(made, {**made, "reviewStatus": status}) == {}
    assert differences(made, {**made, "reviewStatus": "rejected"})


def test_a_coupon_may_come_back_in_old_spellings():
    identity = a_google_identity(kind=GoogleKind.OFFER)
    made = offer_class(Offer(title="Coffee"), a_design(), identity)

    old = {
        "redemptionChannel": "instore",
        "multipleDevicesAndHoldersAllowedStatus": "oneUserAllDevices",
    }

    assert differences(made, {**made, **old}) == {}
    assert differences(made, {**made, "redemptionChannel": "online"})


def test_every_old_spelling_that_google_lists_is_known():
    """Of the enums that we send; `enumDeprecated` marks the spellings of before."""
    for schema in discovery()["schemas"].values():
        for name, part in schema.get("properties", {}).items():
            pairs = zip(part.get("enum", []), part.get("enumDeprecated", []), strict=False)
            for old in [one for one, deprecated in pairs if deprecated and name in ENUMS]:
                found = {new for new in part["enum"] if not differences({name: new}, {name: old})}
                assert found - {old}, (name, old)
