"""Apple's rules for pass.json, told one by one: the rule, the place, the mend.

Wallet drops what it does not understand without a word, so a misspelt key is a fault here. Fast
enough to run on every pass that is issued. Not here: the zip, manifest and images
(inspect_pass.py), fields (field_rules.py).

Source: developer.apple.com/documentation/walletpasses/pass; apple-wallet 1.2
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from common.i18n import gettext as _
from passes.contrast import Contrast, rgb_contrast_ratio, verdict
from passes.document_keys import KNOWN, REQUIRED, TYPES
from passes.entry_rules import check_entries
from passes.field_rules import STYLES, check_fields, nulls
from passes.findings import Finding, fault, warning
from passes.semantics import check_semantics
from passes.spelling import KEY_SHOWN, unknown_key

PLACE: Final = "pass.json"
ICON: Final = "icon.png"
_OTHER_ICON: Final = re.compile(r"([A-Za-z0-9-]+\.lproj/)?icon(@[23]x)?\.png")
TOKEN_MIN: Final = 16
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_RGB: Final = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)")
_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_NEEDED: Final = frozenset(REQUIRED)
# Names with the kind of value Wallet reads: what is among these needs no second look.
_SOUND: Final = frozenset((name, kind) for name, kinds in TYPES.items() for kind in kinds)
_NESTED: Final = KNOWN - {"userInfo", *STYLES}
_CONTAINERS: Final = frozenset({dict, list})
_COLOURS: Final = ("backgroundColor", "foregroundColor", "labelColor")


def check_document(document: Mapping[str, Any], names: Collection[str]) -> list[Finding]:
    """Every broken rule of a pass.json.

    Args:
        document: the parsed pass.json.
        names: the files beside it in the bundle (`PackedFiles.names`).
    """
    found = [
        *_keys(document),
        *_nothing_null(document),
        *_identity(document),
        *_web_service(document),
        *_colours(document),
        *check_entries(document),
        *check_semantics(document),
        *check_fields(document),
    ]
    if ICON not in names:
        found.append(_no_icon(names))
    return found


def _no_icon(names: Collection[str]) -> Finding:
    rule, mend = _("A pass without an icon does not open."), _("Add icon.png, 38 by 38 pixels.")
    if any(_OTHER_ICON.fullmatch(name) for name in names):
        return warning(
            "icon_scale", ICON, rule=_("Some readers want the icon at all scales."), mend=mend
        )
    return fault("icon_missing", ICON, rule=rule, mend=mend)


def _at(name: str) -> str:
    return f"{PLACE}:{name}"


def _keys(document: Mapping[str, Any]) -> Iterator[Finding]:
    for name in _NEEDED - document.keys():
        yield fault(
            "key_missing",
            _at(name),
            rule=_("Wallet demands this key."),
            mend=_("Add %(name)s.", name=name),
        )
    if _SOUND.issuperset(zip(document, map(type, document.values()), strict=True)):
        return
    for name, value in document.items():
        if name not in KNOWN:
            yield unknown_key(name, KNOWN, _at(name[:KEY_SHOWN]))
        elif value is not None and not _fits(value, TYPES.get(name)):
            yield fault(
                "type_wrong",
                _at(name),
                rule=_("Wallet reads another kind of value here."),
                mend=_("Give %(kind)s.", kind=_kind(TYPES[name])),
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
        if isinstance(text, str) and _HEX.fullmatch(text):
            yield warning(
                "colour_hex",
                _at(name),
                rule=_("Hexadecimal colours work today, but Apple promises rgb() alone."),
                mend=_("Write three numbers like rgb(31, 61, 54)."),
            )
        elif isinstance(text, str) and _channels(text) is None:
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
    if _HEX.fullmatch(text):
        red, green, blue = bytes.fromhex(text[1:])
        return red, green, blue
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
