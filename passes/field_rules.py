"""Apple's rules for the fields of a pass: zones, keys, values, formats.

Each member of a field has a test and a complaint in one table. The tests run on every pass that is
issued, so they cost next to nothing while nothing is wrong.

Source: developer.apple.com/documentation/walletpasses/passfieldcontent; apple-wallet 1.3
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from common.i18n import gettext as _
from common.i18n import mark
from passes.entry_rules import is_moment
from passes.findings import Finding, Severity, fault, warning
from passes.semantics import check_tags
from passes.spelling import KEY_SHOWN, unknown_key

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
_ALIGNMENTS: Final = frozenset(
    f"PKTextAlignment{s}" for s in ("Left", "Center", "Right", "Natural")
)
_UNALIGNED: Final = frozenset({"primaryFields", "backFields"})
_DETECTORS: Final = frozenset(
    f"PKDataDetectorType{kind}" for kind in ("PhoneNumber", "Link", "Address", "CalendarEvent")
)
_FOREIGN_TAG: Final = re.compile(r"<(?!/?a[\s>])", re.IGNORECASE)
_NUMBERS: Final = frozenset({int, float})
_VALUES: Final = frozenset({str, int, float})
# These break no rule that binds several members.
_UNBOUND: Final = frozenset(
    {"key", "value", "label", "changeMessage", "dataDetectorTypes", "textAlignment"}
)
_DATE_STYLES: Final = frozenset(
    f"PKDateStyle{name}" for name in ("None", "Short", "Medium", "Long", "Full")
)
_NUMBER_STYLES: Final = frozenset(
    f"PKNumberStyle{name}" for name in ("Decimal", "Percent", "Scientific", "SpellOut")
)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_BARE_AMPERSAND: Final = re.compile(r"&(?!#?\w{1,10};)")
_NEEDED: Final = frozenset({"key", "value"})
_Test = Callable[[Any, str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A member's test (value, zone) and what is said when it fails."""

    holds: _Test
    code: str = "type_wrong"
    rule: str = mark("Wallet reads another kind of value here.")
    mend: str = mark("Give a text.")
    severity: Severity = Severity.FAULT


def check_fields(document: Mapping[str, Any]) -> list[Finding]:
    """Every broken rule of the style dictionaries and their fields."""
    found: list[Finding] = []
    styles = [name for name in STYLES if name in document]
    if len([name for name in styles if name != _BESIDE]) > 1 or not styles:
        found.append(
            fault(
                "style",
                "pass.json",
                rule=_("A pass has exactly one style."),
                mend=_("Give one of %(styles)s.", styles=", ".join(STYLES)),
            )
        )
    for style in styles:
        if isinstance(document[style], dict):
            found.extend(_style(style, document[style]))
    return found


def nulls(place: str, value: Any) -> Iterator[Finding]:
    """Every null inside a JSON value: one anywhere breaks the whole pass."""
    waiting = [(place, value)]
    while waiting:
        at, inner = waiting.pop()
        if inner is None:
            yield fault("null", at, rule=_("Null breaks a pass."), mend=_("Leave the key out."))
        elif isinstance(inner, dict):
            waiting.extend((f"{at}.{key[:60]}", entry) for key, entry in inner.items())
        elif isinstance(inner, list):
            waiting.extend((f"{at}[{number}]", entry) for number, entry in enumerate(inner))


def _style(style: str, zones: Mapping[str, Any]) -> Iterator[Finding]:
    for shared, most in _LIMITS[style].items():
        if sum([len(_fields(zones, zone)) for zone in shared]) > most:
            yield warning(
                "fields_too_many",
                f"pass.json:{style}." + "+".join(shared),
                rule=_("The card shows %(max)d of these and drops the rest.", max=most),
                mend=_("Move some to the back."),
            )
    seen: set[str] = set()
    for zone, fields in zones.items():
        place = f"pass.json:{style}.{zone[:KEY_SHOWN]}"
        if zone not in _ZONES:
            if zone != "transitType":
                yield unknown_key(zone, _ZONES, place)
        elif isinstance(fields, list):
            for at, field in enumerate(fields):
                if not _plainly_good(field, seen):
                    yield from _field(field, (place, at), zone=zone, seen=seen)
        else:
            yield _complaint(place, fields, _LIST)


