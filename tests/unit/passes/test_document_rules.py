from __future__ import annotations

import base64
import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.apple import pass_document
from passes.document_rules import check_document
from passes.findings import Severity
from tests.support.cards import a_content, a_design, an_apple_identity

GOOD = pass_document(a_design(), a_content(), an_apple_identity())
FIELD = {"key": "x", "value": "y"}


CODE = {"format": "PKBarcodeFormatQR", "message": "x", "messageEncoding": "iso-8859-1"}
BEACON = {"proximityUUID": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "major": 1, "minor": 2}
ACTION = {"identifier": "a", "type": "shop", "url": "https://bean.example"}
P256 = base64.b64encode(
    bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d03010703220002") + bytes(32)
).decode()


def spoilt(path, value):
    """The good pass with one thing changed; `...` removes."""
    document = copy.deepcopy(GOOD)
    inner = document
    *steps, last = path
    for step in steps:
        inner = inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return document


def header(**members):
    return (("storeCard", "headerFields"), [FIELD | members])


def back(**members):
    return (("storeCard", "backFields"), [FIELD | members])


BROKEN = [
    ("key_missing", (("serialNumber",), ...)),
    ("key_missing", (("formatVersion",), ...)),
    ("type_wrong", (("serialNumber",), 12)),
    ("type_wrong", (("formatVersion",), True)),
    ("type_wrong", (("voided",), "true")),
    ("type_wrong", (("barcodes",), {})),
    ("type_wrong", (("storeCard",), [])),
    ("format_version", (("formatVersion",), 2)),
    ("pass_type", (("passTypeIdentifier",), "com.example.bean")),
    ("text_empty", (("serialNumber",), "")),
    ("key_misspelt", (("exprirationDate",), "2027-01-31T18:00:00Z")),
    ("key_misspelt", (("webServiceUrl",), "https://x.example")),
    ("null", (("logoText",), None)),
    ("null", (("storeCard", "headerFields", 0, "label"), None)),
    ("style", (("storeCard",), ...)),
    ("style", (("coupon",), {})),
    ("colour", (("labelColor",), "rgb(1, 2, 256)")),
    ("barcode_format", (("barcodes",), [{"format": "QR", "message": "x"}])),
    ("barcode_format", (("barcodes",), ["QR"])),
    ("barcode_message", (("barcodes", 0, "message"), "")),
    ("barcode_message", (("barcodes", 0, "message"), "咖啡")),
    ("barcode_message", (("barcodes", 0, "messageEncoding"), "no-such-code")),
    ("date", (("expirationDate",), "2027-01-31T18:00:00")),
    ("date", (("expirationDate",), "31.1.2027")),
    ("date", (("relevantDates",), [{"date": "tomorrow"}])),
    ("too_many", (("locations",), [{"latitude": 1, "longitude": 1}] * 11)),
    ("location", (("locations",), [{"latitude": 91, "longitude": 0}])),
    ("location", (("locations",), [{"latitude": "1", "longitude": 0}])),
    ("location", (("locations",), [{"latitude": float("nan"), "longitude": 0}])),
    ("web_service_half", (("authenticationToken",), ...)),
    ("web_service_half", (("webServiceURL",), ...)),
    ("token_short", (("authenticationToken",), "short")),
    ("web_service_not_https", (("webServiceURL",), "http://cards.example")),
    ("web_service_not_https", (("webServiceURL",), "https://")),
    ("web_service_not_https", (("webServiceURL",), "https://[")),
    ("web_service_version", (("webServiceURL",), "https://cards.example/apple/v1/")),
    ("type_wrong", (("storeCard", "backFields"), {})),
    ("type_wrong", (("storeCard", "backFields"), ["x"])),
    ("type_wrong", back(value=True)),
    ("type_wrong", back(value=[])),
    ("type_wrong", back(key="")),
    ("type_wrong", back(label=3)),
    ("key_misspelt", back(lable="x")),
    ("key_misspelt", (("storeCard", "backfields"), [])),
    ("field_key_twice", back(key="balance")),
    ("detectors", back(dataDetectorTypes="PKDataDetectorTypeLink")),
    ("detectors", back(dataDetectorTypes=["Link"])),
    ("date_style_half", back(dateStyle="PKDateStyleShort")),
    ("date_style", back(dateStyle="short", timeStyle="PKDateStyleNone")),
    ("date", back(dateStyle="PKDateStyleShort", timeStyle="PKDateStyleNone")),
    ("number_style", header(value=1, numberStyle="PKNumberStyleRoman")),
    ("currency", header(value=1, currencyCode="eur")),
    ("type_wrong", header(row=1)),
    ("type_wrong", (("storeCard", "auxiliaryFields", 0, "row"), 2)),
    ("key_misspelt", (("barcodes", 0, "alttext"), "x")),
    ("barcode_format", (("barcodes", 0, "format"), "PKBarcodeFormatITF")),
    ("date", (("expirationDate",), "2027-02-31T18:00:00Z")),
    ("date_half", (("relevantDates",), [{"startDate": "2027-01-31T18:00:00Z"}])),
    ("date_half", (("relevantDates",), [{}])),
    ("beacon", (("beacons",), [{"major": 1}])),
    ("beacon", (("beacons",), [BEACON | {"major": 70_000}])),
    ("too_many", (("beacons",), [BEACON] * 11)),
    ("nfc_message", (("nfc",), {"message": "é" * 33, "encryptionPublicKey": P256})),
    ("nfc_key", (("nfc",), {"message": "x", "encryptionPublicKey": "AAAA"})),
    ("action", (("featuredActions",), [{"type": "shop"}])),
    ("action", (("featuredActions",), [ACTION | {"type": "dance"}])),
    ("too_many", (("featuredActions",), [ACTION] * 3)),
    ("store_id", (("associatedStoreIdentifiers",), ["1234"])),
    ("distance", (("maxDistance",), 0)),
    ("semantics_text", (("semantics", "membershipProgramName"), 1)),
    ("semantics_amount", (("semantics",), {"balance": 12.5})),
    ("semantics_amount", (("semantics",), {"balance": {"amount": "12,50", "currencyCode": "EUR"}})),
    ("key_misspelt", (("semantics",), {"membershipProgramname": "x"})),
    ("number_as_text", header(value="12", numberStyle="PKNumberStyleDecimal")),
]


