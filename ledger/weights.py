"""Multipliers: which one holds for which part of a sale, and what that makes of it.

Multipliers never multiply each other. For every line the highest that is meant for it counts; on a
tie the tier's comes first, then rules in their order, then promises, earliest end first. What the
winner beats is named in the reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.activity import Line, matches
from ledger.counting import Portion
from ledger.evaluation import LeftOut, Multiplied, WhyNot
from ledger.member_state import Promise
from ledger.occasion import Occasion
from ledger.programme_terms import GrantKind, Match, MultiplierRule
from ledger.tiers import level_of

PLAIN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A multiplier that is on: `rule` names it; `promise` is the one it would use up."""

    rule: str
    percent: int
    match: Match
    promise: Promise | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """`weight` is the sum of size times percent; `size` that of what counted at all."""

    weight: int
    size: int
    multiplied: tuple[Multiplied, ...]
    winners: frozenset[str]


def factors(occasion: Occasion, unit: str) -> tuple[tuple[Factor, ...], tuple[LeftOut, ...]]:
    """The multipliers of a unit that are on, best first, and the ones that are not."""
    found: list[Factor] = []
    off: list[LeftOut] = []
    tiers, state = occasion.terms.tiers, occasion.state
    level = level_of(tiers, state.tier) if tiers else None
    if level is not None and level.percent > PLAIN:
        found.append(Factor(rule=f"tier:{level.code}", percent=level.percent, match=Match()))
    for rule in occasion.terms.rules:
        if not isinstance(rule, MultiplierRule) or rule.unit != unit:
            continue
        if not occasion.is_on(rule.when):
            off.append(LeftOut(rule=rule.code, why=WhyNot.NOT_NOW))
        elif not occasion.has_match(rule.when):
            off.append(LeftOut(rule=rule.code, why=WhyNot.NO_MATCH))
        else:
            found.append(Factor(rule=rule.code, percent=rule.percent, match=rule.when.match))
    found.extend(
        Factor(rule=f"promise:{p.rule}", percent=p.amount, match=Match(), promise=p)
        for p in usable_promises(occasion, GrantKind.MULTIPLY_NEXT)
        if p.unit == unit
    )
    return tuple(sorted(found, key=lambda factor: -factor.percent)), tuple(off)


def usable_promises(occasion: Occasion, kind: GrantKind) -> tuple[Promise, ...]:
    """The open promises of a kind that this sale may use, earliest end first."""
    fits = [
        promise
        for promise in occasion.state.promises
        if promise.kind is kind
        and promise.min_sale_minor <= occasion.counted.minor
        and promise.granted_at <= occasion.now
        and (promise.expires_at is None or occasion.now < promise.expires_at)
    ]
    return tuple(
        sorted(
            fits,
            key=lambda p: (p.expires_at is None, p.expires_at or p.granted_at, p.granted_at, p.id),
        )
    )


def weigh_amount(
    portions: Sequence[Portion], counted_minor: int, *, match: Match, on: Sequence[Factor]
) -> Weighed:
    """Rate the portions of an amount; what lines have beyond it is taken from the least worth."""
    sized = []
    for portion in portions:
        meant = match.everything or (portion.line is not None and matches(portion.line, match))
        factor = _best(on, portion.line) if meant else None
        percent = (factor.percent if factor else PLAIN) if meant else 0
        sized.append((percent, portion.amount_minor, factor))
    shortage = max(0, sum(size for _percent, size, _factor in sized) - counted_minor)
    rated = []
    for percent, size, factor in sorted(sized, key=lambda item: item[0]):
        cut = min(shortage, size)
        shortage -= cut
        rated.append((percent, size - cut, factor))
    return _weighed(rated)


def weigh_pieces(lines: Iterable[Line], loose: int, *, on: Sequence[Factor]) -> Weighed:
    """Rate pieces of lines, and `loose` ones that no line explains."""
    rated = []
    for line, size in [*((line, line.quantity) for line in lines), (None, loose)]:
        factor = _best(on, line)
        rated.append((factor.percent if factor else PLAIN, size, factor))
    return _weighed(rated)


def weigh_visits(visits: int, occasion: Occasion, *, on: Sequence[Factor]) -> Weighed:
    """Rate visits: a multiplier for certain lines holds when the sale has one of them."""
    lines = occasion.counted.lines
    factor = next(
        (f for f in on if f.match.everything or any(matches(line, f.match) for line in lines)),
        None,
    )
    return _weighed([(factor.percent if factor else PLAIN, visits, factor)])


def _best(on: Sequence[Factor], line: Line | None) -> Factor | None:
    for factor in on:
        if factor.match.everything or (line is not None and matches(line, factor.match)):
            return factor
    return None


def _weighed(rated: Sequence[tuple[int, int, Factor | None]]) -> Weighed:
    sizes: defaultdict[tuple[str, int], int] = defaultdict(int)
    for percent, size, factor in rated:
        if factor is not None and size and percent:
            sizes[factor.rule, percent] += size
    return Weighed(
        weight=sum(percent * size for percent, size, _factor in rated),
        size=sum(size for percent, size, _factor in rated if percent),
        multiplied=tuple(
            Multiplied(rule=rule, percent=percent, size=size)
            for (rule, percent), size in sorted(sizes.items(), key=lambda item: -item[0][1])
        ),
        winners=frozenset(rule for rule, _percent in sizes),
    )


def beaten(on: Sequence[Factor], winners: frozenset[str]) -> tuple[LeftOut, ...]:
    """The multipliers that were on and won nothing, with the best one as what beat them."""
    best = next((factor.rule for factor in on if factor.rule in winners), "")
    return tuple(
        LeftOut(rule=factor.rule, why=WhyNot.BEATEN, by=best)
        for factor in on
        if factor.rule not in winners
    )
