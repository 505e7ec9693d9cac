"""Reasons: why an operation moved what it moved, as a document and as sentences.

A document is written once with the operation and read for years, so it holds numbers and names
of rules and no sentence: `rule`, `terms_version`, `unit`, `units`, what was counted, what was
left out, which cap was hit, and the carry afterwards. The sentences are made when read, in the
reader's language. No text that a person typed is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from common.i18n import gettext as _
from common.i18n import ngettext
from ledger import given_reasons, movement_reasons, programme_reasons
from ledger.accounts import Account, OperationKind
from ledger.amount_words import amount_words
from ledger.amount_words import carried as carried  # noqa: PLC0414 - known from here too
from ledger.any_terms import AnyTerms
from ledger.programme_terms import ProgrammeTerms
from ledger.rate import Earned
from ledger.terms import PointsTerms, StampTerms, Terms
from ledger.unit_words import count_words

MINUS: Final = "\N{MINUS SIGN}"


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
    terms: AnyTerms,
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


def _carry(terms: AnyTerms, carry_minor: int) -> dict[str, Any]:
    if not isinstance(terms, PointsTerms):
        return {"carry_minor": carry_minor}
    return {
        "carry_minor": carry_minor,
        "currency": terms.currency,
        "points": terms.points,
    }


def headline(reason: Mapping[str, Any], *, terms: ProgrammeTerms | None = None) -> str:
    """The change in a few words: `+12 points`; `terms` lend their units' names."""
    if reason["rule"] == programme_reasons.RULE:
        return programme_reasons.headline(reason, terms)
    if reason["rule"] in movement_reasons.RULES:
        return movement_reasons.headline(reason, terms)
    if reason["rule"] in given_reasons.RULES:
        return given_reasons.headline(reason, terms)
    return _named(reason, terms) or _units(reason["units"], reason["unit"])


def _named(reason: Mapping[str, Any], terms: ProgrammeTerms | None) -> str:
    """The change by the names of many units; empty where the terms do not know the unit."""
    units = reason["units"]
    for unit in terms.units if terms is not None else ():
        if terms is not None and unit.code == reason["unit"]:
            sign = MINUS if units < 0 else "+"
            return sign + count_words(abs(units), unit, terms.currency)
    return ""


def sentences(
    reason: Mapping[str, Any], *, reward_name: str = "", terms: ProgrammeTerms | None = None
) -> tuple[str, ...]:
    """The reason in the current language, headline first: `+12 points`, then what explains it.

    `terms` lend the names of units and tiers to the reasons of format 2; they may be newer.
    """
    if reason["rule"] == programme_reasons.RULE:
        return programme_reasons.sentences(reason, terms)
    if reason["rule"] in movement_reasons.RULES:
        return movement_reasons.sentences(reason, terms, reward_name=reward_name)
    if reason["rule"] in given_reasons.RULES:
        return given_reasons.sentences(reason, terms)
    parts = [headline(reason, terms=terms)]
    match reason["rule"]:
        case "visit":
            parts.append(_towards_goal(reason))
        case "reward":
            parts.append(reward_name)
        case "merge" | "reverse":
            parts.append(_why_moved(reason))
    if reason.get("left_out_minor"):
        left_out = amount_words(reason["left_out_minor"], reason["currency"])
        parts.append(_("%(amount)s did not count", amount=left_out))
    if reason.get("cap"):
        parts.append(_("More was not possible: a limit was reached"))
    parts.append(_carried_of(reason))
    return tuple(part for part in parts if part)


def _why_moved(reason: Mapping[str, Any]) -> str:
    if reason["rule"] == "merge":
        return _("Two cards became one")
    if reason["of"] == "redeem":
        return _("A redemption was undone")
    return _("An earlier entry was undone")


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
