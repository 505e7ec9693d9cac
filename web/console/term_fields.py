"""Fields of a form that edits one part of the terms: from the form to the document and back.

A field knows its place in the document (`path`), so that a complaint about the document is shown
beside the field that was typed. Nothing is judged here but the shape of what was typed (a number,
an amount, a day): the ledger judges the rest when the whole document is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.money import format_plain, parse_amount

Path = tuple[str | int, ...]
DIGITS_MAX: Final = 9
TEXT_MAX: Final = 400
DAY_MINUTES: Final = 1440


class How(StrEnum):
    """How a value is typed."""

    AMOUNT = "amount"
    WHOLE = "whole"
    PERCENT = "percent"
    HUNDREDTHS = "hundredths"
    TIMES = "times"
    TEXT = "text"
    CHOICE = "choice"
    FLAG = "flag"
    MANY = "many"
    WEEKDAYS = "weekdays"
    NUMBERS = "numbers"
    MINUTE = "minute"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class TermField:
    """One field: where it stands in the document and how it is asked for.

    `shown_when` names another field and its values for which this one is asked at all. `group` is
    the part of the form it stands in; `first` is what a new form shows, `default` what a document
    means that leaves it out.
    """

    name: str
    path: Path
    how: How
    label: str
    help: str = ""
    suffix: str = ""
    options: tuple[tuple[str, str], ...] = ()
    shown_when: tuple[str, tuple[str, ...]] | None = None
    group: str = ""
    first: str = ""
    default: str = ""


def read_piece(
    fields: Sequence[TermField], sent: MultiDict[str, str], *, currency: str
) -> dict[str, Any]:
    """The part of the document a sent form describes; what was left empty is left out.

    Raises:
        InvalidInputs: with the names of the form's fields.
    """
    piece: dict[str, Any] = {}
    complaints: list[InvalidInput] = []
    hidden: set[str] = set()
    for one in fields:
        # What hangs on a field that is not asked is not asked either.
        parent = one.shown_when[0] if one.shown_when else ""
        if parent in hidden or not is_asked(one, sent):
            hidden.add(one.name)
            continue
        try:
            value = _read(one, sent, currency=currency)
        except InvalidInput as complaint:
            complaints.append(complaint)
            continue
        if value is not None:
            put(piece, one.path, value)
    if complaints:
        raise InvalidInputs(complaints)
    return {str(name): packed(value) for name, value in piece.items()}


def is_asked(one: TermField, sent: Mapping[str, Any]) -> bool:
    """Whether a form with these values shows the field."""
    if one.shown_when is None:
        return True
    name, values = one.shown_when
    return str(sent.get(name, "")) in values


def shown_values(
    fields: Sequence[TermField], piece: Mapping[str, Any], *, currency: str
) -> dict[str, object]:
    """What the form shows for a part of the document."""
    values: dict[str, object] = {}
    for one in fields:
        value = find(piece, one.path)
        shown = one.default if value is None else _shown(one, value, currency=currency)
        values.setdefault(one.name, shown)
    # Two fields may share a place, as percent and amount of a grant: the one not asked stays empty.
    return {
        one.name: values[one.name] for one in fields if one.name in values and is_asked(one, values)
    }


def first_values(fields: Sequence[TermField]) -> dict[str, object]:
    """What an empty form shows."""
    return {one.name: one.first for one in fields if one.first}


def sent_values(fields: Sequence[TermField], sent: MultiDict[str, str]) -> dict[str, object]:
    """What was typed, to be shown again."""
    return {one.name: ",".join(sent.getlist(one.name)) for one in fields}


def field_at(fields: Sequence[TermField], path: Path, sent: Mapping[str, Any]) -> str:
    """The name of the field that a complaint about `path` belongs to, empty for none.

    The nearest place wins: `grant` for `grant.floor.minor` when no field stands there.
    """
    asked = [one for one in fields if is_asked(one, sent)]
    for length in range(len(path), 0, -1):
        near = [one for one in asked if one.path[:length] == path[:length]]
        if near:
            return min(near, key=lambda one: len(one.path)).name
    return ""


def put(piece: dict[str, Any], path: Path, value: object) -> None:
    """Set a place of a document whose lists are still mappings from number to entry."""
    *parents, last = path
    inner: dict[Any, Any] = piece
    for step in parents:
        inner = inner.setdefault(step, {})
    inner[last] = value


def packed(piece: Any) -> Any:
    """The document with its numbered mappings as lists, in order and without holes."""
    if not isinstance(piece, dict):
        return piece
    if piece and all(isinstance(key, int) for key in piece):
        return [packed(piece[key]) for key in sorted(piece)]
    return {key: packed(value) for key, value in piece.items()}


def find(piece: Any, path: Path) -> Any:
    """What stands at a place of a document, or None."""
    for step in path:
        try:
            piece = piece[step]
        except (KeyError, IndexError, TypeError):
            return None
    return piece


def _read(one: TermField, sent: MultiDict[str, str], *, currency: str) -> Any:
    if one.how is How.FLAG:
        ticked = sent.get(one.name) == "1"
        # What is off unless told stays out of the document; `default` marks what is on unless told.
        return ticked if ticked or one.default else None
    if one.how in {How.MANY, How.WEEKDAYS}:
        return _many(one, sent)
    text = _clean(sent.get(one.name, ""))
    if not text:
        return None
    if len(text) > TEXT_MAX:
        raise InvalidInput(_("Type at most %(most)d characters.", most=TEXT_MAX), field=one.name)
    return _single(one, text, currency=currency)


def _single(one: TermField, text: str, *, currency: str) -> Any:
    if one.how is How.AMOUNT:
        return _amount(one, text, currency=currency)
    if one.how in {How.HUNDREDTHS, How.TIMES}:
        return _hundredths(one, text)
    if one.how in {How.WHOLE, How.PERCENT}:
        return _whole(text, one.name)
    if one.how is How.NUMBERS:
        return [_whole(part, one.name) for part in text.replace(",", " ").split()]
    return _worded(one, text)


def _worded(one: TermField, text: str) -> Any:
    if one.how is How.MINUTE:
        return _minute(one, text)
    if one.how is How.DAY:
        return _day(one, text)
    if one.how is How.CHOICE and text not in {value for value, _label in one.options}:
        raise InvalidInput(_("Choose one of the list."), field=one.name)
    return text


def _many(one: TermField, sent: MultiDict[str, str]) -> list[Any] | None:
    texts = [_clean(part) for value in sent.getlist(one.name) for part in value.split(",")]
    found = list(dict.fromkeys(text for text in texts if text))
    if one.how is How.WEEKDAYS:
        return sorted(_whole(text, one.name) for text in found) or None
    return found or None


def _amount(one: TermField, text: str, *, currency: str) -> int:
    if text.strip("0.,") == "" and any(c.isdigit() for c in text):
        return 0
    return parse_amount(text, currency, field=one.name)


def _hundredths(one: TermField, text: str) -> int:
    whole, _mark, fraction = text.replace(",", ".").partition(".")
    good = whole.isascii() and whole.isdigit() and len(whole) <= DIGITS_MAX - 2
    if not good or (fraction and not (fraction.isascii() and fraction.isdigit())):
        raise InvalidInput(_("Type a number like 3 or 2.5."), field=one.name)
    if len(fraction) > 2:  # noqa: PLR2004
        raise InvalidInput(_("Type at most two decimals."), field=one.name)
    return int(whole) * 100 + int(fraction.ljust(2, "0") if fraction else 0)


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise InvalidInput(_("Type a whole number."), field=name)
    return int(text)


def _minute(one: TermField, text: str) -> int:
    hour, mark, minute = text.partition(":")
    digits = (hour + minute).isascii() and (hour + minute).isdigit()
    if not mark or not digits or not (len(hour) in {1, 2} and len(minute) == 2):  # noqa: PLR2004
        raise InvalidInput(_("Type a time like 14:30."), field=one.name)
    found = int(hour) * 60 + int(minute)
    if int(minute) > 59 or found > DAY_MINUTES:  # noqa: PLR2004
        raise InvalidInput(_("Type a time like 14:30."), field=one.name)
    # Midnight ends a day: as an end, 00:00 is the last minute of it and not the first.
    return found or (DAY_MINUTES if one.path[-1] == "until_minute" else 0)


def _day(one: TermField, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise InvalidInput(_("Write the day like 2027-01-31."), field=one.name) from error


def _shown(one: TermField, value: Any, *, currency: str) -> object:
    if one.how is How.AMOUNT:
        return format_plain(value, currency) if value else "0"
    if one.how in {How.HUNDREDTHS, How.TIMES}:
        return f"{value // 100}.{value % 100:02d}".rstrip("0").rstrip(".")
    if one.how is How.FLAG:
        return "1" if value else ""
    if one.how is How.MINUTE:
        return f"{value // 60 % 24:02d}:{value % 60:02d}"
    if one.how in {How.MANY, How.WEEKDAYS}:
        return ",".join(str(part) for part in value)
    return ", ".join(str(part) for part in value) if one.how is How.NUMBERS else str(value)


def _clean(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()