def codes(document, names=("icon.png",)):
    return {finding.code for finding in check_document(document, names)}


def test_a_good_pass_has_no_finding():
    assert check_document(GOOD, {"icon.png"}) == []


@pytest.mark.parametrize(("code", "change"), BROKEN)
def test_each_broken_rule_is_a_fault_with_a_place_and_a_mend(code, change):
    found = [f for f in check_document(spoilt(*change), {"icon.png"}) if f.code == code]

    assert found
    for finding in found:
        assert finding.severity is Severity.FAULT
        assert finding.place.startswith("pass.json")
        assert finding.rule
        assert finding.mend


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("key_unknown", (("zebra",), 1)),
        ("barcode_format_new", (("barcodes", 0, "format"), "PKBarcodeFormatEAN13")),
        ("colour_hex", (("backgroundColor",), "#002000")),
        ("fields_too_many", (("storeCard", "headerFields"), [FIELD | {"key": n} for n in "abcd"])),
        (
            "fields_too_many",
            (("storeCard", "secondaryFields"), [FIELD | {"key": n} for n in "abcd"]),
        ),
        ("fields_too_many", (("storeCard", "primaryFields"), [FIELD, FIELD | {"key": "z"}])),
        ("change_message", back(changeMessage="New!")),
        ("alignment", back(textAlignment="PKTextAlignmentLeft")),
        ("alignment", header(textAlignment="left")),
        ("markup", back(attributedValue="<b>x</b>")),
        ("markup", back(attributedValue="salt & pepper")),
        ("key_unknown", header(loyaltyTier="gold")),
        ("date_spelling", (("relevantDates",), [{"relevantDate": "2027-01-31T18:00:00Z"}])),
        (
            "date_stretch",
            (
                ("relevantDates",),
                [{"startDate": "2027-01-31T18:00:00Z", "endDate": "2027-02-02T18:00:00Z"}],
            ),
        ),
        ("app_launch_alone", (("appLaunchURL",), "bean://card")),
        ("contrast", (("foregroundColor",), "rgb(40, 70, 60)")),
        ("web_service_loopback", (("webServiceURL",), "http://127.0.0.1:8000/apple")),
    ],
)
def test_what_a_phone_forgives_is_a_warning(code, change):
    found = check_document(spoilt(*change), {"icon.png"})

    assert [(f.code, f.severity) for f in found] == [(code, Severity.WARNING)]


