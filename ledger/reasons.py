"""Reasons: why an operation moved what it moved, as a document and as sentences.

A document is written once with the operation and read for years, so it holds numbers and names
of rules and no sentence: `rule`, `terms_version`, `unit`, `units`, what was counted, what was
left out, which cap was hit, and the carry afterwards. The sentences are made when read, in the
reader's language. No text that a person typed is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from common.i18n import current_language, mark, ngettext
from common.i18n import gettext as _
from common.money import decimals, format_money
from ledger.accounts import Account, OperationKind
from ledger.rate import Earned
from ledger.terms import PointsTerms, StampTerms, Terms

MINUS: Final = "\N{MINUS SIGN}"

# What people call a hundredth of the currency; the others are written as money.
_MINOR_WORDS: Final = {
    **dict.fromkeys(
        ("AUD", "BND", "CAD", "EUR", "FJD", "HKD", "JMD", "NAD", "NZD", "SGD", "TTD", "USD", "ZAR"),
        (mark("%(number)d cent"), mark("%(number)d cents")),
    ),
    "GBP": (mark("%(number)d penny"), mark("%(number)d pence")),
    "CHF": (mark("%(number)d centime"), mark("%(number)d centimes")),
    "PLN": (mark("%(number)d grosz"), mark("%(number)d groszy")),
    **dict.fromkeys(
        ("ARS", "BRL", "CLP", "COP", "MXN"),
        (mark("%(number)d centavo"), mark("%(number)d centavos")),
    ),
}


def spend_reason(terms: PointsTerms, earned: Earned, *, counted_minor: int) -> dict[str, Any]:
    """The reason of points by amount."""
    return {
        "rule": "spend",
        "terms_version": terms.version,
        "unit": "points",
        "units": earned.units,
        "currency": terms.currency,
        "spend_minor": terms.spend_minor,
        "points": terms.points,
        "counted_minor": counted_minor,
        "left_out_minor": 0,
        "cap": None,
        "carry_minor": earned.carry_minor,
    }


def visit_reason(terms: StampTerms, *, visits: int, balance: int) -> dict[str, Any]:
    """The reason of stamps by tap; `balance` is the one afterwards."""
    return {
        "rule": "visit",
        "terms_version": terms.version,
        "unit": "stamps",
        "units": visits,
        "counted_visits": visits,
        "goal": terms.goal,
        "balance": balance,
        "cap": None,
        "carry_minor": 0,
    }


def redeem_reason(account: Account, terms: Terms, *, cost: int) -> dict[str, Any]:
    """The reason of a redemption; the reward itself is named by the operation."""
    return {
        "rule": "reward",
        "terms_version": terms.version,
        "unit": account.unit,
        "units": -cost,
        **_carry(terms, account.carry),
    }


def reverse_reason(
    account: Account,
    terms: Terms,
    *,
    past_kind: OperationKind,
    terms_version: int,
    units: int,
    carry_minor: int,
) -> dict[str, Any]:
    """The reason of a reversal.

    `units` and `carry_minor` (afterwards) are its own; `terms_version` is that of what it undoes,
    while `terms` are today's and say what the carry counts towards.
    """
    return {
        "rule": "reverse",
        "of": str(past_kind),
        "terms_version": terms_version,
        "unit": account.unit,
        "units": units,
        **_carry(terms, carry_minor),
    }


def _carry(terms: Terms, carry_minor: int) -> dict[str, Any]:
    if isinstance(terms, StampTerms):
        return {"carry_minor": carry_minor}
    return {
        "carry_minor": carry_minor,
        "currency": terms.currency,
        "points": terms.points,
    }


def headline(reason: Mapping[str, Any]) -> str:
    """The change in a few words: `+12 points`."""
    return _units(reason["units"], reason["unit"])


def sentences(reason: Mapping[str, Any], *, reward_name: str = "") -> tuple[str, ...]:
    """The reason in the current language, headline first: `+12 points`, then what explains it."""
    parts = [headline(reason)]
    match reason["rule"]:
        case "visit":
            parts.append(_towards_goal(reason))
        case "reward":
            parts.append(reward_name)
        case "reverse" if reason["of"] == "redeem":
            parts.append(_("A redemption was undone"))
        case "reverse":
            parts.append(_("An earlier entry was undone"))
    if reason.get("left_out_minor"):
        left_out = amount_words(reason["left_out_minor"], reason["currency"])
        parts.append(_("%(amount)s did not count", amount=left_out))
    if reason.get("cap"):
        parts.append(_("More was not possible: a limit was reached"))
    parts.append(_carried_of(reason))
    return tuple(part for part in parts if part)


def carried(carry_minor: int, currency: str, points: int = 1) -> str:
    """What is carried, as a sentence in the current language; empty for nothing.

    `points` is how many come at once ("your next 5 points").
    """
    if carry_minor == 0:
        return ""
    size = abs(carry_minor)
    amount = amount_words(size, currency)
    number = size if has_minor_word(size, currency) else 1
    if carry_minor < 0:
        return ngettext(
            "The next %(amount)s does not count: it makes up for a sale that was undone",
            "The next %(amount)s do not count: they make up for a sale that was undone",
            number,
            amount=amount,
        )
    if points == 1:
        return ngettext(
            "%(amount)s counts towards your next point",
            "%(amount)s count towards your next point",
            number,
            amount=amount,
        )
    return ngettext(
        "%(amount)s counts towards your next %(points)d points",
        "%(amount)s count towards your next %(points)d points",
        number,
        amount=amount,
        points=points,
    )


def amount_words(minor: int, currency: str) -> str:
    """`40 cents`, `1 penny`, or `€5.40` where a word would be odd or is not known."""
    if not has_minor_word(minor, currency):
        return format_money(minor, currency, language=current_language())
    one, many = _MINOR_WORDS[currency]
    return ngettext(one, many, minor)


def has_minor_word(minor: int, currency: str) -> bool:
    """Whether people say this amount in words of the minor unit."""
    return currency in _MINOR_WORDS and 0 < minor < 10 ** decimals(currency)


def _carried_of(reason: Mapping[str, Any]) -> str:
    # A redemption leaves the carry as it was; saying it again would only distract.
    if "currency" not in reason or reason["rule"] == "reward":
        return ""
    return carried(reason["carry_minor"], reason["currency"], reason["points"])


def _towards_goal(reason: Mapping[str, Any]) -> str:
    missing = reason["goal"] - reason["balance"]
    if missing <= 0:
        return _("The next is free")
    return ngettext(
        "%(number)d more until the next is free",
        "%(number)d more until the next is free",
        missing,
    )


def units_words(units: int, unit: str) -> str:
    """`10 points`, `1 stamp`: a count without a sign."""
    if unit == "points":
        return ngettext("%(number)d point", "%(number)d points", units)
    return ngettext("%(number)d stamp", "%(number)d stamps", units)


def _units(units: int, unit: str) -> str:
    sign = MINUS if units < 0 else "+"
    if unit == "points":
        return ngettext(
            "%(sign)s%(number)d point", "%(sign)s%(number)d points", abs(units), sign=sign
        )
    return ngettext("%(sign)s%(number)d stamp", "%(sign)s%(number)d stamps", abs(units), sign=sign)
