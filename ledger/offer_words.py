"""Refusals as sentences for staff and member, in the current language: what is missing, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date

from common.i18n import current_language, mark
from common.i18n import gettext as _
from common.money import format_money
from ledger.offers import Refusal, Refused
from ledger.programme_terms import ProgrammeTerms
from ledger.unit_words import count_words, unit_of

_PLAIN: Final = {
    Refusal.INACTIVE: mark("This is no longer on offer."),
    Refusal.OUT_OF_STOCK: mark("The last one is gone."),
    Refusal.USED_UP: mark("This card has used it as often as it may."),
    Refusal.FOREIGN: mark("This coupon belongs to another card."),
    Refusal.NO_AVERAGE: mark("There are too few sales for an average yet."),
    Refusal.NO_SALE: mark("Enter the sale first."),
    Refusal.NOTHING_MATCHES: mark("Nothing in this sale fits."),
    Refusal.LOCKED: mark("This pack is locked. Ask the owner to open it."),
    Refusal.NO_RATE: mark("This unit cannot pay for a sale."),
}

_DATED: Final = {
    Refusal.NOT_YET: (mark("This begins on %(day)s."), "from"),
    Refusal.OVER: (mark("This ended on %(day)s."), "until"),
    Refusal.PAUSED: (mark("This pack rests until %(day)s."), "last_day"),
}


def refusal_sentence(refused: Refused, terms: ProgrammeTerms) -> str:
    """Why not, as one sentence."""
    if refused.why in _PLAIN:
        return _(_PLAIN[refused.why])
    facts = refused.facts
    if refused.why in _DATED:
        message, name = _DATED[refused.why]
        return _(message, day=_day(facts[name], terms))
    if refused.why is Refusal.WRONG_TIER:
        return _("This is for %(tiers)s only.", tiers=_tiers(facts["tiers"], terms))
    if refused.why is Refusal.TOO_SMALL:
        least = format_money(facts["least_minor"], terms.currency, language=current_language())
        return _("The purchase must be at least %(amount)s.", amount=least)
    return _number_sentence(refused.why, facts, terms)


def _number_sentence(why: Refusal, facts: Mapping[str, Any], terms: ProgrammeTerms) -> str:
    def words(number: int) -> str:
        unit = unit_of(facts["unit"], "points", terms)
        return count_words(number, unit, terms.currency)

    match why:
        case Refusal.TOO_LITTLE:
            return _(
                "Pay with at least %(least)s, in steps of %(step)s.",
                least=words(facts["least"]),
                step=words(facts["step"]),
            )
        case Refusal.TOO_MUCH:
            return _("At most %(most)s can pay here.", most=words(facts["most"]))
        case Refusal.PENDING:
            return _(
                "%(needed)s are needed and %(available)s can be used today; the rest comes later.",
                needed=words(facts["needed"]),
                available=words(facts["available"]),
            )
    return _(
        "%(needed)s are needed; the card holds %(available)s.",
        needed=words(facts["needed"]),
        available=words(facts["available"]),
    )


def _day(moment: datetime | date, terms: ProgrammeTerms) -> str:
    if isinstance(moment, datetime):
        moment = moment.astimezone(ZoneInfo(terms.time_zone)).date()
    return str(format_date(moment, "long", locale=current_language().replace("-", "_")))


def _tiers(codes: tuple[str, ...], terms: ProgrammeTerms) -> str:
    levels = terms.tiers.levels if terms.tiers else ()
    return ", ".join(level.name for level in levels if level.code in codes) or ", ".join(codes)
