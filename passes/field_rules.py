"""Apple's rules for the fields of a pass: zones, keys, values, formats.

Source: developer.apple.com/documentation/walletpasses/passfieldcontent; apple-wallet 1.3
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from common.i18n import gettext as _
from passes.findings import Finding, fault

STYLES: Final = (
    "storeCard",
    "coupon",
    "generic",
    "eventTicket",
    "boardingPass",
    "posterGeneric",
)
# From iOS 27 this one may stand beside an older style.
_BESIDE: Final = "posterGeneric"
_ZONES: Final = (
    "headerFields",
    "primaryFields",
    "secondaryFields",
    "auxiliaryFields",
    "backFields",
    "additionalInfoFields",
    "footerFields",
)
_ROW: Final = ("secondaryFields", "auxiliaryFields")
# What fits per style: zones that share a row, and how many; the rest is dropped without a word.
_SHARED_ROW: Final[Mapping[tuple[str, ...], int]] = {
    ("headerFields",): 3,
    ("primaryFields",): 1,
    _ROW: 4,
}
_OWN_ROWS: Final[Mapping[tuple[str, ...], int]] = {
    ("headerFields",): 3,
    ("primaryFields",): 1,
    ("secondaryFields",): 4,
    ("auxiliaryFields",): 4,
}
_LIMITS: Final[Mapping[str, Mapping[tuple[str, ...], int]]] = {
    "storeCard": _SHARED_ROW,
    "coupon": _SHARED_ROW,
    "generic": _OWN_ROWS,
    "eventTicket": _OWN_ROWS,
    "boardingPass": {("headerFields",): 3, ("primaryFields",): 2, ("auxiliaryFields",): 5},
    "posterGeneric": {("headerFields",): 1, ("primaryFields",): 4, ("footerFields",): 2},
}
_MEMBERS: Final = frozenset(
    "key value label attributedValue changeMessage dataDetectorTypes textAlignment "  # noqa: SIM905
    "dateStyle "
    "timeStyle ignoresTimeZone isRelative numberStyle currencyCode semantics row".split()
)
_ALIGNMENTS: Final = frozenset(
    f"PKTextAlignment{s}" for s in ("Left", "Center", "Right", "Natural")
)
_UNALIGNED: Final = frozenset({"primaryFields", "backFields"})
_DETECTORS: Final = frozenset(
    f"PKDataDetectorType{kind}" for kind in ("PhoneNumber", "Link", "Address", "CalendarEvent")
)
_FOREIGN_TAG: Final = re.compile(r"<(?!/?a[\s>])", re.IGNORECASE)


def check_fields(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Every broken rule of the style dictionaries and their fields."""
    styles = [name for name in STYLES if name in document]
    if len([name for name in styles if name != _BESIDE]) > 1 or not styles:
        yield fault(
            "style",
            "pass.json",
            rule=_("A pass has exactly one style."),
            mend=_("Give one of %(styles)s.", styles=", ".join(STYLES)),
        )
    for style in styles:
        if isinstance(document[style], dict):
            yield from _style(style, document[style])


def _style(style: str, zones: Mapping[str, Any]) -> Iterator[Finding]:
    for name in zones:
        if name not in _ZONES and name != "transitType":
            yield _misspelt(f"pass.json:{style}.{name[:60]}", name, known=_ZONES)
    for shared, most in _LIMITS[style].items():
        if sum(len(_fields(zones, zone)) for zone in shared) > most:
            yield fault(
                "fields_too_many",
                f"pass.json:{style}." + "+".join(shared),
                rule=_("The card shows %(max)d of these and drops the rest.", max=most),
                mend=_("Move some to the back."),
            )
    seen: set[str] = set()
    for zone in _ZONES:
        if not isinstance(zones.get(zone, []), list):
            yield _wrong_type(f"pass.json:{style}.{zone}", _("a list"))
        for at, field in enumerate(_fields(zones, zone)):
            place = f"pass.json:{style}.{zone}[{at}]"
            if isinstance(field, dict):
                yield from _field(field, place, zone=zone, seen=seen)
            else:
                yield _wrong_type(place, _("an object"))


