"""What changes from one version of the terms to the next, in words, and what of it is worse.

Worse is judged for the member, change by change, and in doubt it is worse: then the notice period
holds. Rules are known by their short name, units and tiers too. Each lot keeps the terms it was
earned under, so a shorter life is only for what comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from common.i18n import gettext as _
from ledger import worse
from ledger.expiry import day_start, local_day
from ledger.explain import explain_limit, explain_payment, explain_tier, explain_unit
from ledger.explain_rules import Names, explain_rule
from ledger.programme_terms import (
    DebtPolicy,
    LimitRule,
    PaymentRule,
    ProgrammeTerms,
    Rule,
    SpentReward,
    TierLevel,
    UnitTerms,
)

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: its place in the document, a sentence, and whether members lose by it."""

    path: str
    sentence: str
    worse: bool


def diff(
    old: ProgrammeTerms, new: ProgrammeTerms, names: Names | None = None
) -> tuple[Change, ...]:
    """Every change, in the order of the document; none for the same terms."""
    found: list[Change] = []
    if old.currency != new.currency:
        found.append(_change("currency", old.currency, new.currency, is_worse=True))
    found.extend(_units(old, new))
    found.extend(_counts(old, new))
    found.extend(_rules(old, new, names))
    found.extend(_tiers(old, new))
    found.extend(_limits(old, new))
    found.extend(_payments(old, new))
    found.extend(_policies(old, new))
    return tuple(found)


def effective_at(old: ProgrammeTerms, new: ProgrammeTerms, published_at: datetime) -> datetime:
    """From when new terms may hold: at once, or after the notice that the old ones promise.

    The notice is whole days of the shop's calendar; the new terms begin with a day.
    """
    if not any(change.worse for change in diff(old, new)):
        return published_at
    zone = ZoneInfo(old.time_zone)
    day = local_day(published_at, zone) + timedelta(days=old.notice_days)
    return max(published_at, day_start(day, zone)) if old.notice_days else published_at


def _change(path: str, old: str, new: str, *, is_worse: bool) -> Change:
    if not old:
        sentence = _("New: %(new)s", new=new)
    elif not new:
        sentence = _("No longer: %(old)s", old=old)
    elif old == new:
        sentence = _("Changed: %(new)s", new=new)
    else:
        sentence = _("Was: %(old)s Now: %(new)s", old=old, new=new)
    return Change(path=path, sentence=sentence, worse=is_worse)


def _matched(
    olds: Mapping[str, Thing],
    news: Mapping[str, Thing],
    *,
    path: str,
    old_words: Callable[[Thing], str],
    new_words: Callable[[Thing], str],
    is_worse: Callable[[Thing, Thing], bool],
    new_is_worse: bool = False,
) -> Iterator[Change]:
    for key, old in olds.items():
        new = news.get(key)
        if new is None:
            # Losing a limit is no loss; losing anything else is.
            yield _change(f"{path}.{key}", old_words(old), "", is_worse=not new_is_worse)
        elif new != old:
            yield _change(
                f"{path}.{key}", old_words(old), new_words(new), is_worse=is_worse(old, new)
            )
    for key, new in news.items():
        if key not in olds:
            yield _change(f"{path}.{key}", "", new_words(new), is_worse=new_is_worse)


def _units(old: ProgrammeTerms, new: ProgrammeTerms) -> Iterator[Change]:
    def words(terms: ProgrammeTerms) -> Callable[[UnitTerms], str]:
        return lambda unit: explain_unit(unit, terms)

    yield from _matched(
        {unit.code: unit for unit in old.units},
        {unit.code: unit for unit in new.units},
        path="units",
        old_words=words(old),
        new_words=words(new),
        is_worse=worse.unit,
    )


def _counts(old: ProgrammeTerms, new: ProgrammeTerms) -> Iterator[Change]:
    for name in ("tax", "tip", "discount", "gift_cards"):
        was, now = getattr(old.counts, name), getattr(new.counts, name)
        if was != now:
            sentence = _COUNTED[name, now]()
            yield Change(path=f"counts.{name}", sentence=sentence, worse=not now)
    if old.counts.exclude != new.counts.exclude:
        more = worse.excluded(old.counts.exclude, new.counts.exclude)
        sentence = _("More is excluded.") if more else _("Less is excluded.")
        yield Change(path="counts.exclude", sentence=sentence, worse=more)