def _plainly_good(field: Any, seen: set[str]) -> bool:
    """Whether a field breaks no rule at first sight, as nearly all of our own do."""
    if type(field) is not dict:
        return False
    key = field.get("key")
    if not key or "value" not in field:
        return False
    if not _AT_SIGHT.issuperset(zip(field, map(type, field.values()), strict=True)):
        return False
    if key in seen or "%@" not in field.get("changeMessage", "%@"):
        return False
    detectors = field.get("dataDetectorTypes")
    if detectors and not _are_detectors(detectors, ""):
        return False
    seen.add(key)
    return True


def _field(field: Any, where: tuple[str, int], *, zone: str, seen: set[str]) -> list[Finding]:
    if type(field) is not dict:
        return [_complaint(_place(where), field, _OBJECT)]
    found: list[Finding] = []
    if not _SOUND.issuperset(zip(field, map(type, field.values()), strict=True)):
        found.extend(_members(field, where, zone=zone))
    for name in _NEEDED - field.keys():
        found.append(_complaint(_place(where, name), "", _RULES[name]))
    key = field.get("key")
    if type(key) is str:
        if not key or key in seen:
            found.append(_complaint(_place(where, "key"), key, _TWICE if key else _RULES["key"]))
        seen.add(key)
    if not _UNBOUND.issuperset(field):
        found.extend(_across(field, where))
    return found


def _members(field: Mapping[str, Any], where: tuple[str, int], *, zone: str) -> Iterator[Finding]:
    """Member by member, those that a look at name and kind does not settle."""
    for name, value in field.items():
        if (name, type(value)) in _SOUND:
            continue
        rule = _RULES.get(name)
        if rule is None:
            yield unknown_key(name, tuple(_RULES), _place(where, name))
        elif not rule.holds(value, zone):
            yield _complaint(_place(where, name), value, rule)


def _across(field: Mapping[str, Any], where: tuple[str, int]) -> Iterator[Finding]:
    """Rules that bind several members."""
    if ("dateStyle" in field) != ("timeStyle" in field):
        yield _complaint(_place(where), field, _HALF_DATE)
    styled = "numberStyle" in field or "currencyCode" in field
    if styled and type(field.get("value")) not in _NUMBERS:
        yield _complaint(_place(where, "value"), field.get("value"), _NUMBER_AS_TEXT)
    if "dateStyle" in field and not is_moment(field.get("value")):
        yield _complaint(_place(where, "value"), field.get("value"), _DATE_AS_TEXT)
    if isinstance(field.get("semantics"), dict):
        place = _place(where, "semantics")
        yield from nulls(place, field["semantics"])
        yield from check_tags(field["semantics"], place)


def _place(where: tuple[str, int], name: str = "") -> str:
    zone, at = where
    return f"{zone}[{at}].{name[:KEY_SHOWN]}" if name else f"{zone}[{at}]"


def _complaint(place: str, value: Any, rule: _Rule) -> Finding:
    if value is None:
        return fault("null", place, rule=_("Null breaks a pass."), mend=_("Leave the key out."))
    make = fault if rule.severity is Severity.FAULT else warning
    return make(rule.code, place, rule=_(rule.rule), mend=_(rule.mend))


def _fields(zones: Mapping[str, Any], zone: str) -> list[Any]:
    value = zones.get(zone)
    return value if isinstance(value, list) else []


def _is_text(value: Any, _zone: str) -> bool:
    return type(value) is str


def _is_name(value: Any, _zone: str) -> bool:
    return type(value) is str and value != ""


def _is_flag(value: Any, _zone: str) -> bool:
    return type(value) is bool


def _is_value(value: Any, _zone: str) -> bool:
    return type(value) in _VALUES


def _is_object(value: Any, _zone: str) -> bool:
    return type(value) is dict


def _announces(value: Any, _zone: str) -> bool:
    return type(value) is str and "%@" in value


def _is_aligned(value: Any, zone: str) -> bool:
    return zone not in _UNALIGNED and type(value) is str and value in _ALIGNMENTS


def _are_detectors(value: Any, _zone: str) -> bool:
    return type(value) is list and all(type(k) is str and k in _DETECTORS for k in value)


def _links_only(value: Any, _zone: str) -> bool:
    if type(value) in _NUMBERS:
        return True
    return (
        type(value) is str and not _FOREIGN_TAG.search(value) and not _BARE_AMPERSAND.search(value)
    )


