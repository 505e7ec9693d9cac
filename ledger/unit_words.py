"""Counts of a unit in words: `12 points`, `1 coffee stamp`, `€3.20`, in the current language.

A merchant's own names win; without them the kind of the unit has one. Not done here: signs and
sentences (reasons.py, programme_reasons.py).
"""

from __future__ import annotations

from typing import Final

from common.i18n import current_language, mark, ngettext
from common.i18n import gettext as _
from common.money import format_money
from ledger.programme_terms import ProgrammeTerms, UnitKind, UnitTerms

_NAMES: Final = {
    UnitKind.POINTS: mark("Points"),
    UnitKind.STAMPS: mark("Stamps"),
    UnitKind.VISITS: mark("Visits"),
    UnitKind.CLASSES: mark("Classes"),
}


def count_words(units: int, unit: UnitTerms, currency: str) -> str:
    """So many of the unit; cashback is written as money."""
    if unit.kind is UnitKind.CASHBACK:
        return format_money(units, currency, language=current_language())
    if unit.name_one and unit.name_many:
        return f"{units} {unit.name_one if units == 1 else unit.name_many}"
    match unit.kind:
        case UnitKind.STAMPS:
            return ngettext("%(number)d stamp", "%(number)d stamps", units)
        case UnitKind.VISITS:
            return ngettext("%(number)d visit", "%(number)d visits", units)
        case UnitKind.CLASSES:
            return ngettext("%(number)d class", "%(number)d classes", units)
    return ngettext("%(number)d point", "%(number)d points", units)


def unit_of(code: str, kind: str, terms: ProgrammeTerms | None) -> UnitTerms:
    """The unit with its names, where the terms still have it; else a nameless one of that kind."""
    if terms is not None:
        for unit in terms.units:
            if unit.code == code:
                return unit
    return UnitTerms(code=code, kind=UnitKind(kind))


def percent_words(percent: int) -> str:
    """`200` as `2`, `150` as `1.5`: how many times."""
    whole, rest = divmod(percent, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") if rest else str(whole)


def unit_name(unit: UnitTerms) -> str:
    """What many of the unit are called, to begin a sentence with."""
    if unit.kind is UnitKind.CASHBACK:
        return _("Credits")
    if unit.name_many:
        return unit.name_many[:1].upper() + unit.name_many[1:]
    return _(_NAMES[unit.kind])
