"""The terms in plain language, for join page, pass, till and form: what they say, no more.

One sentence for each rule and each promise, in the current language, rules first. Names of units
and tiers are the merchant's own words.
"""

from __future__ import annotations

from collections.abc import Iterator

from common.i18n import gettext as _
from common.i18n import ngettext
from ledger.explain_rules import Names, explain_rule, money
from ledger.gifts import explain_gift, is_gift
from ledger.programme_terms import (
    Counts,
    DebtPolicy,
    Expiry,
    ExpiryKind,
    LimitKind,
    LimitRule,
    PaymentRule,
    ProgrammeTerms,
    Rounding,
    SpendRule,
    SpentReward,
    TierBasis,
    TierLevel,
    TierTerms,
    TierWindow,
    UnitTerms,
)
from ledger.unit_words import count_words, percent_words, unit_name

__all__ = [
    "explain",
    "explain_expiry",
    "explain_limit",
    "explain_payment",
    "explain_rule",
    "explain_tier",
    "explain_tiers",
    "explain_unit",
]


def explain(terms: ProgrammeTerms, names: Names | None = None) -> tuple[str, ...]:
    """All the rules; `names` are what items and categories are called."""
    if is_gift(terms):
        return explain_gift(terms)
    return tuple(
        text
        for text in (
            *(explain_rule(rule, terms, names) for rule in terms.rules),
            *_carries(terms),
            *_rows(terms),
            *_counts(terms.counts, names or {}),
            *explain_tiers(terms),
            *(explain_payment(rule, terms) for rule in terms.payments),
            *(explain_expiry(unit) for unit in terms.units),
            *(_pending(unit) for unit in terms.units if unit.pending_days),
            *(explain_limit(limit, terms) for limit in terms.limits),
            *_policies(terms),
        )
        if text
    )


def _carries(terms: ProgrammeTerms) -> Iterator[str]:
    carried = {unit.code for unit in terms.units if unit.rounding is Rounding.CARRY}
    if any(isinstance(rule, SpendRule) and rule.unit in carried for rule in terms.rules):
        yield _("What is left over counts next time.")


def _rows(terms: ProgrammeTerms) -> Iterator[str]:
    for unit in terms.units:
        if unit.goal is not None:
            full = count_words(unit.goal, unit, terms.currency)
            yield _("After %(units)s the next is free.", units=full)


def _counts(counts: Counts, names: Names) -> Iterator[str]:
    out = [
        word
        for counted, word in (
            (counts.tax, _("tax")),
            (counts.tip, _("tips")),
            (counts.discount, _("discounts")),
            (counts.gift_cards, _("gift cards bought")),
        )
        if not counted
    ]
    barred = counts.exclude
    out += [names.get(code, code) for code in (*barred.items, *barred.categories)]
    if out:
        yield _("Not counted: %(things)s.", things=", ".join(out))


def explain_tiers(terms: ProgrammeTerms) -> Iterator[str]:
    """What lifts to each tier and what it gives."""
    tiers = terms.tiers
    if tiers is None:
        return
    for level in tiers.levels:
        yield explain_tier(level, terms)
    if tiers.grace_days:
        yield ngettext(
            "A tier is kept for %(number)d day after it is no longer reached.",
            "A tier is kept for %(number)d days after it is no longer reached.",
            tiers.grace_days,
        )


def explain_tier(level: TierLevel, terms: ProgrammeTerms) -> str:
    """What lifts to one tier and what it gives."""
    gives = []
    if level.benefit_percent:
        gives.append(_("%(percent)d%% off every purchase", percent=level.benefit_percent))
    if level.percent > 100:  # noqa: PLR2004 - once is no multiplier
        gives.append(_("everything counts %(times)s times", times=percent_words(level.percent)))
    reach = _reach(terms.tiers, level.threshold, terms) if terms.tiers else ""
    if gives:
        return _(
            "%(tier)s %(reach)s: %(gives)s.", tier=level.name, reach=reach, gives="; ".join(gives)
        )
    return _("%(tier)s %(reach)s.", tier=level.name, reach=reach)


def explain_unit(unit: UnitTerms, terms: ProgrammeTerms) -> str:
    """A unit with its row, its wait and its end."""
    parts = [_("%(units)s.", units=unit_name(unit))]
    if unit.goal is not None:
        full = count_words(unit.goal, unit, terms.currency)
        parts.append(_("After %(units)s the next is free.", units=full))
    if unit.pending_days:
        parts.append(_pending(unit))
    parts.append(explain_expiry(unit))
    return " ".join(part for part in parts if part)


