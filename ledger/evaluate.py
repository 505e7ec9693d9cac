"""Evaluate: (terms, member, activity, now) to everything that must be written, and why.

The order, which docs/reference/rules.md tells to owners:

1. Limits that refuse (too often, too soon, too much): nothing is written.
2. What is over ends first, so that coming late never brings it back.
3. What counts of the amount (counting.py).
4. Rules that rate, in the order of the terms; for each line the highest multiplier alone.
5. What was promised for this purchase, and the welcome bonus.
6. Bonuses, challenges, sets.
7. Caps trim what 4 to 6 gave; packs and the welcome bonus are given whole.
8. What is owed is paid first; the rest becomes lots.
9. The tier, for the next sale: this one was rated under the tier it found.

Pure: no clock, no table, no chance. Not done here: taking back (refunds.py), redeeming.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from common.errors import LimitReached
from common.i18n import gettext as _
from ledger import basis, programme_reasons
from ledger.activity import Activity, ActivityKind
from ledger.caps import cap, check_limits, most_counted, room
from ledger.challenges import count_challenge, count_set
from ledger.counting import check_activity, count
from ledger.evaluation import Credit, Evaluation, PartKind
from ledger.expiry import new_lot, plan_lapses
from ledger.grants import give_bonus, keep_promises, welcome
from ledger.limits import LIMITS
from ledger.lots import NewLot
from ledger.member_state import MemberState
from ledger.occasion import Occasion, occasion
from ledger.programme_terms import (
    BonusRule,
    ChallengeRule,
    ExpiryKind,
    LimitKind,
    PackRule,
    ProgrammeTerms,
    SetRule,
    TierBasis,
    UnitTerms,
    WelcomeRule,
)
from ledger.rating import RATING_RULES, Rater, rate_pack
from ledger.sheet import FREE_OF_CAPS, Sheet
from ledger.tiers import risen


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What of a member's state these terms look at; the rest need not be loaded.

    `lots` are the units whose lots an earn must see.
    """

    lots: frozenset[str]
    averages: bool
    units_today: bool
    shop_units_today: bool
    earns_today: bool
    last_earn: bool
    tier: bool
    progress: bool
    promises: bool
    purchases: bool


def needs(terms: ProgrammeTerms) -> Needs:
    """Say what to load before `evaluate`."""
    kinds = {limit.kind for limit in terms.limits}
    grants = [rule.grant for rule in terms.rules if isinstance(rule, BonusRule | SetRule)]
    grants += [
        level.grant for r in terms.rules if isinstance(r, ChallengeRule) for level in r.levels
    ]
    grants += [rule.grant for rule in terms.rules if isinstance(rule, WelcomeRule)]
    floors = [rule.floor for rule in terms.rules if isinstance(rule, BonusRule)]
    floors += [grant.floor for grant in grants]
    return Needs(
        lots=frozenset(u.code for u in terms.units if u.expiry.kind is ExpiryKind.IDLE),
        averages=any(floor.average is not None for floor in floors),
        units_today=LimitKind.UNITS_PER_DAY in kinds,
        shop_units_today=LimitKind.SHOP_UNITS_PER_DAY in kinds,
        earns_today=LimitKind.EARNS_PER_DAY in kinds,
        last_earn=LimitKind.MINUTES_BETWEEN in kinds,
        tier=terms.tiers is not None,
        progress=any(
            isinstance(rule, ChallengeRule | SetRule) or (isinstance(rule, BonusRule) and rule.once)
            for rule in terms.rules
        ),
        # A promise of an older version of the terms is kept, whatever today's terms say.
        promises=True,
        purchases=any(
            not isinstance(rule, SetRule | WelcomeRule) and rule.when.first_purchase
            for rule in terms.rules
        ),
    )


def evaluate(
    terms: ProgrammeTerms, state: MemberState, activity: Activity, now: datetime
) -> Evaluation:
    """What the activity gives under these terms; it may give nothing, and says why.

    Raises:
        InvalidInput: a number that no sale can have; `field` names it.
        LimitReached: a limit refuses it, or a balance would be more than a card can hold.
    """
    check_activity(activity)
    if activity.kind is not ActivityKind.JOIN:
        check_limits(terms, state, activity)
    answer = rate(terms, state, activity, now)
    for credit in answer.credits:
        if state.holding(credit.unit).balance + credit.credited > LIMITS.balance_max:
            raise LimitReached(_("This card cannot hold more."), limit="balance")
    return answer


def rate(
    terms: ProgrammeTerms, state: MemberState, activity: Activity, now: datetime
) -> Evaluation:
    """`evaluate` without its refusals: for an activity that was let through once already."""
    counted = count(activity, terms.counts, most_minor=most_counted(terms))
    seen = occasion(terms, state, activity, counted=counted, now=now)
    sheet = Sheet()
    if activity.kind is ActivityKind.JOIN:
        for rule in terms.rules:
            if isinstance(rule, WelcomeRule):
                welcome(rule, seen, sheet)
    else:
        _apply_rules(seen, sheet)
    return _answer(seen, sheet)


