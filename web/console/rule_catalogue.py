"""Every kind of entry the terms can have, as the console offers it: title, example and form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.i18n import gettext as _
from web.console.programme_forms import (
    limit_fields,
    limit_kinds,
    payment_fields,
    promise_fields,
    unit_fields,
    unit_kinds,
)
from web.console.rule_entries import Section, entries
from web.console.rule_forms import rule_fields, rule_kinds
from web.console.rule_parts import Facts
from web.console.term_fields import TermField, is_asked
from web.console.tier_form import tier_fields
from web.forms import Form

PAYMENT: Final = "payment"
# A card has one of each of these at most: one more would mean the same.
ONCE: Final = frozenset({"points", "cashback"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCard:
    """A kind on the page that asks what to add."""

    section: Section
    kind: str
    title: str
    example: str


def kinds(section: Section) -> dict[str, tuple[str, str]]:
    """The kinds of a section: title and example by their name in the document."""
    match section:
        case Section.UNITS:
            return unit_kinds()
        case Section.RULES:
            return rule_kinds()
        case Section.LIMITS:
            return limit_kinds()
        case Section.TIERS:
            return {"tiers": (_("Tiers"), _("Silver gets 5 % off, Gold 10 %."))}
        case Section.PAYMENTS:
            return {PAYMENT: (_("Pay with points"), _("10 points pay €1 of a purchase."))}
        case Section.PROMISES:
            text = _("What counts of a sale, what a refund does, how long before a change is told.")
            return {"promises": (_("What counts, refunds and notice"), text)}


def kind_title(section: Section, kind: str) -> tuple[str, str]:
    """Title and example of a kind; empty for one that is no more."""
    return kinds(section).get(kind, ("", ""))


def kind_fields(section: Section, kind: str, facts: Facts) -> tuple[TermField, ...]:
    """The form of a kind.

    Raises:
        KeyError: the section has no such kind.
    """
    if kind not in kinds(section):
        raise KeyError(kind)
    match section:
        case Section.UNITS:
            return unit_fields(kind, facts)
        case Section.RULES:
            return rule_fields(kind, facts)
        case Section.LIMITS:
            return limit_fields(kind, facts)
        case Section.TIERS:
            return tier_fields(facts)
        case Section.PAYMENTS:
            return payment_fields(facts)
        case Section.PROMISES:
            return promise_fields(facts)


def section_title(section: Section) -> str:
    """What a section is called on the pages."""
    return {
        Section.UNITS: _("What the card counts"),
        Section.RULES: _("How people collect"),
        Section.TIERS: _("Tiers"),
        Section.PAYMENTS: _("Paying with points"),
        Section.LIMITS: _("Limits"),
        Section.PROMISES: _("What counts, refunds and notice"),
    }[section]


def kind_cards(document: Mapping[str, Any]) -> list[tuple[str, list[KindCard]]]:
    """What can be added to this document, by section."""
    found = []
    for section in (Section.RULES, Section.TIERS, Section.PAYMENTS, Section.UNITS, Section.LIMITS):
        there = {one.kind for one in entries(document, section)}
        cards = [
            KindCard(section=section, kind=kind, title=title, example=example)
            for kind, (title, example) in kinds(section).items()
            if not (kind in there and (kind in ONCE or section is Section.TIERS))
        ]
        if cards:
            found.append((section_title(section), cards))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Fields that stand together; without a title they stand alone, folded ones open on demand."""

    name: str
    title: str
    folded: bool
    open: bool
    fields: tuple[TermField, ...]


def field_groups(fields: Sequence[TermField], form: Form) -> list[Group]:
    """The fields by their groups, in order; one that says something of its own stands open."""
    names = dict.fromkeys(one.group for one in fields)
    return [_group(name, [one for one in fields if one.group == name], form) for name in names]


def _group(name: str, fields: Sequence[TermField], form: Form) -> Group:
    stem, step = name.rstrip("0123456789"), name[-1:]
    numbered = {"level": _("Step %(number)d"), "tier": _("Tier %(number)d")}
    titles = {
        "when": _("Only at certain times, or for certain things"),
        "more": _("More"),
        "counts": _("What of a sale counts"),
        "refunds": _("When something is returned"),
        "notice": _("What members are told"),
    }
    title = numbered.get(stem, titles.get(name, ""))
    return Group(
        name=name,
        title=title % {"number": int(step) + 1} if stem in numbered else title,
        folded=stem in {"when", "more", "level"} or (stem == "tier" and int(step) > 1),
        open=any(_tells(one, form) for one in fields),
        fields=tuple(fields),
    )


def _tells(one: TermField, form: Form) -> bool:
    said = form.value(one.name)
    asked = is_asked(
        one, {one.shown_when[0]: form.value(one.shown_when[0])} if one.shown_when else {}
    )
    return bool(form.error(one.name)) or (asked and said not in {"", one.first, one.default})
