"""Whether a reward, a coupon, a promise, points or a class can be used now, and what that does.

Pure decisions: a `Due` says what to write and what the till does, a `Refused` why not. The order
of the questions is that of a person at the counter: is it on offer, is it for you, is there one
left, is the sale right, can you pay. Not done here: counting stock and uses (storage, under a lock).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from ledger import lots as lot_rules
from ledger import movement_reasons
from ledger.activity import Activity
from ledger.discounts import payable, percent_of, to_pay
from ledger.expiry import effective, local_day, spendable
from ledger.lots import Lot
from ledger.member_state import Holding, MemberState, Promise
from ledger.occasion import least_minor
from ledger.offers import (
    Cost,
    Coupon,
    Due,
    Refusal,
    Refused,
    RewardKind,
    RewardOffer,
    Spending,
)
from ledger.programme_terms import Floor, GrantKind, Match, PaymentRule, ProgrammeTerms
from ledger.tiers import level_of

PERCENT: Final = 100
_DISCOUNTS: Final = (RewardKind.PERCENT, RewardKind.FIXED)


def may_redeem(
    offer: RewardOffer,
    terms: ProgrammeTerms,
    state: MemberState,
    *,
    used: int,
    activity: Activity | None,
    now: datetime,
) -> Due | Refused:
    """Whether a member can have a reward; `used` is how often they had it already."""
    refused = _on_offer(offer, state, now=now)
    if refused is None and offer.per_member is not None and used >= offer.per_member:
        refused = Refused(why=Refusal.USED_UP, facts={"most": offer.per_member})
    if refused is not None:
        return refused
    discount = _discount(offer, state, activity)
    if isinstance(discount, Refused):
        return discount
    spendings = _pay_costs(offer.costs, terms, state, now=now)
    if isinstance(spendings, Refused):
        return spendings
    donated = offer.value_minor if offer.kind is RewardKind.DONATION else 0
    return Due(
        kind=offer.kind,
        spendings=spendings,
        discount_minor=discount,
        donated_minor=donated,
        stock_after=None if offer.stock is None else offer.stock - 1,
        reason=movement_reasons.due_reason(
            terms, offer.kind, spendings=spendings, discount_minor=discount, donated_minor=donated
        ),
    )


def may_use(
    coupon: Coupon,
    terms: ProgrammeTerms,
    state: MemberState,
    *,
    member_id: int,
    used: int,
    activity: Activity | None,
    now: datetime,
) -> Due | Refused:
    """Whether a member can use a coupon; `used` is how often they did already."""
    if coupon.member_id is not None and coupon.member_id != member_id:
        return Refused(why=Refusal.FOREIGN)
    refused = _on_offer(coupon, state, now=now)
    if refused is None and coupon.uses_max is not None and used >= coupon.uses_max:
        refused = Refused(why=Refusal.USED_UP, facts={"most": coupon.uses_max})
    if refused is not None:
        return refused
    discount = _discount(coupon, state, activity)
    if isinstance(discount, Refused):
        return discount
    return Due(
        kind=coupon.kind,
        discount_minor=discount,
        stock_after=None if coupon.stock is None else coupon.stock - 1,
        reason=movement_reasons.due_reason(terms, coupon.kind, discount_minor=discount),
    )


def may_use_promise(
    promise: Promise,
    terms: ProgrammeTerms,
    state: MemberState,
    *,
    activity: Activity | None,
    now: datetime,
) -> Due | Refused:
    """Whether a discount that was promised for the next purchase can be used on this one.

    Raises:
        ValueError: the promise is of units; `evaluate` keeps those.
    """
    if promise.kind not in (GrantKind.PERCENT_OFF_NEXT, GrantKind.FIXED_OFF_NEXT):
        raise ValueError(f"a promise of {promise.kind} is kept when the sale is evaluated")
    is_percent = promise.kind is GrantKind.PERCENT_OFF_NEXT
    coupon = Coupon(
        id=promise.id,
        kind=RewardKind.PERCENT if is_percent else RewardKind.FIXED,
        percent=promise.amount if is_percent else 0,
        value_minor=0 if is_percent else promise.amount,
        floor=Floor(minor=promise.min_sale_minor),
        valid_from=promise.granted_at,
        valid_until=promise.expires_at,
    )
    return may_use(coupon, terms, state, member_id=0, used=0, activity=activity, now=now)


def pay(
    terms: ProgrammeTerms,
    state: MemberState,
    *,
    unit: str,
    units: int | None,
    to_pay_minor: int,
    now: datetime,
) -> Due | Refused:
    """Pay with units: as many as asked, or (None) as many as are there and fit the sale.

    Only whole steps of the rate pay, and never more than the sale: nothing is given back in coin.
    """
    rule = next((rule for rule in terms.payments if rule.unit == unit), None)
    if rule is None:
        return Refused(why=Refusal.NO_RATE)
    most_minor = percent_of(max(0, to_pay_minor), rule.max_percent)
    held = spendable(_lots(terms, state, unit), now)
    steps = most_minor // rule.minor
    if units is None:
        units = min(steps, held // rule.units) * rule.units
    refused = _payment_obstacle(rule, units, steps=steps)
    if refused is not None:
        return refused
    spendings = _pay_costs((Cost(unit=unit, amount=units),), terms, state, now=now)
    if isinstance(spendings, Refused):
        return spendings
    minor = units // rule.units * rule.minor
    return Due(
        kind=RewardKind.FIXED,
        spendings=spendings,
        discount_minor=minor,
        reason=movement_reasons.due_reason(
            terms, "payment", spendings=spendings, discount_minor=minor
        ),
    )


def _payment_obstacle(rule: PaymentRule, units: int, *, steps: int) -> Refused | None:
    least = max(rule.units, rule.min_units)
    if units < least or units % rule.units:
        return Refused(
            why=Refusal.TOO_LITTLE, facts={"unit": rule.unit, "least": least, "step": rule.units}
        )
    if units // rule.units > steps:
        return Refused(why=Refusal.TOO_MUCH, facts={"unit": rule.unit, "most": steps * rule.units})
    return None


def may_attend(
    terms: ProgrammeTerms, state: MemberState, *, unit: str, now: datetime
) -> Due | Refused:
    """Whether a member can take one class of a pack."""
    spendings = _pay_costs((Cost(unit=unit, amount=1),), terms, state, now=now)
    if isinstance(spendings, Refused):
        return spendings
    return Due(
        kind=RewardKind.SERVICE,
        spendings=spendings,
        reason=movement_reasons.due_reason(terms, "attend", spendings=spendings),
    )


def tier_discount(terms: ProgrammeTerms, tier: str, activity: Activity) -> int:
    """What the standing benefit of a tier takes off a sale, in minor units."""
    level = level_of(terms.tiers, tier) if terms.tiers else None
    return percent_of(payable(activity, Match()), level.benefit_percent) if level else 0


def _on_offer(offer: RewardOffer | Coupon, state: MemberState, *, now: datetime) -> Refused | None:
    if not offer.active:
        return Refused(why=Refusal.INACTIVE)
    if offer.valid_from is not None and now < offer.valid_from:
        return Refused(why=Refusal.NOT_YET, facts={"from": offer.valid_from})
    if offer.valid_until is not None and now >= offer.valid_until:
        return Refused(why=Refusal.OVER, facts={"until": offer.valid_until})
    if offer.tiers and state.tier not in offer.tiers:
        return Refused(why=Refusal.WRONG_TIER, facts={"tiers": offer.tiers})
    if offer.stock is not None and offer.stock <= 0:
        return Refused(why=Refusal.OUT_OF_STOCK)
    return None


def _discount(
    offer: RewardOffer | Coupon, state: MemberState, activity: Activity | None
) -> int | Refused:
    """What comes off the sale: zero for things that are handed out."""
    least = least_minor(offer.floor, state)
    if least is None:
        return Refused(why=Refusal.NO_AVERAGE)
    if activity is None:
        needs_sale = least > 0 or offer.kind in _DISCOUNTS
        return Refused(why=Refusal.NO_SALE) if needs_sale else 0
    if to_pay(activity) < least:
        return Refused(why=Refusal.TOO_SMALL, facts={"least_minor": least})
    return _taken_off(offer, activity) if offer.kind in _DISCOUNTS else 0


def _taken_off(offer: RewardOffer | Coupon, activity: Activity) -> int | Refused:
    base = payable(activity, offer.match)
    if base == 0:
        return Refused(why=Refusal.NOTHING_MATCHES)
    if offer.kind is RewardKind.PERCENT:
        return percent_of(base, min(offer.percent, PERCENT))
    return min(base, offer.value_minor)


def _pay_costs(
    costs: tuple[Cost, ...], terms: ProgrammeTerms, state: MemberState, *, now: datetime
) -> tuple[Spending, ...] | Refused:
    spendings = []
    for cost in costs:
        holding = state.holding(cost.unit)
        refused = _at_rest(holding, terms, now=now)
        if refused is not None:
            return refused
        lots = _lots(terms, state, cost.unit)
        held = min(holding.balance, spendable(lots, now))
        if held < cost.amount:
            return _short(cost, lots, held=held, now=now)
        if cost.amount:
            taken = lot_rules.spend(lots, cost.amount, now=now)
            spendings.append(Spending(unit=cost.unit, amount=cost.amount, allocations=taken))
    return tuple(spendings)


def _short(cost: Cost, lots: tuple[Lot, ...], *, held: int, now: datetime) -> Refused:
    facts = {"unit": cost.unit, "available": held, "needed": cost.amount}
    waiting = [
        replace(lot, available_from=now) if lot.available_from > now else lot for lot in lots
    ]
    if spendable(waiting, now) >= cost.amount:
        return Refused(why=Refusal.PENDING, facts=facts)
    return Refused(why=Refusal.NOT_ENOUGH, facts=facts)


def _at_rest(holding: Holding, terms: ProgrammeTerms, *, now: datetime) -> Refused | None:
    if holding.locked:
        return Refused(why=Refusal.LOCKED, facts={"unit": holding.unit})
    today = local_day(now, ZoneInfo(terms.time_zone))
    for pause in holding.pauses:
        if pause.first_day <= today <= pause.last_day:
            return Refused(
                why=Refusal.PAUSED, facts={"unit": holding.unit, "last_day": pause.last_day}
            )
    return None


def _lots(terms: ProgrammeTerms, state: MemberState, unit: str) -> tuple[Lot, ...]:
    holding = state.holding(unit)
    return effective(
        holding.lots,
        last_active_at=state.last_active_at,
        zone=ZoneInfo(terms.time_zone),
        pauses=holding.pauses,
    )
