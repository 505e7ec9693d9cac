"""One rule as one plain sentence in the current language.

Not done here: what holds for the whole programme (explain.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from babel.dates import format_date, get_day_names

from common.i18n import current_language, mark, ngettext
from common.i18n import gettext as _
from common.money import format_money
from ledger.programme_terms import (
    AverageOf,
    BonusRule,
    CashbackRule,
    ChallengeAction,
    ChallengeRule,
    Floor,
    Grant,
    GrantKind,
    ItemRule,
    Match,
    MultiplierRule,
    PackRule,
    ProgrammeTerms,
    Rule,
    SetRule,
    Span,
    SpendRule,
    VisitRule,
    WelcomeRule,
    When,
)
from ledger.unit_words import count_words, percent_words, unit_name

Names = Mapping[str, str]
"""What items and categories are called; without an entry their code is said."""

WHOLE_DAY: Final = 1440
_SPANS: Final = {
    Span.DAY: mark("in one day"),
    Span.WEEK: mark("in one week"),
    Span.MONTH: mark("in one month"),
}


def explain_rule(rule: Rule, terms: ProgrammeTerms, names: Names | None = None) -> str:
    """The rule as a sentence; `terms` lend units and currency and need not be published."""
    known = names or {}
    match rule:
        case SpendRule() | CashbackRule() | VisitRule() | ItemRule() | PackRule():
            text = _rate(rule, terms, known)
            return _sentence(text, rule.when, terms)
        case MultiplierRule():
            text = _(
                "%(units)s count %(times)s times%(what)s",
                units=unit_name(terms.unit(rule.unit)),
                times=percent_words(rule.percent),
                what=_on_what(rule.when.match, known),
            )
            return _sentence(text, rule.when, terms)
        case BonusRule():
            return _bonus(rule, terms, known)
        case ChallengeRule():
            return _challenge(rule, terms, known)
        case SetRule():
            return _(
                "A full set (%(parts)s) gives %(grant)s.",
                parts=", ".join(_units(part.need, part.unit, terms) for part in rule.parts),
                grant=grant_words(rule.grant, terms),
            )
        case WelcomeRule():
            return _(
                "Welcome: %(grant)s, credited with your first purchase.",
                grant=grant_words(rule.grant, terms),
            )


def _rate(
    rule: SpendRule | CashbackRule | VisitRule | ItemRule | PackRule,
    terms: ProgrammeTerms,
    names: Names,
) -> str:
    what = _on_what(rule.when.match, names)
    match rule:
        case SpendRule():
            spend = money(rule.spend_minor, terms)
            units = _units(rule.units, rule.unit, terms)
            text = _(
                "%(units)s for every %(spend)s spent%(what)s", units=units, spend=spend, what=what
            )
        case CashbackRule():
            percent = percent_words(rule.basis_points)
            text = _(
                "%(percent)s%% of what you spend%(what)s comes back as credit",
                percent=percent,
                what=what,
            )
        case VisitRule():
            units = _units(rule.units, rule.unit, terms)
            text = _("%(units)s for every visit%(what)s", units=units, what=what)
        case ItemRule():
            units = _units(rule.units, rule.unit, terms)
            text = _("%(units)s for every item%(what)s", units=units, what=what)
        case PackRule():
            return _pack(rule, terms, what)
    least = 0 if isinstance(rule, ItemRule) else rule.min_sale_minor
    if least:
        return _("%(rule)s, from %(amount)s", rule=text, amount=money(least, terms))
    return text


def _pack(rule: PackRule, terms: ProgrammeTerms, what: str) -> str:
    units = _units(rule.units, rule.unit, terms)
    if not rule.days:
        return _("A pack%(what)s is %(units)s", units=units, what=what)
    return ngettext(
        "A pack%(what)s is %(units)s, good for %(number)d day",
        "A pack%(what)s is %(units)s, good for %(number)d days",
        rule.days,
        units=units,
        what=what,
    )


def _bonus(rule: BonusRule, terms: ProgrammeTerms, names: Names) -> str:
    floor = floor_words(rule.floor, terms)
    what = _on_what(rule.when.match, names)
    grant = grant_words(rule.grant, terms)
    if floor:
        text = _(
            "A purchase%(what)s %(floor)s gives %(grant)s", what=what, floor=floor, grant=grant
        )
    else:
        text = _("A purchase%(what)s gives %(grant)s", what=what, grant=grant)
    if rule.once:
        text = _("%(rule)s, once", rule=text)
    return _sentence(text, rule.when, terms)


def _challenge(rule: ChallengeRule, terms: ProgrammeTerms, names: Names) -> str:
    levels = [
        _(
            "%(goal)s: %(grant)s",
            goal=_goal(rule, level.goal),
            grant=grant_words(level.grant, terms),
        )
        for level in rule.levels
    ]
    text = "; ".join(levels)
    what = _on_what(rule.when.match, names)
    if what:
        text = _("Challenge%(what)s: %(levels)s", what=what, levels=text)
    if rule.min_sale_minor:
        least = money(rule.min_sale_minor, terms)
        text = _("%(rule)s, from %(amount)s", rule=text, amount=least)
    if rule.repeat:
        text = _("%(rule)s; then it starts anew", rule=text)
    return _sentence(text, rule.when, terms)


def _goal(rule: ChallengeRule, goal: int) -> str:
    if rule.streak:
        match rule.span:
            case Span.DAY:
                return ngettext(
                    "A purchase on %(number)d day", "A purchase on %(number)d days running", goal
                )
            case Span.WEEK:
                return ngettext(
                    "A purchase in %(number)d week", "A purchase in %(number)d weeks running", goal
                )
        return ngettext(
            "A purchase in %(number)d month", "A purchase in %(number)d months running", goal
        )
    if rule.action is ChallengeAction.ITEM:
        count = ngettext("%(number)d item", "%(number)d items", goal)
    else:
        count = ngettext("%(number)d purchase", "%(number)d purchases", goal)
    if rule.span is Span.EVER:
        return count
    if rule.span is Span.DAYS:
        within = ngettext("within %(number)d day", "within %(number)d days", rule.days)
        return f"{count} {within}"
    return f"{count} {_(_SPANS[rule.span])}"


def grant_words(grant: Grant, terms: ProgrammeTerms) -> str:
    """What a grant is: `20 points on the next purchase within 30 days`."""
    match grant.kind:
        case GrantKind.UNITS:
            return _units(grant.amount, grant.unit, terms)
        case GrantKind.ADD_NEXT:
            text = _(
                "%(units)s on the next purchase", units=_units(grant.amount, grant.unit, terms)
            )
        case GrantKind.MULTIPLY_NEXT:
            text = _(
                "%(times)s times the %(units)s on the next purchase",
                times=percent_words(grant.amount),
                units=unit_name(terms.unit(grant.unit)),
            )
        case GrantKind.PERCENT_OFF_NEXT:
            text = _("%(percent)d%% off the next purchase", percent=grant.amount)
        case GrantKind.FIXED_OFF_NEXT:
            text = _("%(amount)s off the next purchase", amount=money(grant.amount, terms))
    if grant.days:
        within = ngettext("within %(number)d day", "within %(number)d days", grant.days)
        text = f"{text} {within}"
    floor = floor_words(grant.floor, terms)
    return f"{text} ({floor})" if floor else text


def floor_words(floor: Floor, terms: ProgrammeTerms) -> str:
    """`from €20.00`, `of 110% of your average purchase`; empty without a floor."""
    if floor.average is None:
        return _("from %(amount)s", amount=money(floor.minor, terms)) if floor.minor else ""
    if floor.average is AverageOf.MEMBER:
        text = _("of at least %(percent)d%% of your average purchase", percent=floor.percent)
    else:
        text = _("of at least %(percent)d%% of our average purchase", percent=floor.percent)
    if floor.minor:
        return _("%(floor)s and from %(amount)s", floor=text, amount=money(floor.minor, terms))
    return text


def _sentence(text: str, when: When, terms: ProgrammeTerms) -> str:
    parts = [text, *_conditions(when, terms)]
    return ", ".join(parts) + "."


def _conditions(when: When, terms: ProgrammeTerms) -> list[str]:
    found = []
    if when.weekdays:
        days = get_day_names("wide", locale=_locale())
        found.append(
            _("on %(days)s", days=list_words([days[day - 1] for day in sorted(when.weekdays)]))
        )
    if (when.from_minute, when.until_minute) != (0, WHOLE_DAY):
        found.append(
            _(
                "from %(start)s to %(end)s",
                start=_clock(when.from_minute),
                end=_clock(when.until_minute),
            )
        )
    if when.first_day and when.last_day:
        found.append(
            _("from %(start)s to %(end)s", start=_day(when.first_day), end=_day(when.last_day))
        )
    elif when.first_day:
        found.append(_("from %(start)s on", start=_day(when.first_day)))
    elif when.last_day:
        found.append(_("until %(end)s", end=_day(when.last_day)))
    if when.first_purchase:
        found.append(_("on the first purchase"))
    if when.tiers:
        levels = terms.tiers.levels if terms.tiers else ()
        tiers = [level.name for level in levels if level.code in when.tiers]
        found.append(_("for %(tiers)s", tiers=list_words(tiers)))
    return found


def _on_what(match: Match, names: Names) -> str:
    words = [names.get(code, code) for code in (*match.items, *match.categories)]
    if match.own_brand:
        words.append(_("our own brand"))
    return " " + _("with %(things)s", things=list_words(words)) if words else ""


def list_words(words: Sequence[str]) -> str:
    """`a, b or c` as the current language lists things."""
    if len(words) < 2:  # noqa: PLR2004 - one thing is no list
        return "".join(words)
    return _("%(most)s or %(last)s", most=", ".join(words[:-1]), last=words[-1])


def money(minor: int, terms: ProgrammeTerms) -> str:
    """An amount in the programme's currency."""
    return format_money(minor, terms.currency, language=current_language())


def _units(units: int, code: str, terms: ProgrammeTerms) -> str:
    return count_words(units, terms.unit(code), terms.currency)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _day(day: date) -> str:
    return str(format_date(day, "long", locale=_locale()))


def _locale() -> str:
    return current_language().replace("-", "_")
