"""What a form of the rules can choose from, and what an entry says in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from common.errors import InvalidInput
from common.i18n import gettext as _
from ledger.explain import explain, explain_rule
from ledger.programme_terms import Counts, Expiry, ProgrammeTerms
from ledger.terms_document import read_terms
from loyalty.context import Loyalty
from loyalty.items import list_items
from web.console.rule_entries import default_units
from web.console.rule_parts import Facts, unit_kinds_of
from web.console.term_fields import Path

# Rules that may begin a unit; every other rule speaks of what the card counts already.
BRINGS_UNIT: Final = frozenset({"spend", "cashback", "visit", "item", "pack"})


def facts_of(
    ctx: Loyalty, merchant_id: int, document: Mapping[str, Any], *, currency: str, kind: str
) -> Facts:
    """The units, tiers, items and categories to choose from in the form of a kind."""
    units: dict[str, tuple[tuple[str, str], ...]] = {}
    for unit in document.get("units", ()):
        pair = (unit["code"], _unit_name(unit))
        units[unit["kind"]] = (*units.get(unit["kind"], ()), pair)
    for fresh in unit_kinds_of(kind) if kind in BRINGS_UNIT else ():
        if fresh not in units:
            made = default_units(currency)[fresh]
            units[fresh] = ((made["code"], _("%(unit)s (new on the card)", unit=_unit_name(made))),)
    items = list_items(ctx, merchant_id)
    levels = (document.get("tiers") or {}).get("levels", ())
    return Facts(
        currency=currency,
        units=units,
        tiers=tuple((level["code"], level["name"]) for level in levels),
        items=tuple((one.code, one.name) for one in items),
        categories=tuple((name, name) for name in sorted({i.category for i in items} - {""})),
    )


def said_by(
    document: Mapping[str, Any], path: Path, *, time_zone: str, names: Mapping[str, str]
) -> tuple[str, ...]:
    """What the entry at `path` says; nothing while the document cannot be read.

    `names` are what items and categories are called.
    """
    try:
        terms = read_terms(document, version=0, time_zone=time_zone)
    except InvalidInput:
        return ()
    section = path[0] if path else ""
    number = int(path[1]) if len(path) > 1 else 0
    if section == "rules":
        return (explain_rule(terms.rules[number], terms, names),)
    less = set(explain(_without(terms, str(section), number), names))
    return tuple(sentence for sentence in explain(terms, names) if sentence not in less)


def names_of(ctx: Loyalty, merchant_id: int) -> dict[str, str]:
    """What the shop calls the items that rules name by their codes."""
    return {one.code: one.name for one in list_items(ctx, merchant_id, archived=True)}


def _without(terms: ProgrammeTerms, section: str, number: int) -> ProgrammeTerms:
    """The terms as if the entry said nothing: what is left out of the words is what it says."""
    match section:
        case "units":
            plain = replace(
                terms.units[number], expiry=Expiry(), pending_days=0, goal=None, pause_days=0
            )
            return replace(terms, units=_swapped(terms.units, number, plain))
        case "tiers":
            return replace(terms, tiers=None)
        case "limits":
            return replace(terms, limits=_dropped(terms.limits, number))
        case "payments":
            return replace(terms, payments=_dropped(terms.payments, number))
        case _:
            return replace(
                terms,
                counts=Counts(tip=not terms.counts.tip, tax=not terms.counts.tax),
                warn_days=(),
                notice_days=0,
            )


def _swapped(listed: tuple[Any, ...], number: int, made: Any) -> tuple[Any, ...]:
    return (*listed[:number], made, *listed[number + 1 :])


def _dropped(listed: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    return (*listed[:number], *listed[number + 1 :])


def _unit_name(unit: Mapping[str, Any]) -> str:
    if unit.get("name_many"):
        return str(unit["name_many"])
    return {
        "points": _("points"),
        "stamps": _("stamps"),
        "visits": _("visits"),
        "classes": _("classes"),
        "cashback": _("credit"),
    }.get(str(unit.get("kind")), str(unit.get("code")))
