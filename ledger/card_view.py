"""What a card of many rules shows of its member: units, tier, ways and promises, with their words.

Pure: the same for till, page and wallet. Words are in the current language. Not done here: rewards
and coupons (redeeming.py), where a wallet puts it (passes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date

from common.i18n import current_language
from common.i18n import gettext as _
from ledger.amount_words import amount_words
from ledger.challenges import period_start
from ledger.expiry import Deadline, deadlines, effective, local_day, pending, spendable
from ledger.explain_rules import explain_rule, grant_words, money
from ledger.member_state import MemberState, Progress, Promise
from ledger.programme_terms import (
    ChallengeRule,
    Floor,
    Grant,
    ProgrammeTerms,
    SetRule,
    Span,
    SpendRule,
    TierBasis,
    UnitKind,
    UnitTerms,
)
from ledger.tiers import level_of, way_up
from ledger.unit_words import count_words, unit_name


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitState:
    """One unit of a card.

    `words` is the balance in words, `carried` what counts towards the next unit, empty for none.
    `deadlines` are all dates on which something ends, `pending` what may be spent only later.
    `resting_until` is the last day of a rest that goes on.
    """

    code: str
    kind: UnitKind
    name: str
    words: str
    balance: int
    spendable: int
    goal: int | None
    debt: int
    debt_words: str
    carried: str
    deadlines: tuple[Deadline, ...]
    deadline_words: tuple[str, ...]
    pending: tuple[tuple[datetime, int], ...]
    pending_words: tuple[str, ...]
    locked: bool
    resting_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TierState:
    """The tier a member stands in (`code` empty for none) and the way to the next.

    `missing` is minor units or units, as the tiers count; `percent` of the way is done.
    """

    code: str
    name: str
    benefit_percent: int
    benefit: str
    way: str
    next_name: str
    missing: int
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeState:
    """How far a challenge, streak or set is; `until` is the last day of its window."""

    code: str
    sentence: str
    done: int
    goal: int
    until: date | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseState:
    """Something on the next purchase; `off` tells that staff use it, the rest comes by itself."""

    id: int
    sentence: str
    expires_at: datetime | None
    off: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """All of it."""

    units: tuple[UnitState, ...]
    tier: TierState | None
    challenges: tuple[ChallengeState, ...]
    promises: tuple[PromiseState, ...]


def card_view_of(terms: ProgrammeTerms, state: MemberState, now: datetime) -> CardView:
    """What the card shows at `now`; the state holds every open lot."""
    zone = ZoneInfo(terms.time_zone)
    today = local_day(now, zone)
    return CardView(
        units=tuple(_unit(unit, terms, state, now=now, zone=zone) for unit in terms.units),
        tier=_tier(terms, state),
        challenges=tuple(_challenges(terms, state, today)),
        promises=tuple(_promise(one, terms, zone) for one in state.promises),
    )


def _unit(
    unit: UnitTerms, terms: ProgrammeTerms, state: MemberState, *, now: datetime, zone: ZoneInfo
) -> UnitState:
    holding = state.holding(unit.code)
    lots = effective(
        holding.lots, last_active_at=state.last_active_at, zone=zone, pauses=holding.pauses
    )
    today = local_day(now, zone)
    ends, waits = deadlines(lots, now, zone=zone), pending(lots, now)
    rests = [p.last_day for p in holding.pauses if p.first_day <= today <= p.last_day]

    def words(units: int) -> str:
        return count_words(units, unit, terms.currency)

    return UnitState(
        code=unit.code,
        kind=unit.kind,
        name=unit_name(unit),
        words=words(holding.balance),
        balance=holding.balance,
        spendable=min(holding.balance, spendable(lots, now)),
        goal=unit.goal,
        debt=holding.debt,
        debt_words=_("%(units)s are owed", units=words(holding.debt)) if holding.debt else "",
        carried=_carried(unit, terms, holding.carry),
        deadlines=ends,
        deadline_words=tuple(
            _("%(units)s until %(day)s", units=words(one.units), day=_day(one.last_day))
            for one in ends
        ),
        pending=waits,
        pending_words=tuple(
            _("%(units)s from %(day)s", units=words(units), day=_day(local_day(moment, zone)))
            for moment, units in waits
        ),
        locked=holding.locked,
        resting_until=max(rests) if rests else None,
    )


def _carried(unit: UnitTerms, terms: ProgrammeTerms, carry: int) -> str:
    steps = [r.units for r in terms.rules if isinstance(r, SpendRule) and r.unit == unit.code]
    if not steps or carry == 0:
        return ""
    amount = amount_words(abs(carry), terms.currency)
    if carry < 0:
        return _("Still to make up for a sale that was undone: %(amount)s", amount=amount)
    step = count_words(steps[0], unit, terms.currency)
    return _("Saved up towards your next %(units)s: %(amount)s", units=step, amount=amount)


def _tier(terms: ProgrammeTerms, state: MemberState) -> TierState | None:
    tiers = terms.tiers
    if tiers is None:
        return None
    level = level_of(tiers, state.tier)
    ahead = way_up(tiers, state.tier, state.tier_total)
    percent = level.benefit_percent if level else 0
    way = ""
    if ahead is not None:
        missing = (
            money(ahead.missing, terms)
            if tiers.basis is TierBasis.SPEND
            else count_words(ahead.missing, terms.unit(tiers.unit), terms.currency)
        )
        way = _("%(missing)s more to %(tier)s", missing=missing, tier=ahead.name)
    return TierState(
        code=level.code if level else "",
        name=level.name if level else "",
        benefit_percent=percent,
        benefit=_("%(percent)d%% off every purchase", percent=percent) if percent else "",
        way=way,
        next_name=ahead.name if ahead else "",
        missing=ahead.missing if ahead else 0,
        percent=ahead.percent if ahead else 100,
    )


def _challenges(terms: ProgrammeTerms, state: MemberState, today: date) -> Iterator[ChallengeState]:
    for rule in terms.rules:
        match rule:
            case ChallengeRule():
                progress = state.progress.get(rule.code, Progress())
                yield _challenge(rule, terms, progress, today=today)
            case SetRule():
                progress = state.progress.get(rule.code, Progress())
                yield _set(rule, terms, progress)


def _challenge(
    rule: ChallengeRule, terms: ProgrammeTerms, progress: Progress, *, today: date
) -> ChallengeState:
    done, until = _count(rule, progress, today)
    ahead = [level for level in rule.levels if level.goal > done]
    goal = (ahead or list(rule.levels[-1:]))[0].goal
    words = _("%(done)d of %(goal)d", done=min(done, goal), goal=goal)
    return ChallengeState(
        code=rule.code,
        sentence=explain_rule(rule, terms),
        done=min(done, goal),
        goal=goal,
        until=until,
        words=words if until is None else f"{words}, " + _("until %(day)s", day=_day(until)),
    )


def _count(rule: ChallengeRule, progress: Progress, today: date) -> tuple[int, date | None]:
    """What counts today, and the last day on which the next one does."""
    if rule.streak:
        period = period_start(rule.span, today)
        before = period_start(rule.span, period - timedelta(days=1))
        alive = progress.last in (period, before)
        return (progress.count, _period_end(rule.span, period)) if alive else (0, None)
    if rule.span is Span.EVER:
        return progress.count, None
    if rule.span is Span.DAYS:
        since = progress.since
        if since is None or not since <= today < since + timedelta(days=rule.days):
            return 0, None
        return progress.count, since + timedelta(days=rule.days - 1)
    start = period_start(rule.span, today)
    return (progress.count if progress.since == start else 0), _period_end(rule.span, start)


def _period_end(span: Span, start: date) -> date:
    match span:
        case Span.WEEK:
            return start + timedelta(days=6)
        case Span.MONTH:
            following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
            return following - timedelta(days=1)
    return start


def _set(rule: SetRule, terms: ProgrammeTerms, progress: Progress) -> ChallengeState:
    goal = sum(part.need for part in rule.parts)
    done = sum(min(part.need, progress.parts.get(part.unit, 0)) for part in rule.parts)
    return ChallengeState(
        code=rule.code,
        sentence=explain_rule(rule, terms),
        done=done,
        goal=goal,
        until=None,
        words=_("%(done)d of %(goal)d", done=done, goal=goal),
    )


def _promise(promise: Promise, terms: ProgrammeTerms, zone: ZoneInfo) -> PromiseState:
    grant = Grant(
        kind=promise.kind,
        amount=promise.amount,
        unit=promise.unit,
        floor=Floor(minor=promise.min_sale_minor),
    )
    known = not promise.unit or any(unit.code == promise.unit for unit in terms.units)
    text = grant_words(grant, terms) if known else f"{promise.amount} {promise.unit}"
    if promise.expires_at is not None:
        last = local_day(promise.expires_at - timedelta(microseconds=1), zone)
        text = _("%(promise)s, until %(day)s", promise=text, day=_day(last))
    return PromiseState(
        id=promise.id,
        sentence=text,
        expires_at=promise.expires_at,
        off=promise.kind.endswith("_off_next"),
    )


def _day(day: date) -> str:
    return format_date(day, format="medium", locale=current_language().replace("-", "_"))
