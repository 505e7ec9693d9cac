"""Apple's rules for pass.json, told one by one: the rule, the place, the mend.

Wallet drops what it does not understand without a word, so a misspelt key is a fault here. Fast
enough to run on every pass that is issued. Not here: the zip, manifest and images
(inspect_pass.py), fields (field_rules.py).

Source: developer.apple.com/documentation/walletpasses/pass; apple-wallet 1.2
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from common.i18n import gettext as _
from passes.contrast import Contrast, rgb_contrast_ratio, verdict
from passes.document_keys import KNOWN, REQUIRED, TYPES
from passes.field_rules import STYLES, check_fields, nulls
from passes.findings import Finding, fault, warning

PLACE: Final = "pass.json"
ICON: Final = "icon.png"
TOKEN_MIN: Final = 16
ENTRIES_MAX: Final = 10
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_RGB: Final = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)")
_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)", re.ASCII
)
_FORMATS: Final = frozenset(
    f"PKBarcodeFormat{name}"
    for name in ("QR", "PDF417", "Aztec", "Code128", "Code39", "Codabar", "EAN13", "I2of5")
)
_NESTED: Final = KNOWN - {"userInfo", *STYLES}
_CONTAINERS: Final = frozenset({dict, list})
_COLOURS: Final = ("backgroundColor", "foregroundColor", "labelColor")


def check_document(document: Mapping[str, Any], names: Collection[str]) -> list[Finding]:
    """Every broken rule of a pass.json.

    Args:
        document: the parsed pass.json.
        names: the files beside it in the bundle (`PackedImages.names`).
    """
    found = [
        *_keys(document),
        *_nothing_null(document),
        *_identity(document),
        *_web_service(document),
        *_colours(document),
        *_barcodes(document),
        *_dates(document),
        *_places(document),
        *check_fields(document),
    ]
    if ICON not in names:
        found.append(
            fault(
                "icon_missing",
                ICON,
                rule=_("A pass without an icon does not open."),
                mend=_("Add icon.png, 38 by 38 pixels."),
            )
        )
    return found


def _at(name: str) -> str:
    return f"{PLACE}:{name}"


def _keys(document: Mapping[str, Any]) -> Iterator[Finding]:
    for name in REQUIRED:
        if name not in document:
            yield fault(
                "key_missing",
                _at(name),
                rule=_("Wallet demands this key."),
                mend=_("Add %(name)s.", name=name),
            )
    for name, value in document.items():
        if name not in KNOWN:
            yield _unknown(name)
        elif value is not None and not _fits(value, TYPES.get(name)):
            yield fault(
                "type_wrong",
                _at(name),
                rule=_("Wallet reads another kind of value here."),
                mend=_("Give %(kind)s.", kind=_kind(TYPES[name])),
            )


def _unknown(name: str) -> Finding:
    close = difflib.get_close_matches(name[:60], KNOWN, n=1, cutoff=0.75)
    if close:
        return fault(
            "key_misspelt",
            _at(name[:60]),
            rule=_("Wallet ignores keys it does not know."),
            mend=_("Write %(name)s.", name=close[0]),
        )
    return warning(
        "key_unknown",
        _at(name[:60]),
        rule=_("Wallet ignores keys it does not know."),
        mend=_("Remove the key, or put it into userInfo."),
    )


def _fits(value: Any, types: tuple[type, ...] | None) -> bool:
    if types is None:
        return True
    # In Python a bool is an int; in JSON it is not.
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def _kind(types: tuple[type, ...]) -> str:
    names = {str: _("a text"), list: _("a list"), bool: _("true or false"), dict: _("an object")}
    return names.get(types[0], _("a number"))


def _nothing_null(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Nulls outside the fields; what `userInfo` holds is the app's own."""
    for name, value in document.items():
        nested = type(value) in _CONTAINERS and name in _NESTED
        if value is None or (nested and _holds_null(value)):
            yield from nulls(_at(name), value)


def _holds_null(value: Any) -> bool:
    """Without places, because almost every pass holds none."""
    waiting = [value]
    for inner in waiting:
        entries = inner.values() if type(inner) is dict else inner
        if None in entries:
            return True
        waiting.extend([entry for entry in entries if type(entry) in _CONTAINERS])
    return False


def _identity(document: Mapping[str, Any]) -> Iterator[Finding]:
    if document.get("formatVersion", 1) != 1:
        yield fault(
            "format_version",
            _at("formatVersion"),
            rule=_("The format has one version."),
            mend=_("Write 1."),
        )
    pass_type = document.get("passTypeIdentifier", "pass.")
    if isinstance(pass_type, str) and not pass_type.startswith("pass."):
        yield fault(
            "pass_type",
            _at("passTypeIdentifier"),
            rule=_("A pass type identifier is the UID of the certificate."),
            mend=_("Write it as in Apple's account; it starts with pass."),
        )
    for name in REQUIRED:
        if document.get(name) == "":
            yield fault(
                "text_empty",
                _at(name),
                rule=_("Wallet demands a text here."),
                mend=_("Write %(name)s.", name=name),
            )


