"""Whether a change of one thing is worse for members; in doubt it is.

Not done here: what changed and its words (terms_diff.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.programme_terms import (
    BonusRule,
    CashbackRule,
    ChallengeRule,
    Expiry,
    ExpiryKind,
    Floor,
    Grant,
    ItemRule,
    LimitKind,
    LimitRule,
    Match,
    MultiplierRule,
    PackRule,
    PaymentRule,
    Rounding,
    Rule,
    SetRule,
    SpendRule,
    TierLevel,
    TierTerms,
    TierWindow,
    UnitTerms,
    VisitRule,
    WelcomeRule,
    When,
)

WHOLE_DAY: Final = 1440
_ROUNDING: Final = (Rounding.DOWN, Rounding.NEAREST, Rounding.CARRY, Rounding.UP)


def unit(old: UnitTerms, new: UnitTerms) -> bool:
    """A unit that ends sooner, waits longer, rounds lower, needs more for a row, rests less."""
    return (
        old.kind is not new.kind
        or _ends_sooner(old.expiry, new.expiry)
        or new.pending_days > old.pending_days
        or _ROUNDING.index(new.rounding) < _ROUNDING.index(old.rounding)
        or (new.goal or 0) > (old.goal or 0)
        or new.pause_days < old.pause_days
    )


def _ends_sooner(old: Expiry, new: Expiry) -> bool:
    if old == new or new.kind is ExpiryKind.NEVER:
        return False
    if old.kind is not new.kind:
        return True
    return new.days < old.days or new.months < old.months


def rule(old: Rule, new: Rule, *, rounding: Mapping[str, Rounding]) -> bool:
    """A rule that gives less, more rarely, to fewer, or another kind of rule altogether."""
    if type(old) is not type(new):
        return True
    if not isinstance(new, SetRule | WelcomeRule) and not isinstance(old, SetRule | WelcomeRule):
        if narrower(old.when, new.when):
            return True
        if getattr(new, "min_sale_minor", 0) > getattr(old, "min_sale_minor", 0):
            return True
    if getattr(old, "unit", "") != getattr(new, "unit", ""):
        return True
    return _gives_less(old, new, rounding=rounding)


def _gives_less(old: Rule, new: Rule, *, rounding: Mapping[str, Rounding]) -> bool:
    match old, new:
        case SpendRule(), SpendRule():
            return _rate_is_lower(old, new, rounding=rounding)
        case CashbackRule(), CashbackRule():
            return new.basis_points < old.basis_points
        case VisitRule() | ItemRule(), VisitRule() | ItemRule():
            return new.units < old.units
        case PackRule(), PackRule():
            return new.units < old.units or _shorter(old.days, new.days)
        case MultiplierRule(), MultiplierRule():
            return new.percent < old.percent
    return _bonus_gives_less(old, new)


def _bonus_gives_less(old: Rule, new: Rule) -> bool:
    match old, new:
        case BonusRule(), BonusRule():
            return (
                grant(old.grant, new.grant)
                or higher(old.floor, new.floor)
                or (new.once and not old.once)
            )
        case ChallengeRule(), ChallengeRule():
            return _challenge(old, new)
        case SetRule(), SetRule():
            needs = {part.unit: part.need for part in old.parts}
            more = any(part.need > needs.get(part.unit, 0) for part in new.parts)
            return more or grant(old.grant, new.grant)
        case WelcomeRule(), WelcomeRule():
            return grant(old.grant, new.grant)
    return True


def _rate_is_lower(old: SpendRule, new: SpendRule, *, rounding: Mapping[str, Rounding]) -> bool:
    was, now = old.units * new.spend_minor, new.units * old.spend_minor
    carries = rounding.get(new.unit, Rounding.DOWN) is Rounding.CARRY
    larger_step = new.spend_minor > old.spend_minor and not carries
    return now < was or larger_step


def _challenge(old: ChallengeRule, new: ChallengeRule) -> bool:
    if (old.action, old.span, old.days, old.streak) != (new.action, new.span, new.days, new.streak):
        return True
    if (old.repeat and not new.repeat) or len(new.levels) < len(old.levels):
        return True
    return any(
        after.goal > before.goal or grant(before.grant, after.grant)
        for before, after in zip(old.levels, new.levels, strict=False)
    )


def grant(old: Grant, new: Grant) -> bool:
    """A grant of another kind or unit, of less, for a shorter time, or from a higher floor."""
    return (
        (old.kind, old.unit) != (new.kind, new.unit)
        or new.amount < old.amount
        or _shorter(old.days, new.days)
        or higher(old.floor, new.floor)
    )


def higher(old: Floor, new: Floor) -> bool:
    """A floor that more sales miss; one by another average may be."""
    if new == old:
        return False
    if new.average is not None and new.average is not old.average:
        return True
    by_average = new.average is not None and new.percent > old.percent
    return new.minor > old.minor or by_average


def _shorter(old: int, new: int) -> bool:
    # Zero days is for ever.
    return bool(new) and (old == 0 or new < old)


def narrower(old: When, new: When) -> bool:
    """Whether something the old times, lines and members had is out now."""
    days = set(range(1, 8))
    starts_later = new.first_day is not None and (
        old.first_day is None or new.first_day > old.first_day
    )
    ends_sooner = new.last_day is not None and (old.last_day is None or new.last_day < old.last_day)
    return (
        not set(old.weekdays or days) <= set(new.weekdays or days)
        or not _minutes(old) <= _minutes(new)
        or starts_later
        or ends_sooner
        or (new.first_purchase and not old.first_purchase)
        or (bool(new.tiers) and not (old.tiers and set(old.tiers) <= set(new.tiers)))
        or not covers(new.match, old.match)
    )


def _minutes(when: When) -> set[int]:
    start, end = when.from_minute, when.until_minute
    if start < end:
        return set(range(start, end))
    return {*range(start, WHOLE_DAY), *range(end)}


def covers(wide: Match, small: Match) -> bool:
    """Whether every line of the small match is surely in the wide one."""
    if wide.everything:
        return True
    if small.everything:
        return False
    return (
        set(small.items) <= set(wide.items)
        and set(small.categories) <= set(wide.categories)
        and (wide.own_brand or not small.own_brand)
    )


def excluded(old: Match, new: Match) -> bool:
    """Whether more is excluded than before; empty excludes nothing."""
    if new.everything:
        return False
    return old.everything or not covers(old, new)


def tier_level(old: TierLevel, new: TierLevel) -> bool:
    """A tier that is harder to reach or gives less."""
    return (
        new.threshold > old.threshold
        or new.benefit_percent < old.benefit_percent
        or new.percent < old.percent
    )


def tier_window(old: TierTerms, new: TierTerms) -> bool:
    """A window that lets less add up; another basis or another kind of window may."""
    if (old.basis, old.unit) != (new.basis, new.unit):
        return True
    if new.window is TierWindow.EVER:
        return False
    return old.window is not new.window or new.days < old.days


def limit(old: LimitRule, new: LimitRule) -> bool:
    """A limit that lets less through; minutes are a wait."""
    if new.kind is LimitKind.MINUTES_BETWEEN:
        return new.most > old.most
    return new.most < old.most


def payment(old: PaymentRule, new: PaymentRule) -> bool:
    """Units that are worth less, or can pay less often."""
    return (
        new.minor * old.units < old.minor * new.units
        or max(new.units, new.min_units) > max(old.units, old.min_units)
        or new.max_percent < old.max_percent
    )
