"""Apple's rules for the parts of pass.json that are lists or objects: codes, dates, places, NFC.

Not here: single keys (document_rules.py), fields (field_rules.py).

Source: developer.apple.com/documentation/walletpasses/pass; apple-wallet 1.2
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from common.i18n import gettext as _
from passes.findings import Finding, fault, warning
from passes.spelling import misspelt

PLACE: Final = "pass.json"
ENTRIES_MAX: Final = 10
ACTIONS_MAX: Final = 2
UINT16_MAX: Final = 65_535
NFC_MESSAGE_BYTES_MAX: Final = 64
INTERVAL_MAX: Final = timedelta(hours=24)
_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)", re.ASCII
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_OLD_FORMATS: Final = frozenset(
    f"PKBarcodeFormat{name}" for name in ("QR", "PDF417", "Aztec", "Code128")
)
_NEW_FORMATS: Final = frozenset(
    f"PKBarcodeFormat{name}" for name in ("Code39", "Codabar", "EAN13", "I2of5")
)
_CODE_KEYS: Final = frozenset({"altText", "format", "message", "messageEncoding"})
_PLACE_KEYS: Final = frozenset({"altitude", "latitude", "longitude", "relevantText"})
_BEACON_KEYS: Final = frozenset({"major", "minor", "proximityUUID", "relevantText"})
_DATE_KEYS: Final = frozenset({"date", "endDate", "relevantDate", "startDate"})
_NFC_KEYS: Final = frozenset({"encryptionPublicKey", "message", "requiresAuthentication"})
_ACTION_KEYS: Final = frozenset({"identifier", "placeIdentifier", "type", "url"})
_ACTION_TYPES: Final = frozenset(
    "addToBalance bookAppointment bookCar bookFlight bookStay call listenToMusic "  # noqa: SIM905
    "membershipBenefits order place shop viewOffersRewards viewSchedule watchTrailer".split()
)
# SubjectPublicKeyInfo of a compressed P-256 point.
_P256: Final = (bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200"), 59)


def check_entries(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Every broken rule of the lists and objects of a pass.json."""
    for name, check in _CHECKS.items():
        if name in document:
            yield from check(document)


def is_moment(text: Any) -> bool:
    """Whether Wallet reads this as a moment: date, time and offset."""
    return isinstance(text, str) and _moment(text) is not None


# The same few moments stand on every card of a design.
@lru_cache(maxsize=1024)
def _moment(text: str) -> datetime | None:
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _at(name: str) -> str:
    return f"{PLACE}:{name}"


def _barcodes(document: Mapping[str, Any]) -> Iterator[Finding]:
    codes = _entries(document, "barcodes")
    for at, code in enumerate(codes):
        yield from _barcode(code, _at(f"barcodes[{at}]"))
    formats = [code.get("format") for code in codes if isinstance(code, dict)]
    known = [name for name in formats if isinstance(name, str)]
    if known and not _OLD_FORMATS.intersection(known) and _NEW_FORMATS.intersection(known):
        yield warning(
            "barcode_format_new",
            _at("barcodes"),
            rule=_("Phones before iOS 27 show none of these codes."),
            mend=_("Add a QR code as the last one."),
        )


def _single_barcode(document: Mapping[str, Any]) -> Iterator[Finding]:
    if "barcodes" not in document:
        yield warning(
            "barcode_single",
            _at("barcode"),
            rule=_("The single barcode is for phones before 2015."),
            mend=_("Use barcodes."),
        )
    yield from _barcode(document["barcode"], _at("barcode"))


def _barcode(code: Any, place: str) -> Iterator[Finding]:
    name = code.get("format") if isinstance(code, dict) else None
    if not isinstance(name, str) or name not in _OLD_FORMATS | _NEW_FORMATS:
        yield fault(
            "barcode_format",
            place,
            rule=_("A phone that does not know the format shows no code at all."),
            mend=_("Use PKBarcodeFormatQR."),
        )
        return
    if not _encodes(code):
        yield fault(
            "barcode_message",
            place,
            rule=_("A code has a message that its messageEncoding can write."),
            mend=_("Give a message of plain letters and digits and iso-8859-1."),
        )
    yield from misspelt(code, _CODE_KEYS, place)


