"""What the till asks for at a scan: only what the rules of the card look at.

A card with one stamp a visit stays one tap; an amount is asked where money decides, items where a
rule speaks of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from common.i18n import gettext as _
from ledger.programme_terms import (
    BonusRule,
    CashbackRule,
    ChallengeRule,
    ItemRule,
    Match,
    MultiplierRule,
    PackRule,
    ProgrammeTerms,
    SpendRule,
    TierBasis,
    VisitRule,
)
from ledger.unit_words import count_words
from loyalty.context import Loyalty
from loyalty.items import list_items

CHIPS_MAX: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """A button that gives a unit: `text` as `+ 1 coffee stamp`; `unit` empty for a visit."""

    unit: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """An item that can be put on the sale."""

    code: str
    name: str
    price_minor: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """`amount` tells that money decides; `taps` are given by the piece, `chips` name items."""

    amount: bool
    taps: tuple[Tap, ...]
    visit: Tap | None
    chips: tuple[Chip, ...]


def what_to_ask(ctx: Loyalty, merchant_id: int, terms: ProgrammeTerms) -> Asking:
    """What staff are asked for a card of these terms."""
    taps = {rule.unit: rule for rule in terms.rules if isinstance(rule, ItemRule)}
    visits = [rule for rule in terms.rules if isinstance(rule, VisitRule)]
    matches = [match for match in map(_match, terms.rules) if match is not None]
    items = list_items(ctx, merchant_id) if matches else []
    return Asking(
        amount=_money_decides(terms),
        taps=tuple(
            Tap(unit=unit, text="+ " + count_words(rule.units, terms.unit(unit), terms.currency))
            for unit, rule in taps.items()
        ),
        visit=_visit(visits[0], terms) if visits else None,
        chips=tuple(
            Chip(code=item.code, name=item.name, price_minor=item.price_minor)
            for item in items
            if any(_means(match, item) for match in matches)
        )[:CHIPS_MAX],
    )


def _visit(rule: VisitRule, terms: ProgrammeTerms) -> Tap:
    words = count_words(rule.units, terms.unit(rule.unit), terms.currency)
    return Tap(unit="", text="+ " + words if words else _("A visit"))


def _money_decides(terms: ProgrammeTerms) -> bool:
    if terms.payments or any(isinstance(one, SpendRule | CashbackRule) for one in terms.rules):
        return True
    if terms.tiers is not None and terms.tiers.basis is TierBasis.SPEND:
        return True
    return any(
        isinstance(one, BonusRule) or getattr(one, "min_sale_minor", 0) > 0 for one in terms.rules
    )


def _match(rule: Any) -> Match | None:
    if not isinstance(rule, PackRule | MultiplierRule | BonusRule | ChallengeRule):
        return None
    return None if rule.when.match.everything else rule.when.match


def _means(match: Match, item: Any) -> bool:
    return (
        item.code in match.items
        or item.category in match.categories
        or (match.own_brand and item.own_brand)
    )
