"""Why units came to a card without a purchase: a gift card's money, a friend, an activity.

The document holds numbers and codes only, never a text that a person typed: an activity is told
by its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from common.i18n import gettext as _
from common.i18n import mark
from ledger.programme_terms import ProgrammeTerms
from ledger.terms import Terms, Unit, unit_of
from ledger.unit_words import count_words
from ledger.unit_words import unit_of as unit_named

GIFT: Final = "gift"
REFERRAL: Final = "referral"
ACTIVITY: Final = "activity"
RULES: Final = (GIFT, REFERRAL, ACTIVITY)

_WHAT: Final = {
    "sold": mark("Gift card"),
    "reload": mark("Money added"),
    "friend": mark("Thank you for bringing a friend"),
    "referrer": mark("A friend brought you"),
    "profile": mark("Thank you for telling about yourself"),
    "birthday": mark("For your birthday"),
    "review": mark("Thank you for your review"),
    "photo": mark("Thank you for your photo"),
    "question": mark("Thank you for your answer"),
    "share": mark("Thank you for sharing"),
    "site_visit": mark("Thank you for your visit to our site"),
    "newsletter": mark("Thank you for reading our news"),
    "receipt": mark("For a receipt"),
    "check_in": mark("For your visit"),
}


def given_reason(
    rule: str, terms: Terms | ProgrammeTerms, *, what: str, unit: str, units: int
) -> dict[str, Any]:
    """The document: `what` is a word of this module's list."""
    if what not in _WHAT:
        raise ValueError(f"nothing is given for {what!r}")
    kind = str(unit_of(terms)) if not isinstance(terms, ProgrammeTerms) else _kind(terms, unit)
    return {
        "rule": rule,
        "what": what,
        "terms_version": terms.version,
        "currency": getattr(terms, "currency", ""),
        "unit": unit,
        "unit_kind": kind,
        "units": units,
    }


def headline(reason: Mapping[str, Any], terms: ProgrammeTerms | None) -> str:
    """`+100 points`, `+€25.00`."""
    unit = unit_named(reason["unit"], reason["unit_kind"], terms)
    return "+" + count_words(reason["units"], unit, reason["currency"])


def sentences(reason: Mapping[str, Any], terms: ProgrammeTerms | None) -> tuple[str, ...]:
    """The reason in the current language, headline first."""
    return headline(reason, terms), _(_WHAT[reason["what"]])


def _kind(terms: ProgrammeTerms, code: str) -> str:
    return next((str(one.kind) for one in terms.units if one.code == code), str(Unit.POINTS))