_COUNTED: Final[dict[tuple[str, bool], Callable[[], str]]] = {
    ("tax", True): lambda: _("Tax counts now."),
    ("tax", False): lambda: _("Tax no longer counts."),
    ("tip", True): lambda: _("Tips count now."),
    ("tip", False): lambda: _("Tips no longer count."),
    ("discount", True): lambda: _("Discounts count now."),
    ("discount", False): lambda: _("Discounts no longer count."),
    ("gift_cards", True): lambda: _("Gift cards bought count now."),
    ("gift_cards", False): lambda: _("Gift cards bought no longer count."),
}


def _rules(old: ProgrammeTerms, new: ProgrammeTerms, names: Names | None) -> Iterator[Change]:
    def words(terms: ProgrammeTerms) -> Callable[[Rule], str]:
        return lambda rule: explain_rule(rule, terms, names)

    rounding = {unit.code: unit.rounding for unit in new.units}
    yield from _matched(
        {rule.code: rule for rule in old.rules},
        {rule.code: rule for rule in new.rules},
        path="rules",
        old_words=words(old),
        new_words=words(new),
        is_worse=lambda before, after: worse.rule(before, after, rounding=rounding),
    )


def _tiers(old: ProgrammeTerms, new: ProgrammeTerms) -> Iterator[Change]:
    def words(terms: ProgrammeTerms) -> Callable[[TierLevel], str]:
        return lambda level: explain_tier(level, terms)

    yield from _matched(
        {level.code: level for level in old.tiers.levels} if old.tiers else {},
        {level.code: level for level in new.tiers.levels} if new.tiers else {},
        path="tiers.levels",
        old_words=words(old),
        new_words=words(new),
        is_worse=worse.tier_level,
    )
    if old.tiers and new.tiers:
        yield from _tier_course(old, new)


def _tier_course(old: ProgrammeTerms, new: ProgrammeTerms) -> Iterator[Change]:
    was, now = old.tiers, new.tiers
    if was is None or now is None:
        return
    if (was.basis, was.unit, was.window, was.days) != (now.basis, now.unit, now.window, now.days):
        yield Change(
            path="tiers.window",
            sentence=_("Tiers are reached in another way."),
            worse=worse.tier_window(was, now),
        )
    if was.grace_days != now.grace_days:
        less = now.grace_days < was.grace_days
        sentence = _("Tiers are lost sooner.") if less else _("Tiers are kept longer.")
        yield Change(path="tiers.grace_days", sentence=sentence, worse=less)


def _limits(old: ProgrammeTerms, new: ProgrammeTerms) -> Iterator[Change]:
    def by_kind(limits: Sequence[LimitRule]) -> dict[str, LimitRule]:
        return {f"{limit.kind}.{limit.unit}".rstrip("."): limit for limit in limits}

    def words(terms: ProgrammeTerms) -> Callable[[LimitRule], str]:
        return lambda limit: explain_limit(limit, terms) or _("A limit of the shop.")

    yield from _matched(
        by_kind(old.limits),
        by_kind(new.limits),
        path="limits",
        old_words=words(old),
        new_words=words(new),
        is_worse=worse.limit,
        new_is_worse=True,
    )


def _payments(old: ProgrammeTerms, new: ProgrammeTerms) -> Iterator[Change]:
    def words(terms: ProgrammeTerms) -> Callable[[PaymentRule], str]:
        return lambda rule: explain_payment(rule, terms)

    yield from _matched(
        {rule.unit: rule for rule in old.payments},
        {rule.unit: rule for rule in new.payments},
        path="payments",
        old_words=words(old),
        new_words=words(new),
        is_worse=worse.payment,
    )


def _policies(old: ProgrammeTerms, new: ProgrammeTerms) -> Iterator[Change]:
    if old.spent_reward != new.spent_reward:
        rank = (SpentReward.KEEP, SpentReward.ASK, SpentReward.RESTORE)
        yield Change(
            path="spent_reward",
            sentence=_("Rewards spent on refunded purchases are treated in another way."),
            worse=rank.index(new.spent_reward) < rank.index(old.spent_reward),
        )
    if old.debt != new.debt:
        owes = new.debt is DebtPolicy.OWE
        sentence = (
            _("What a refund takes back beyond the card is owed now.")
            if owes
            else _("What a refund takes back beyond the card is no longer owed.")
        )
        yield Change(path="debt", sentence=sentence, worse=owes)
    for name, text in (
        ("restore_days", _("A reward that comes back can be used for another time.")),
        ("notice_days", _("Changes are announced at another time ahead.")),
    ):
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            yield Change(path=name, sentence=text, worse=now < was)
    if old.warn_days != new.warn_days:
        yield Change(
            path="warn_days",
            sentence=_("Warnings before an expiry come on other days."),
            worse=max(new.warn_days, default=0) < max(old.warn_days, default=0),
        )