def _reach(tiers: TierTerms, threshold: int, terms: ProgrammeTerms) -> str:
    if tiers.basis is TierBasis.SPEND:
        amount = money(threshold, terms)
    else:
        amount = count_words(threshold, terms.unit(tiers.unit), terms.currency)
    match tiers.window:
        case TierWindow.DAYS:
            return ngettext(
                "from %(amount)s within %(number)d day",
                "from %(amount)s within %(number)d days",
                tiers.days,
                amount=amount,
            )
        case TierWindow.YEAR:
            return _("from %(amount)s in a calendar year", amount=amount)
    return _("from %(amount)s", amount=amount)


def explain_payment(rule: PaymentRule, terms: ProgrammeTerms) -> str:
    """What units pay."""
    unit = terms.unit(rule.unit)
    text = _(
        "%(amount)s off a purchase for %(units)s",
        units=count_words(rule.units, unit, terms.currency),
        amount=money(rule.minor, terms),
    )
    if rule.min_units:
        least = count_words(rule.min_units, unit, terms.currency)
        text = _("%(rule)s, from %(amount)s", rule=text, amount=least)
    if rule.max_percent < 100:  # noqa: PLR2004 - all of it is no limit
        text = _("%(rule)s, up to %(percent)d%% of it", rule=text, percent=rule.max_percent)
    return text + "."


def explain_expiry(unit: UnitTerms) -> str:
    """When units end; empty when never."""
    name, expiry = unit_name(unit), unit.expiry
    match expiry.kind:
        case ExpiryKind.DAYS:
            return ngettext(
                "%(units)s expire %(number)d day after they were earned.",
                "%(units)s expire %(number)d days after they were earned.",
                expiry.days,
                units=name,
            )
        case ExpiryKind.IDLE:
            return ngettext(
                "%(units)s expire after %(number)d day without a purchase.",
                "%(units)s expire after %(number)d days without a purchase.",
                expiry.days,
                units=name,
            )
        case ExpiryKind.NEVER:
            return ""
    return _explain_end(name, expiry)


def _explain_end(name: str, expiry: Expiry) -> str:
    of_month = expiry.kind is ExpiryKind.MONTH_END
    if expiry.months and of_month:
        return ngettext(
            "%(units)s expire %(number)d month after the end of the month they were earned in.",
            "%(units)s expire %(number)d months after the end of the month they were earned in.",
            expiry.months,
            units=name,
        )
    if expiry.months:
        return ngettext(
            "%(units)s expire %(number)d month after the end of the year they were earned in.",
            "%(units)s expire %(number)d months after the end of the year they were earned in.",
            expiry.months,
            units=name,
        )
    if of_month:
        return _("%(units)s expire at the end of the month they were earned in.", units=name)
    return _("%(units)s expire at the end of the year they were earned in.", units=name)


def _pending(unit: UnitTerms) -> str:
    return ngettext(
        "%(units)s can be used from %(number)d day after the purchase.",
        "%(units)s can be used from %(number)d days after the purchase.",
        unit.pending_days,
        units=unit_name(unit),
    )


def explain_limit(limit: LimitRule, terms: ProgrammeTerms) -> str:
    """A limit that concerns members; empty for the shop's own."""
    match limit.kind:
        case LimitKind.UNITS_PER_SCAN:
            return _("At most %(units)s at once.", units=_most(limit, terms))
        case LimitKind.UNITS_PER_DAY:
            return _("At most %(units)s a day.", units=_most(limit, terms))
        case LimitKind.AMOUNT_PER_SCAN:
            return _("At most %(amount)s of a purchase counts.", amount=money(limit.most, terms))
        case LimitKind.EARNS_PER_DAY:
            return ngettext(
                "A card earns at most %(number)d time a day.",
                "A card earns at most %(number)d times a day.",
                limit.most,
            )
        case LimitKind.MINUTES_BETWEEN:
            return ngettext(
                "A card earns again after %(number)d minute.",
                "A card earns again after %(number)d minutes.",
                limit.most,
            )
    # What the shop gives in a day, and what a till may type, are no business of a member's.
    return ""


def _most(limit: LimitRule, terms: ProgrammeTerms) -> str:
    return count_words(limit.most, terms.unit(limit.unit), terms.currency)


def _policies(terms: ProgrammeTerms) -> Iterator[str]:
    yield _("When a purchase is refunded, what it earned is taken back.")
    if terms.debt is DebtPolicy.OWE:
        yield _("What is spent by then is owed, and paid by what you earn next.")
    if terms.spent_reward is SpentReward.RESTORE:
        yield _("A reward spent on a refunded purchase comes back.")
    if terms.notice_days:
        yield ngettext(
            "A change to your disadvantage is announced %(number)d day ahead.",
            "A change to your disadvantage is announced %(number)d days ahead.",
            terms.notice_days,
        )
