"""What is wrong with single rules, and between rules of one programme."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from common.errors import InvalidInput
from common.i18n import gettext as _
from ledger.programme_terms import (
    AverageOf,
    BonusRule,
    CashbackRule,
    ChallengeAction,
    ChallengeRule,
    Grant,
    GrantKind,
    ItemRule,
    LimitKind,
    MultiplierRule,
    PackRule,
    ProgrammeTerms,
    Rule,
    SetRule,
    Span,
    SpendRule,
    UnitKind,
    VisitRule,
    WelcomeRule,
    When,
)

RATED: Final = (SpendRule, CashbackRule, VisitRule, ItemRule)
WHOLE_DAY: Final = 1440
PERCENT: Final = 100

# Which kinds of unit a kind of rule may give.
KINDS: Final[dict[type, tuple[UnitKind, ...]]] = {
    SpendRule: (UnitKind.POINTS, UnitKind.STAMPS),
    CashbackRule: (UnitKind.CASHBACK,),
    VisitRule: (UnitKind.POINTS, UnitKind.STAMPS, UnitKind.VISITS),
    ItemRule: (UnitKind.POINTS, UnitKind.STAMPS),
    PackRule: (UnitKind.CLASSES,),
    MultiplierRule: (UnitKind.POINTS, UnitKind.STAMPS, UnitKind.VISITS, UnitKind.CASHBACK),
}


def find(terms: ProgrammeTerms) -> Iterator[InvalidInput]:
    """Every complaint about rules, in their order."""
    codes: set[str] = set()
    by_amount: set[str] = set()
    welcomes = 0
    for number, rule in enumerate(terms.rules):
        path = f"rules.{number}"
        if rule.code in codes:
            yield InvalidInput(_("Two rules have this short name."), field=f"{path}.code")
        codes.add(rule.code)
        yield from _unit(rule, terms, path)
        if isinstance(rule, SpendRule | CashbackRule):
            if rule.unit in by_amount:
                yield InvalidInput(
                    _("Two rules by amount give the same unit. Use a multiplier for the second."),
                    field=f"{path}.unit",
                )
            by_amount.add(rule.unit)
        if isinstance(rule, WelcomeRule):
            welcomes += 1
            if welcomes > 1:
                yield InvalidInput(_("There is one welcome only."), field=path)
        if not isinstance(rule, SetRule | WelcomeRule):
            yield from _when(rule.when, terms, f"{path}.when")
        yield from _special(rule, terms, path)


def _unit(rule: Rule, terms: ProgrammeTerms, path: str) -> Iterator[InvalidInput]:
    allowed = KINDS.get(type(rule))
    unit = getattr(rule, "unit", "")
    if allowed is None:
        return
    kind = _kind(terms, unit)
    if kind is None:
        yield InvalidInput(_("Choose a unit of this card."), field=f"{path}.unit")
    elif kind not in allowed:
        yield InvalidInput(_("This rule cannot give that kind of unit."), field=f"{path}.unit")


def _kind(terms: ProgrammeTerms, code: str) -> UnitKind | None:
    return next((unit.kind for unit in terms.units if unit.code == code), None)


def _when(when: When, terms: ProgrammeTerms, path: str) -> Iterator[InvalidInput]:
    if when.from_minute == when.until_minute:
        yield InvalidInput(_("These hours are empty."), field=f"{path}.until_minute")
    if when.first_day and when.last_day and when.first_day > when.last_day:
        yield InvalidInput(_("The last day lies before the first."), field=f"{path}.last_day")
    known = {level.code for level in terms.tiers.levels} if terms.tiers else set()
    if not set(when.tiers) <= known:
        yield InvalidInput(_("There is no such tier."), field=f"{path}.tiers")
    if len(set(when.weekdays)) != len(when.weekdays):
        yield InvalidInput(_("A weekday is there twice."), field=f"{path}.weekdays")
    barred = terms.counts.exclude
    match = when.match
    if match.own_brand:
        return
    for name in ("items", "categories"):
        wanted = set(getattr(match, name))
        if wanted and wanted <= set(getattr(barred, name)):
            yield InvalidInput(
                _("None of this ever counts: it is excluded above."), field=f"{path}.match.{name}"
            )


def _special(rule: Rule, terms: ProgrammeTerms, path: str) -> Iterator[InvalidInput]:
    match rule:
        case PackRule() if rule.when.match.everything:
            yield InvalidInput(
                _("Say which item is the pack; else every item would be one."),
                field=f"{path}.when.match",
            )
        case MultiplierRule() if not _is_rated(terms, rule.unit):
            yield InvalidInput(
                _("Nothing earns this unit yet, so there is nothing to multiply."),
                field=f"{path}.unit",
            )
        case BonusRule():
            yield from _grant(rule.grant, terms, f"{path}.grant")
            if rule.when.first_purchase and rule.floor.average is AverageOf.MEMBER:
                yield InvalidInput(
                    _("Before the first purchase a member has no average."),
                    field=f"{path}.floor.average",
                )
        case ChallengeRule():
            yield from _challenge(rule, terms, path)
        case SetRule():
            yield from _set(rule, terms, path)
        case WelcomeRule():
            yield from _grant(rule.grant, terms, f"{path}.grant", waits=True)
            if rule.grant.floor.average is AverageOf.MEMBER:
                yield InvalidInput(
                    _("Before the first purchase a member has no average."),
                    field=f"{path}.grant.floor.average",
                )


def _is_rated(terms: ProgrammeTerms, unit: str) -> bool:
    return any(isinstance(rule, RATED) and rule.unit == unit for rule in terms.rules)


def _grant(
    grant: Grant, terms: ProgrammeTerms, path: str, *, waits: bool = False
) -> Iterator[InvalidInput]:
    with_unit = grant.kind in (GrantKind.UNITS, GrantKind.ADD_NEXT, GrantKind.MULTIPLY_NEXT)
    if with_unit and _kind(terms, grant.unit) is None:
        yield InvalidInput(_("Choose a unit of this card."), field=f"{path}.unit")
    if not with_unit and grant.unit:
        yield InvalidInput(_("A discount has no unit."), field=f"{path}.unit")
    if grant.kind is GrantKind.MULTIPLY_NEXT:
        if grant.amount <= PERCENT:
            yield InvalidInput(_("This multiplies by one or less."), field=f"{path}.amount")
        if not _is_rated(terms, grant.unit):
            yield InvalidInput(
                _("Nothing earns this unit yet, so there is nothing to multiply."),
                field=f"{path}.unit",
            )
    if grant.kind is GrantKind.PERCENT_OFF_NEXT and grant.amount > PERCENT:
        yield InvalidInput(_("More than everything cannot be given."), field=f"{path}.amount")
    asks = grant.days or grant.floor.minor or grant.floor.average
    if grant.kind is GrantKind.UNITS and asks and not waits:
        yield InvalidInput(
            _("What is given at once has no condition for the next purchase."),
            field=f"{path}.floor",
        )


def _challenge(rule: ChallengeRule, terms: ProgrammeTerms, path: str) -> Iterator[InvalidInput]:
    goals = [level.goal for level in rule.levels]
    if any(later <= earlier for earlier, later in pairwise(goals)):
        yield InvalidInput(
            _("Each level must need more than the one before."), field=f"{path}.levels"
        )
    for number, level in enumerate(rule.levels):
        yield from _grant(level.grant, terms, f"{path}.levels.{number}.grant")
    if rule.streak and rule.span not in (Span.DAY, Span.WEEK, Span.MONTH):
        yield InvalidInput(_("A streak is of days, weeks or months."), field=f"{path}.span")
    if (rule.span is Span.DAYS) != bool(rule.days):
        yield InvalidInput(
            _("Give the days of the window, and only for a window of days."), field=f"{path}.days"
        )
    a_day = [item.most for item in terms.limits if item.kind is LimitKind.EARNS_PER_DAY]
    per_day = rule.span is Span.DAY and not rule.streak and rule.action is ChallengeAction.SALE
    if per_day and a_day and goals[-1] > min(a_day):
        yield InvalidInput(
            _("A card cannot be used that often in one day: a limit forbids it."),
            field=f"{path}.levels.{len(goals) - 1}.goal",
        )


def _set(rule: SetRule, terms: ProgrammeTerms, path: str) -> Iterator[InvalidInput]:
    seen: set[str] = set()
    for number, part in enumerate(rule.parts):
        place = f"{path}.parts.{number}.unit"
        if part.unit in seen:
            yield InvalidInput(_("This is in the set twice."), field=place)
        seen.add(part.unit)
        if _kind(terms, part.unit) is None:
            yield InvalidInput(_("Choose a unit of this card."), field=place)
        elif not _is_rated(terms, part.unit):
            yield InvalidInput(_("Nothing earns this unit, so no set gets full."), field=place)
    yield from _grant(rule.grant, terms, f"{path}.grant")