def _web_service(document: Mapping[str, Any]) -> Iterator[Finding]:
    address, token = document.get("webServiceURL"), document.get("authenticationToken")
    if (address is None) != (token is None):
        yield fault(
            "web_service_half",
            _at("webServiceURL"),
            rule=_("A pass that updates has an address and a token."),
            mend=_("Give both webServiceURL and authenticationToken, or neither."),
        )
    if isinstance(address, str):
        yield from _address(address)
    if isinstance(token, str) and len(token) < TOKEN_MIN:
        yield fault(
            "token_short",
            _at("authenticationToken"),
            rule=_("The token has at least %(min)d characters.", min=TOKEN_MIN),
            mend=_("Use a long random token."),
        )


def _address(address: str) -> Iterator[Finding]:
    place = _at("webServiceURL")
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme == "http" and host in _LOOPBACK:
        yield warning(
            "web_service_loopback",
            place,
            rule=_("A real phone reaches https addresses only."),
            mend=_("This serves the sandbox. Set a public https address for phones."),
        )
    elif parts.scheme != "https" or not host:
        yield fault(
            "web_service_not_https",
            place,
            rule=_("A phone asks for updates by https only."),
            mend=_("Give an address that starts with https://"),
        )
    if parts.path.rstrip("/").endswith("/v1"):
        yield fault(
            "web_service_version",
            place,
            rule=_("The phone appends /v1 by itself."),
            mend=_("Take /v1 off the address."),
        )


def _colours(document: Mapping[str, Any]) -> Iterator[Finding]:
    for name in _COLOURS:
        text = document.get(name)
        if isinstance(text, str) and _channels(text) is None:
            yield fault(
                "colour",
                _at(name),
                rule=_("Colours are written like rgb(31, 61, 54)."),
                mend=_("Write three numbers from 0 to 255."),
            )
    ground = document.get(_COLOURS[0])
    for name in _COLOURS[1:]:
        if _hides(document.get(name), ground):
            yield warning(
                "contrast",
                _at(name),
                rule=_("The text can hardly be read on the background."),
                mend=_("Choose a lighter or a darker colour."),
            )


# All cards of a design have the same colours.
@lru_cache(maxsize=1024)
def _channels(text: str) -> tuple[int, int, int] | None:
    match = _RGB.fullmatch(text)
    if not match or any(int(part) > 255 for part in match.groups()):  # noqa: PLR2004
        return None
    red, green, blue = map(int, match.groups())
    return red, green, blue


def _hides(colour: Any, ground: Any) -> bool:
    return isinstance(colour, str) and isinstance(ground, str) and _unreadable(colour, ground)


@lru_cache(maxsize=1024)
def _unreadable(colour: str, ground: str) -> bool:
    first, second = _channels(colour), _channels(ground)
    if first is None or second is None:
        return False
    return verdict(rgb_contrast_ratio(first, second)) is Contrast.UNREADABLE


def _barcodes(document: Mapping[str, Any]) -> Iterator[Finding]:
    if "barcode" in document:
        yield warning(
            "barcode_single",
            _at("barcode"),
            rule=_("The single barcode is for phones before 2015."),
            mend=_("Use barcodes."),
        )
    for at, code in enumerate(_entries(document, "barcodes")):
        place = _at(f"barcodes[{at}]")
        if not isinstance(code, dict) or str(code.get("format")) not in _FORMATS:
            yield fault(
                "barcode_format",
                place,
                rule=_("A phone that does not know the format shows no code at all."),
                mend=_("Use PKBarcodeFormatQR."),
            )
        elif not _encodes(code):
            yield fault(
                "barcode_message",
                place,
                rule=_("A code has a message that its messageEncoding can write."),
                mend=_("Give a message of plain letters and digits and iso-8859-1."),
            )


def _encodes(code: Mapping[str, Any]) -> bool:
    message, encoding = code.get("message"), code.get("messageEncoding")
    if not isinstance(message, str) or not message or not isinstance(encoding, str):
        return False
    try:
        message.encode(encoding)
    except (LookupError, UnicodeError):
        return False
    return True


def _dates(document: Mapping[str, Any]) -> Iterator[Finding]:
    moments = [(name, document.get(name)) for name in ("expirationDate", "relevantDate")]
    for at, entry in enumerate(_entries(document, "relevantDates")):
        if isinstance(entry, dict):
            moments.extend((f"relevantDates[{at}].{key}", text) for key, text in entry.items())
    for name, text in moments:
        if isinstance(text, str) and not _MOMENT.fullmatch(text):
            yield fault(
                "date",
                _at(name),
                rule=_("A moment has a date, a time and an offset."),
                mend=_("Write it like 2027-01-31T18:00:00+00:00."),
            )


def _places(document: Mapping[str, Any]) -> Iterator[Finding]:
    for name in ("locations", "beacons"):
        if len(_entries(document, name)) > ENTRIES_MAX:
            yield fault(
                "too_many",
                _at(name),
                rule=_("Wallet takes at most %(max)d.", max=ENTRIES_MAX),
                mend=_("Remove some."),
            )
    for at, place in enumerate(_entries(document, "locations")):
        if not isinstance(place, dict) or not (
            _within(place.get("latitude"), 90) and _within(place.get("longitude"), 180)
        ):
            yield fault(
                "location",
                _at(f"locations[{at}]"),
                rule=_("A location has a latitude and a longitude in degrees."),
                mend=_("Give numbers from -90 to 90 and from -180 to 180."),
            )


def _within(value: Any, bound: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= bound


def _entries(document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    return value if isinstance(value, list) else []
