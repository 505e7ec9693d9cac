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
from typing import Any, Final
from urllib.parse import urlsplit

from common.i18n import gettext as _
from passes.contrast import Contrast, rgb_contrast_ratio, verdict
from passes.document_keys import KNOWN, REQUIRED, TYPES
from passes.field_rules import check_fields
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
    """Null anywhere breaks the whole pass; what `userInfo` holds is the app's own."""
    if not _holds_null(document):
        return
    waiting: list[tuple[str, Any]] = [(_at(name), document[name]) for name in document]
    while waiting:
        place, value = waiting.pop()
        if value is None:
            yield fault("null", place, rule=_("Null breaks a pass."), mend=_("Leave the key out."))
        elif place == _at("userInfo"):
            continue
        elif isinstance(value, dict):
            waiting.extend((f"{place}.{key[:60]}", entry) for key, entry in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{place}[{at}]", entry) for at, entry in enumerate(value))


def _holds_null(document: Mapping[str, Any]) -> bool:
    """The same walk without places: almost every pass holds none, and this is on the hot path."""
    waiting: list[Any] = [document]
    for value in waiting:
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif value is None:
            return True
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
    channels: dict[str, tuple[int, int, int]] = {}
    for name in _COLOURS:
        text = document.get(name)
        if not isinstance(text, str):
            continue
        match = _RGB.fullmatch(text)
        if match and all(int(part) <= 255 for part in match.groups()):  # noqa: PLR2004
            red, green, blue = map(int, match.groups())
            channels[name] = (red, green, blue)
        else:
            yield fault(
                "colour",
                _at(name),
                rule=_("Colours are written like rgb(31, 61, 54)."),
                mend=_("Write three numbers from 0 to 255."),
            )
    ground = channels.pop("backgroundColor", None)
    for name, colour in channels.items():
        if ground and verdict(rgb_contrast_ratio(colour, ground)) is Contrast.UNREADABLE:
            yield warning(
                "contrast",
                _at(name),
                rule=_("The text can hardly be read on the background."),
                mend=_("Choose a lighter or a darker colour."),
            )


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
        if not isinstance(code, dict) or code.get("format") not in _FORMATS:
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