@pytest.mark.parametrize(
    "change",
    [
        (("barcode",), CODE),
        (("beacons",), [BEACON]),
        (("nfc",), {"message": "x", "encryptionPublicKey": P256, "requiresAuthentication": True}),
        (
            ("featuredActions",),
            [ACTION, {"identifier": "b", "type": "place", "placeIdentifier": "I1"}],
        ),
        (("associatedStoreIdentifiers",), [1234567890]),
        (("maxDistance",), 250.5),
        (
            ("relevantDates",),
            [{"startDate": "2027-01-31T18:00:00Z", "endDate": "2027-02-01T18:00:00+00:00"}],
        ),
        (("semantics",), {"balance": {"amount": "12.50", "currencyCode": "EUR"}}),
        (("semantics",), {"eventName": "Brewing", "seats": [{"seatRow": "A"}]}),
        back(attributedValue="<a href='https://bean.example'>salt &amp; pepper</a>"),
        back(
            value="2027-01-31T18:00:00+01:00",
            dateStyle="PKDateStyleLong",
            timeStyle="PKDateStyleNone",
        ),
        (("suppressStripShine",), False),
        (("stripColor",), "rgb(1, 2, 3)"),
    ],
)
def test_what_wallet_takes_has_no_finding(change):
    assert check_document(spoilt(*change), {"icon.png"}) == []


def test_an_old_pass_with_one_barcode_alone_is_told_of_the_newer_key():
    old = spoilt(("barcodes",), ...) | {"barcode": CODE}

    assert codes(old) == {"barcode_single"}


def test_an_icon_at_one_scale_or_in_a_language_is_no_fault():
    assert codes(GOOD, names=("icon@2x.png",)) == {"icon_scale"}
    assert codes(GOOD, names=("fr.lproj/icon.png",)) == {"icon_scale"}


def test_a_poster_may_repeat_the_keys_of_the_style_beside_it():
    both = GOOD | {"posterGeneric": {"primaryFields": GOOD["storeCard"]["auxiliaryFields"]}}

    assert check_document(both, {"icon.png"}) == []


def test_a_misspelt_key_is_told_with_the_right_one():
    (finding,) = check_document(spoilt(("sharingProhibted",), True), {"icon.png"})

    assert finding.mend == "Write sharingProhibited."


def test_a_missing_icon_is_a_fault():
    assert codes(GOOD, names=("logo.png",)) == {"icon_missing"}


def test_null_inside_user_info_is_the_apps_own():
    assert codes(spoilt(("userInfo",), {"a": None})) == set()


@pytest.mark.parametrize("document", [{}, {"storeCard": None}, {"storeCard": {"backFields": None}}])
def test_any_object_gets_an_answer(document):
    assert check_document(document, ())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)


def paths(value, at=()):
    """Every place in a JSON document."""
    if at:
        yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for step, entry in inner:
        if isinstance(entry, dict | list):
            yield from paths(entry, (*at, step))
        else:
            yield (*at, step)


@settings(deadline=None, max_examples=400)
@given(path=st.sampled_from(list(paths(GOOD))), value=JSON)
def test_any_json_anywhere_gets_findings_and_never_an_error(path, value):
    for finding in check_document(spoilt(path, value), {"icon.png"}):
        assert finding.mend