def _apply_rules(seen: Occasion, sheet: Sheet) -> None:
    rules = seen.terms.rules
    rater = Rater(occasion=seen, sheet=sheet, factors={}, winners={})
    for rule in rules:
        if isinstance(rule, RATING_RULES):
            rater.rate(rule)
        elif isinstance(rule, PackRule):
            rate_pack(rule, seen, sheet)
    rater.settle()
    keep_promises(seen, sheet)
    for rule in rules:
        if isinstance(rule, BonusRule):
            give_bonus(rule, seen, sheet)
    for rule in rules:
        if isinstance(rule, ChallengeRule):
            count_challenge(rule, seen, sheet)
    rooms = _rooms(seen)
    for rule in rules:
        if isinstance(rule, SetRule):
            count_set(rule, seen, sheet, room=rooms)


def _rooms(seen: Occasion) -> dict[str, int]:
    found = {unit.code: room(seen.terms, seen.state, unit.code) for unit in seen.terms.units}
    return {code: tightest[0] for code, tightest in found.items() if tightest is not None}


def _answer(seen: Occasion, sheet: Sheet) -> Evaluation:
    terms, state = seen.terms, seen.state
    credits_ = tuple(
        credit for unit in terms.units if (credit := _credit(unit, seen, sheet)) is not None
    )
    tier_total, tier_after = _tier(seen, credits_)
    draft = Evaluation(
        terms_version=terms.version,
        counted_minor=seen.counted.minor,
        left_out=seen.counted.left_out,
        credits=credits_,
        lapsed=plan_lapses(state, seen.now, zone=seen.zone),
        promised=tuple(sheet.promised),
        consumed=tuple(promise.id for promise in sheet.consumed),
        progress=sheet.progress,
        tier_before=state.tier,
        tier_after=tier_after,
        tier_total=tier_total,
        rules_left_out=tuple(sheet.left_out),
        reason={},
        basis=basis.write_basis(seen, sheet),
    )
    return programme_reasons.with_reasons(draft, terms)


def _credit(unit: UnitTerms, seen: Occasion, sheet: Sheet) -> Credit | None:
    holding = seen.state.holding(unit.code)
    parts = tuple(sheet.parts.get(unit.code, ()))
    carry_after = sheet.carry.get(unit.code, holding.carry)
    if not parts and carry_after == holding.carry:
        return None
    free = sheet.total(unit.code, FREE_OF_CAPS)
    earned = sum(part.units for part in parts) - free
    trimmed, caps = cap(earned, room(seen.terms, seen.state, unit.code))
    packs = sheet.total(unit.code, (PartKind.PACK,))
    debt_paid = min(holding.debt, trimmed + free - packs)
    return Credit(
        unit=unit.code,
        units=trimmed + free,
        debt_paid=debt_paid,
        carry_before=holding.carry,
        carry_after=carry_after,
        parts=parts,
        caps=caps,
        lots=_lots(unit, seen, sheet, ordinary=trimmed, debt_paid=debt_paid),
    )


def _lots(
    unit: UnitTerms, seen: Occasion, sheet: Sheet, *, ordinary: int, debt_paid: int
) -> tuple[NewLot, ...]:
    # What is owed is paid from what waits longest: the welcome bonus can be spent at once.
    welcomed = sheet.total(unit.code, (PartKind.WELCOME,))
    from_ordinary = min(debt_paid, ordinary)
    ordinary -= from_ordinary
    welcomed -= debt_paid - from_ordinary
    if not unit.pending_days:
        ordinary, welcomed = ordinary + welcomed, 0
    wanted = [(ordinary, 0, True), (welcomed, 0, False)]
    wanted += [
        (part.units, sheet.pack_days[part.rule], False)
        for part in sheet.parts.get(unit.code, ())
        if part.kind is PartKind.PACK
    ]
    return tuple(
        new_lot(
            unit,
            amount,
            earned_at=seen.activity.at,
            now=seen.now,
            zone=seen.zone,
            days=days,
            pending=waits,
        )
        for amount, days, waits in wanted
        if amount
    )


def _tier(seen: Occasion, credits_: tuple[Credit, ...]) -> tuple[int, str]:
    tiers, state = seen.terms.tiers, seen.state
    if tiers is None:
        return state.tier_total, state.tier
    if tiers.basis is TierBasis.SPEND:
        more = seen.counted.minor
    else:
        more = sum(credit.units for credit in credits_ if credit.unit == tiers.unit)
    total = state.tier_total + more
    return total, risen(tiers, state.tier, total)