def _field(field: Mapping[str, Any], place: str, *, zone: str, seen: set[str]) -> Iterator[Finding]:
    key = field.get("key")
    if not isinstance(key, str) or not key:
        yield _wrong_type(f"{place}.key", _("a text"))
    elif key in seen:
        yield fault(
            "field_key_twice",
            f"{place}.key",
            rule=_("A key names one field of the whole pass."),
            mend=_("Give the field a key of its own."),
        )
    else:
        seen.add(key)
    if not _is_value(field.get("value")):
        yield _wrong_type(f"{place}.value", _("a text or a number"))
    if not field.keys() <= _MEMBERS:
        for name in field.keys() - _MEMBERS:
            yield _misspelt(f"{place}.{name[:60]}", name, known=sorted(_MEMBERS))
    for name in ("label", "changeMessage", "attributedValue", "currencyCode"):
        if not isinstance(field.get(name, ""), str | None):
            yield _wrong_type(f"{place}.{name}", _("a text"))
    yield from _formats(field, place, zone=zone)


def _formats(field: Mapping[str, Any], place: str, *, zone: str) -> Iterator[Finding]:
    change = field.get("changeMessage")
    if isinstance(change, str) and "%@" not in change:
        yield fault(
            "change_message",
            f"{place}.changeMessage",
            rule=_("Without %@ Wallet does not tell what changed."),
            mend=_("Put %@ where the new value shall stand, or leave the message out."),
        )
    alignment = field.get("textAlignment")
    if alignment is not None and (zone in _UNALIGNED or alignment not in _ALIGNMENTS):
        yield fault(
            "alignment",
            f"{place}.textAlignment",
            rule=_("Primary and back fields are not aligned; the others know four values."),
            mend=_("Leave textAlignment out."),
        )
    detectors = field.get("dataDetectorTypes")
    if detectors is not None and not (
        isinstance(detectors, list) and all(kind in _DETECTORS for kind in detectors)
    ):
        yield fault(
            "detectors",
            f"{place}.dataDetectorTypes",
            rule=_("Wallet knows four kinds of things to tap."),
            mend=_("Use names like PKDataDetectorTypeLink."),
        )
    if ("dateStyle" in field) != ("timeStyle" in field):
        yield fault(
            "date_style_half",
            place,
            rule=_("A date needs both styles."),
            mend=_("Give dateStyle and timeStyle."),
        )
    yield from _number_and_markup(field, place)


def _number_and_markup(field: Mapping[str, Any], place: str) -> Iterator[Finding]:
    number = isinstance(field.get("value"), int | float)
    if not number and ("currencyCode" in field or "numberStyle" in field):
        yield fault(
            "number_as_text",
            f"{place}.value",
            rule=_("A number style needs a number."),
            mend=_("Write the value without quotation marks."),
        )
    markup = field.get("attributedValue")
    if isinstance(markup, str) and _FOREIGN_TAG.search(markup):
        yield fault(
            "markup",
            f"{place}.attributedValue",
            rule=_("Wallet understands links and no other markup."),
            mend=_("Use <a href> only."),
        )


def _is_value(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _fields(zones: Mapping[str, Any], zone: str) -> list[Any]:
    value = zones.get(zone)
    return value if isinstance(value, list) else []


def _wrong_type(place: str, kind: str) -> Finding:
    return fault(
        "type_wrong",
        place,
        rule=_("Wallet reads another kind of value here."),
        mend=_("Give %(kind)s.", kind=kind),
    )


def _misspelt(place: str, name: str, *, known: tuple[str, ...] | list[str]) -> Finding:
    close = difflib.get_close_matches(name[:60], known, n=1, cutoff=0.6)
    mend = _("Write %(name)s.", name=close[0]) if close else _("Remove the key.")
    return fault("key_misspelt", place, rule=_("Wallet ignores keys it does not know."), mend=mend)
