"""The limits of a programme: those that refuse a scan, and those that trim what it earns."""

from __future__ import annotations

from datetime import timedelta

from common.errors import InvalidInput, LimitReached
from common.i18n import current_language, ngettext
from common.i18n import gettext as _
from common.money import format_money
from ledger.activity import Activity
from ledger.evaluation import CapHit
from ledger.limits import LIMITS, check_visits
from ledger.member_state import MemberState
from ledger.programme_terms import ItemRule, LimitKind, LimitRule, ProgrammeTerms, VisitRule


def check_limits(terms: ProgrammeTerms, state: MemberState, activity: Activity) -> None:
    """Refuse a scan that comes too often, too soon or for too much.

    Raises:
        InvalidInput: stamps of a kind this card does not give; `field` is `taps`.
        LimitReached: `limit` is the kind of the limit; the sentence is for staff.
    """
    _check_taps(terms, activity)
    for limit in terms.limits:
        match limit.kind:
            case LimitKind.SALE_MAX if activity.gross_minor > limit.most:
                raise _sale_max(limit, terms.currency)
            case LimitKind.EARNS_PER_DAY if state.earns_today >= limit.most:
                raise _earns_per_day(limit)
            case LimitKind.MINUTES_BETWEEN if _too_soon(limit, state, activity):
                raise _minutes_between(limit)


def _check_taps(terms: ProgrammeTerms, activity: Activity) -> None:
    """Without a limit of the terms, a scan gives no more stamps than a slip of the thumb costs."""
    by_tap = {rule.unit for rule in terms.rules if isinstance(rule, VisitRule | ItemRule)}
    if not set(activity.taps) <= by_tap:
        raise InvalidInput(_("This card gives no such stamp."), field="taps")
    limited = {limit.unit for limit in terms.limits if limit.kind is LimitKind.UNITS_PER_SCAN}
    by_visit = {rule.unit for rule in terms.rules if isinstance(rule, VisitRule)}
    for unit in by_tap - limited:
        visits = activity.visits if unit in by_visit else None
        check_visits(activity.taps.get(unit, visits or 0), LIMITS)


def _too_soon(limit: LimitRule, state: MemberState, activity: Activity) -> bool:
    # A sale told late may lie before the last one: the distance counts, not the direction.
    if state.last_earn_at is None:
        return False
    return abs(activity.at - state.last_earn_at) < timedelta(minutes=limit.most)


def _sale_max(limit: LimitRule, currency: str) -> LimitReached:
    most = format_money(limit.most, currency, language=current_language())
    return LimitReached(
        _("At most %(amount)s at once. Check the amount.", amount=most), limit=str(limit.kind)
    )


def _earns_per_day(limit: LimitRule) -> LimitReached:
    return LimitReached(
        ngettext(
            "This card was already used %(number)d time today. It can earn again tomorrow.",
            "This card was already used %(number)d times today. It can earn again tomorrow.",
            limit.most,
        ),
        limit=str(limit.kind),
    )


def _minutes_between(limit: LimitRule) -> LimitReached:
    return LimitReached(
        ngettext(
            "This card was used just now. It can earn again %(number)d minute after that.",
            "This card was used just now. It can earn again %(number)d minutes after that.",
            limit.most,
        ),
        limit=str(limit.kind),
    )


def most_counted(terms: ProgrammeTerms) -> int | None:
    """The most of one sale that counts, in minor units; None without such a limit."""
    amounts = [limit.most for limit in terms.limits if limit.kind is LimitKind.AMOUNT_PER_SCAN]
    return min(amounts, default=None)


def room(terms: ProgrammeTerms, state: MemberState, unit: str) -> tuple[int, LimitRule] | None:
    """How many more units may be earned now, and the limit that says so; None without one."""
    tightest: tuple[int, LimitRule] | None = None
    for limit in terms.limits:
        if limit.unit != unit:
            continue
        match limit.kind:
            case LimitKind.UNITS_PER_SCAN:
                left = limit.most
            case LimitKind.UNITS_PER_DAY:
                left = max(0, limit.most - state.units_today.get(unit, 0))
            case LimitKind.SHOP_UNITS_PER_DAY:
                left = max(0, limit.most - state.shop_units_today.get(unit, 0))
            case _:
                continue
        if tightest is None or left < tightest[0]:
            tightest = (left, limit)
    return tightest


def cap(units: int, tightest: tuple[int, LimitRule] | None) -> tuple[int, tuple[CapHit, ...]]:
    """What is left of the units under the limit, and the limit where it cut."""
    if tightest is None or units <= tightest[0]:
        return units, ()
    left, limit = tightest
    return left, (CapHit(kind=limit.kind, most=limit.most, cut=units - left),)