def _encodes(code: Mapping[str, Any]) -> bool:
    message, encoding = code.get("message"), code.get("messageEncoding")
    if not isinstance(message, str) or not message or not isinstance(encoding, str):
        return False
    try:
        message.encode(encoding)
    except (LookupError, UnicodeError, ValueError):
        return False
    return True


def _one_date(document: Mapping[str, Any]) -> Iterator[Finding]:
    for name in ("expirationDate", "relevantDate"):
        text = document.get(name)
        if isinstance(text, str) and not is_moment(text):
            yield _no_moment(_at(name))


def _relevant_dates(document: Mapping[str, Any]) -> Iterator[Finding]:
    for at, entry in enumerate(_entries(document, "relevantDates")):
        place = _at(f"relevantDates[{at}]")
        if not isinstance(entry, dict):
            yield _no_moment(place)
            continue
        yield from misspelt(entry, _DATE_KEYS, place)
        wrong = [name for name in entry if name in _DATE_KEYS and not is_moment(entry[name])]
        for name in wrong:
            yield _no_moment(f"{place}.{name}")
        if not wrong:
            yield from _stretch(entry, place)


def _stretch(entry: Mapping[str, Any], place: str) -> Iterator[Finding]:
    start, end = entry.get("startDate"), entry.get("endDate")
    single = "date" in entry or "relevantDate" in entry
    if (start is None) != (end is None) or not (single or start):
        yield fault(
            "date_half",
            place,
            rule=_("A moment has a date; a stretch of time has a start and an end."),
            mend=_("Give date, or startDate and endDate."),
        )
    elif start and end:
        length = _aware(end) - _aware(start)
        if not timedelta() < length <= INTERVAL_MAX:
            yield warning(
                "date_stretch",
                place,
                rule=_("A stretch of time ends after it begins, and within 24 hours."),
                mend=_("Make it shorter, or give several."),
            )
    elif "date" not in entry:
        yield warning(
            "date_spelling",
            place,
            rule=_("iOS 18 reads relevantDate here, later ones read date."),
            mend=_("Give both with the same moment."),
        )


def _aware(text: str) -> datetime:
    moment = _moment(text)
    if moment is None:
        raise ValueError(text)
    return moment


def _locations(document: Mapping[str, Any]) -> Iterator[Finding]:
    yield from _too_many(document, "locations", ENTRIES_MAX)
    for at, place in enumerate(_entries(document, "locations")):
        where = _at(f"locations[{at}]")
        if not isinstance(place, dict) or not (
            _within(place.get("latitude"), 90) and _within(place.get("longitude"), 180)
        ):
            yield fault(
                "location",
                where,
                rule=_("A location has a latitude and a longitude in degrees."),
                mend=_("Give numbers from -90 to 90 and from -180 to 180."),
            )
        else:
            yield from misspelt(place, _PLACE_KEYS, where)


def _beacons(document: Mapping[str, Any]) -> Iterator[Finding]:
    yield from _too_many(document, "beacons", ENTRIES_MAX)
    for at, beacon in enumerate(_entries(document, "beacons")):
        place = _at(f"beacons[{at}]")
        identifier = beacon.get("proximityUUID") if isinstance(beacon, dict) else None
        if not isinstance(identifier, str) or not _UUID.fullmatch(identifier):
            yield _beacon(place)
            continue
        numbers = [beacon[name] for name in ("major", "minor") if name in beacon]
        if any(type(one) is not int or not 0 <= one <= UINT16_MAX for one in numbers):
            yield _beacon(place)
        yield from misspelt(beacon, _BEACON_KEYS, place)


def _beacon(place: str) -> Finding:
    return fault(
        "beacon",
        place,
        rule=_("A beacon has a UUID; major and minor are numbers from 0 to 65535."),
        mend=_("Write proximityUUID as the beacon's maker gives it."),
    )


