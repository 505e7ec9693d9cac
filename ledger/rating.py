"""The rules that rate: by amount, by visit, by item, and packs of classes.

Each writes on the sheet; multipliers are settled in weights.py, caps later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.activity import ActivityKind, Line
from ledger.evaluation import Part, PartKind, WhyNot
from ledger.occasion import Occasion
from ledger.programme_terms import (
    CashbackRule,
    ItemRule,
    PackRule,
    SpendRule,
    VisitRule,
)
from ledger.rate import rate_steps
from ledger.sheet import Sheet
from ledger.weights import (
    PLAIN,
    Factor,
    Weighed,
    beaten,
    factors,
    weigh_amount,
    weigh_pieces,
    weigh_visits,
)

BASIS_POINTS: Final = 10_000
RATING_RULES: Final = (SpendRule, CashbackRule, VisitRule, ItemRule)


@dataclass(slots=True, kw_only=True)
class Rater:
    """Rates rule by rule, and keeps the multipliers of each unit, worked out once."""

    occasion: Occasion
    sheet: Sheet
    factors: dict[str, tuple[Factor, ...]]
    winners: dict[str, frozenset[str]]

    def rate(self, rule: SpendRule | CashbackRule | VisitRule | ItemRule) -> None:
        """Write what the rule gives, or why it gives nothing."""
        why = self._obstacle(rule)
        if why is not None:
            self.sheet.skip(rule.code, why)
            return
        on = self._factors(rule.unit)
        match rule:
            case SpendRule() | CashbackRule():
                weighed = self._by_amount(rule, on)
            case VisitRule():
                weighed = self._by_visit(rule, on)
            case ItemRule():
                weighed = self._by_item(rule, on)
        self.winners[rule.unit] = self.winners.get(rule.unit, frozenset()) | weighed.winners

    def settle(self) -> None:
        """Note the multipliers that won nothing, and use up the promises that did."""
        for unit, on in self.factors.items():
            winners = self.winners.get(unit, frozenset())
            self.sheet.left_out.extend(beaten(on, winners))
            for name in winners:
                promise = next((f.promise for f in on if f.rule == name), None)
                if promise is not None:
                    self.sheet.consume(promise)

    def _obstacle(self, rule: SpendRule | CashbackRule | VisitRule | ItemRule) -> WhyNot | None:
        occasion = self.occasion
        if not occasion.is_on(rule.when):
            return WhyNot.NOT_NOW
        if isinstance(rule, ItemRule):
            found = rule.unit in occasion.activity.taps or bool(paid_lines(occasion, rule))
        elif occasion.counted.minor < rule.min_sale_minor:
            return WhyNot.BELOW_MINIMUM
        elif isinstance(rule, VisitRule):
            found = occasion.has_match(rule.when) and visits_of(occasion, rule.unit) > 0
        else:
            found = occasion.counted.minor > 0 and occasion.has_match(rule.when)
        return None if found else WhyNot.NO_MATCH

    def _factors(self, unit: str) -> tuple[Factor, ...]:
        if unit not in self.factors:
            on, off = factors(self.occasion, unit)
            self.factors[unit] = on
            self.sheet.left_out.extend(off)
        return self.factors[unit]

    def _by_amount(self, rule: SpendRule | CashbackRule, on: tuple[Factor, ...]) -> Weighed:
        occasion, sheet = self.occasion, self.sheet
        weighed = weigh_amount(
            occasion.counted.portions, occasion.counted.minor, match=rule.when.match, on=on
        )
        # Less than a minor unit of weight is dropped, once for the whole sale.
        amount = weighed.weight // PLAIN
        carry = sheet.carry.get(rule.unit, occasion.state.holding(rule.unit).carry)
        rounding = occasion.terms.unit(rule.unit).rounding
        if isinstance(rule, CashbackRule):
            size, step, units = amount * rule.basis_points, BASIS_POINTS, 1
        else:
            size, step, units = amount, rule.spend_minor, rule.units
        earned = rate_steps(size, step=step, units=units, carry=carry, rounding=rounding)
        sheet.carry[rule.unit] = earned.carry_minor
        kind = PartKind.CASHBACK if isinstance(rule, CashbackRule) else PartKind.SPEND
        self._give(rule, kind, earned.units, weighed=weighed)
        return weighed

    def _by_visit(self, rule: VisitRule, on: tuple[Factor, ...]) -> Weighed:
        weighed = weigh_visits(visits_of(self.occasion, rule.unit), self.occasion, on=on)
        self._give(rule, PartKind.VISIT, rule.units * weighed.weight // PLAIN, weighed=weighed)
        return weighed

    def _by_item(self, rule: ItemRule, on: tuple[Factor, ...]) -> Weighed:
        taps = self.occasion.activity.taps
        lines = () if rule.unit in taps else paid_lines(self.occasion, rule)
        weighed = weigh_pieces(lines, taps.get(rule.unit, 0), on=on)
        self._give(rule, PartKind.ITEM, rule.units * weighed.weight // PLAIN, weighed=weighed)
        return weighed

    def _give(
        self,
        rule: SpendRule | CashbackRule | VisitRule | ItemRule,
        kind: PartKind,
        units: int,
        *,
        weighed: Weighed,
    ) -> None:
        part = Part(
            rule=rule.code,
            kind=kind,
            units=units,
            counted=weighed.size,
            multiplied=weighed.multiplied,
        )
        self.sheet.give(rule.unit, part)


def rate_pack(rule: PackRule, occasion: Occasion, sheet: Sheet) -> None:
    """Credit the packs that were sold."""
    if not occasion.is_on(rule.when):
        sheet.skip(rule.code, WhyNot.NOT_NOW)
        return
    pieces = sum(line.quantity for line in paid_lines(occasion, rule))
    if pieces == 0:
        sheet.skip(rule.code, WhyNot.NO_MATCH)
        return
    part = Part(rule=rule.code, kind=PartKind.PACK, units=rule.units * pieces, counted=pieces)
    sheet.give(rule.unit, part)
    sheet.pack_days[rule.code] = rule.days


def is_purchase(occasion: Occasion) -> bool:
    """Whether something was bought: a visit, an amount that counts, or stamps staff gave."""
    activity = occasion.activity
    return (
        activity.kind is ActivityKind.VISIT
        or occasion.counted.minor > 0
        or bool(activity.visits)
        or any(activity.taps.values())
    )


def visits_of(occasion: Occasion, unit: str) -> int:
    """How many visits count for a unit: as staff said, or one for a purchase."""
    activity = occasion.activity
    if unit in activity.taps:
        return activity.taps[unit]
    if activity.visits is not None:
        return activity.visits
    return 1 if is_purchase(occasion) else 0


def paid_lines(occasion: Occasion, rule: ItemRule | PackRule) -> tuple[Line, ...]:
    """The matching lines that cost something; where no amount is known, all of them.

    What a reward or a coupon paid in full stands in the sale with nothing to pay: it earns nothing.
    """
    priced = occasion.activity.gross_minor > 0
    return tuple(line for line in occasion.matching(rule.when) if line.net_minor > 0 or not priced)