def _is_date_style(value: Any, _zone: str) -> bool:
    return type(value) is str and value in _DATE_STYLES


def _is_number_style(value: Any, _zone: str) -> bool:
    return type(value) is str and value in _NUMBER_STYLES


def _is_currency(value: Any, _zone: str) -> bool:
    return type(value) is str and _CURRENCY.fullmatch(value) is not None


def _is_row(value: Any, zone: str) -> bool:
    return type(value) is int and value in {0, 1} and zone == "auxiliaryFields"


_TEXT: Final = _Rule(holds=_is_text)
_FLAG: Final = _Rule(holds=_is_flag, mend=mark("Give true or false."))
_OBJECT: Final = _Rule(holds=_is_object, mend=mark("Give an object."))
_LIST: Final = _Rule(holds=_is_object, mend=mark("Give a list."))
_TWICE: Final = _Rule(
    holds=_is_name,
    code="field_key_twice",
    rule=mark("A key names one field of the whole pass."),
    mend=mark("Give the field a key of its own."),
)
_HALF_DATE: Final = _Rule(
    holds=_is_text,
    code="date_style_half",
    rule=mark("A date needs both styles."),
    mend=mark("Give dateStyle and timeStyle."),
)
_NUMBER_AS_TEXT: Final = _Rule(
    holds=_is_value,
    code="number_as_text",
    rule=mark("A number style needs a number."),
    mend=mark("Write the value without quotation marks."),
)
_DATE_AS_TEXT: Final = _Rule(
    holds=_is_value,
    code="date",
    rule=mark("A moment has a date, a time and an offset."),
    mend=mark("Write it like 2027-01-31T18:00:00+00:00."),
)
_DATE_STYLE: Final = _Rule(
    holds=_is_date_style,
    code="date_style",
    rule=mark("Wallet knows five styles of dates and times."),
    mend=mark("Use PKDateStyleNone, Short, Medium, Long or Full."),
)
_RULES: Final[Mapping[str, _Rule]] = {
    "key": _Rule(holds=_is_name),
    "value": _Rule(holds=_is_value, mend=mark("Give a text or a number.")),
    "label": _TEXT,
    "changeMessage": _Rule(
        holds=_announces,
        code="change_message",
        rule=mark("Without %@ Wallet does not tell what changed."),
        mend=mark("Put %@ where the new value shall stand, or leave the message out."),
        severity=Severity.WARNING,
    ),
    "textAlignment": _Rule(
        holds=_is_aligned,
        code="alignment",
        rule=mark("Primary and back fields are not aligned; the others know four values."),
        mend=mark("Leave textAlignment out."),
        severity=Severity.WARNING,
    ),
    "dataDetectorTypes": _Rule(
        holds=_are_detectors,
        code="detectors",
        rule=mark("Wallet knows four kinds of things to tap."),
        mend=mark("Use names like PKDataDetectorTypeLink."),
    ),
    "attributedValue": _Rule(
        holds=_links_only,
        code="markup",
        rule=mark("Wallet understands links and no other markup."),
        mend=mark("Use <a href> only, and write & as &amp;."),
        severity=Severity.WARNING,
    ),
    "dateStyle": _DATE_STYLE,
    "timeStyle": _DATE_STYLE,
    "numberStyle": _Rule(
        holds=_is_number_style,
        code="number_style",
        rule=mark("Wallet knows four styles of numbers."),
        mend=mark("Use PKNumberStyleDecimal, Percent, Scientific or SpellOut."),
    ),
    "currencyCode": _Rule(
        holds=_is_currency,
        code="currency",
        rule=mark("A currency has three capital letters (ISO 4217)."),
        mend=mark("Write it like EUR."),
    ),
    "ignoresTimeZone": _FLAG,
    "isRelative": _FLAG,
    "semantics": _OBJECT,
    "row": _Rule(holds=_is_row, mend=mark("Give 0 or 1, in auxiliaryFields alone.")),
}
# What needs no second look; the texts that must not be empty are the key's alone.
_SOUND: Final = frozenset([("key", str), ("label", str), *(("value", kind) for kind in _VALUES)])
# Of these the values must be looked at too.
_AT_SIGHT: Final = _SOUND | {("changeMessage", str), ("dataDetectorTypes", list)}