def _nfc(document: Mapping[str, Any]) -> Iterator[Finding]:
    nfc, place = document["nfc"], _at("nfc")
    if not isinstance(nfc, dict):
        return
    yield from misspelt(nfc, _NFC_KEYS, place)
    message, key = nfc.get("message"), nfc.get("encryptionPublicKey")
    size = len(message.encode("utf-8", "replace")) if isinstance(message, str) else 0
    if not 0 < size <= NFC_MESSAGE_BYTES_MAX:
        yield fault(
            "nfc_message",
            place,
            rule=_("The NFC message has 1 to %(max)d bytes.", max=NFC_MESSAGE_BYTES_MAX),
            mend=_("Send an opaque token and nothing else."),
        )
    if not isinstance(key, str) or not _is_p256(key):
        yield fault(
            "nfc_key",
            place,
            rule=_("The key is base64 of a compressed P-256 public key."),
            mend=_("Paste the key that the reader's maker gives."),
        )


@lru_cache(maxsize=256)
def _is_p256(text: str) -> bool:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        return False
    header, size = _P256
    return len(key) == size and key.startswith(header)


def _actions(document: Mapping[str, Any]) -> Iterator[Finding]:
    yield from _too_many(document, "featuredActions", ACTIONS_MAX)
    for at, action in enumerate(_entries(document, "featuredActions")):
        place = _at(f"featuredActions[{at}]")
        if not isinstance(action, dict) or not _is_action(action):
            yield fault(
                "action",
                place,
                rule=_("A button has an identifier, a type Wallet knows, and where it leads."),
                mend=_("Give identifier, type and url; a place has a placeIdentifier."),
            )
        else:
            yield from misspelt(action, _ACTION_KEYS, place)


def _is_action(action: Mapping[str, Any]) -> bool:
    kind = action.get("type")
    target = action.get("placeIdentifier" if kind == "place" else "url")
    named = isinstance(action.get("identifier"), str) and isinstance(kind, str)
    return named and kind in _ACTION_TYPES and isinstance(target, str) and target != ""


def _store_ids(document: Mapping[str, Any]) -> Iterator[Finding]:
    numbers = _entries(document, "associatedStoreIdentifiers")
    if any(type(number) is not int or number <= 0 for number in numbers):
        yield fault(
            "store_id",
            _at("associatedStoreIdentifiers"),
            rule=_("An App Store identifier is a number."),
            mend=_("Write it without quotation marks."),
        )


def _app_launch(document: Mapping[str, Any]) -> Iterator[Finding]:
    if "associatedStoreIdentifiers" not in document:
        yield warning(
            "app_launch_alone",
            _at("appLaunchURL"),
            rule=_("Wallet opens an app only where associatedStoreIdentifiers names it."),
            mend=_("Add the app's number, or remove appLaunchURL."),
        )


def _distance(document: Mapping[str, Any]) -> Iterator[Finding]:
    metres = document["maxDistance"]
    if isinstance(metres, int | float) and not metres > 0:
        yield fault(
            "distance",
            _at("maxDistance"),
            rule=_("A distance is a number of metres above 0."),
            mend=_("Leave maxDistance out for Wallet's own."),
        )


def _too_many(document: Mapping[str, Any], name: str, most: int) -> Iterator[Finding]:
    if len(_entries(document, name)) > most:
        yield fault(
            "too_many",
            _at(name),
            rule=_("Wallet takes at most %(max)d.", max=most),
            mend=_("Remove some."),
        )


def _no_moment(place: str) -> Finding:
    return fault(
        "date",
        place,
        rule=_("A moment has a date, a time and an offset."),
        mend=_("Write it like 2027-01-31T18:00:00+00:00."),
    )


def _within(value: Any, bound: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= bound


def _entries(document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    return value if isinstance(value, list) else []


_CHECKS: Final = {
    "barcodes": _barcodes,
    "barcode": _single_barcode,
    "expirationDate": _one_date,
    "relevantDate": _one_date,
    "relevantDates": _relevant_dates,
    "locations": _locations,
    "beacons": _beacons,
    "nfc": _nfc,
    "featuredActions": _actions,
    "associatedStoreIdentifiers": _store_ids,
    "appLaunchURL": _app_launch,
    "maxDistance": _distance,
}
