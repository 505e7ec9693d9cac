"""A dress rehearsal: past sales replayed on terms that nobody lives under yet.

Every sale goes through the same evaluation as at the till; a reward is taken as soon as the card
pays for the cheapest, and what is promised for the next purchase is used on it. Limits that refuse
are passed over: a replay asks what the rules cost, not who stood at the till. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from common.errors import LimitReached
from ledger import lots as lot_rules
from ledger.activity import Activity
from ledger.discounts import to_pay
from ledger.evaluate import evaluate
from ledger.evaluation import Evaluation
from ledger.expiry import effective, local_day, plan_expire, spendable
from ledger.lots import Lot
from ledger.member_state import Holding, MemberState, Promise
from ledger.offers import Cost
from ledger.programme_terms import GrantKind, ProgrammeTerms, TierBasis
from ledger.redeeming import tier_discount
from ledger.statement import Worth
from ledger.tiers import tier_at

BASIS_POINTS: Final = 10_000
PERCENT: Final = 100
VISITS: Final = ((1, 1), (2, 4), (5, 9), (10, None))
"""The groups of customers by how often they came in the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSale:
    """A sale that was; `customer` empty where nobody knows who it was."""

    activity: Activity
    customer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardCost:
    """A reward: what it takes, and what one costs the shop (face where not known).

    `cost_minor` None is a cost that nobody said; a percent reward costs so much of the purchase it
    is taken with. `most` is how often one customer can have it.
    """

    name: str
    costs: tuple[Cost, ...]
    cost_minor: int | None
    percent: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What customers who came `first` to `last` times spent and got; `last` None is without end."""

    first: int
    last: int | None
    customers: int
    sales_minor: int
    got_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the terms would have done.

    `rewards` are how many of each were due; `cost_minor` is what they and all discounts cost,
    without those in `unknown`, whose cost nobody said: it is at least that much. Then
    `cost_basis_points` the same in hundredths of a percent of sales. `liability_minor` is what is
    out at the end at cost, None where no unit's worth is known, and at least that where some are
    `unvalued`; `refused` sales met a limit.
    """

    customers: int
    issued: dict[str, int]
    expired: dict[str, int]
    out: dict[str, int]
    rewards: dict[str, int]
    rewards_minor: int
    discounts_minor: int
    cost_minor: int
    cost_basis_points: int
    liability_minor: int | None
    refused: int
    gains: tuple[Gain, ...]
    unknown: dict[str, int] = field(default_factory=dict)
    unvalued: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Customer:
    """One customer's way through the replay."""

    state: MemberState = field(default_factory=MemberState)
    lots: dict[str, list[Lot]] = field(default_factory=dict)
    history: list[tuple[date, int]] = field(default_factory=list)
    day: date | None = None
    visits: int = 0
    sales_minor: int = 0
    got_minor: int = 0
    taken: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class Rehearsing:
    """The replay as it goes on; feed it sales in the order of time, then ask for the outcome."""

    terms: ProgrammeTerms
    rewards: Sequence[RewardCost]
    worths: dict[str, Worth]
    customers: dict[str, _Customer] = field(default_factory=dict)
    issued: Counter[str] = field(default_factory=Counter)
    expired: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    rewards_minor: int = 0
    discounts_minor: int = 0
    sales_minor: int = 0
    refused: int = 0
    shop_sales: int = 0
    numbers: int = 0

    def feed(self, sale: PastSale) -> None:
        """Replay one sale."""
        one = self.customers.setdefault(sale.customer, _Customer())
        at = sale.activity.at
        self._expire(one, at)
        discount = self._discounts(one, sale.activity)
        activity = replace(sale.activity, redeemed_minor=discount)
        self.sales_minor += to_pay(sale.activity)
        self.shop_sales += 1
        one.visits += 1
        one.sales_minor += to_pay(sale.activity)
        one.got_minor += discount
        self.discounts_minor += discount
        try:
            answer = evaluate(self.terms, self._state(one, activity), activity, at)
        except LimitReached:
            self.refused += 1
            return
        self._apply(one, answer, activity)
        self._redeem(one, activity)

    def outcome(self, *, now: datetime) -> Outcome:
        """What came of it, at the end of the time."""
        out: Counter[str] = Counter()
        for one in self.customers.values():
            self._expire(one, now)
            for unit, lots in one.lots.items():
                out[unit] += sum(lot.remaining for lot in lots)
        cost = self.rewards_minor + self.discounts_minor
        known = [unit for unit in out if unit in self.worths]
        return Outcome(
            customers=len(self.customers),
            issued=dict(self.issued),
            expired=dict(self.expired),
            out=dict(out),
            rewards=dict(self.taken),
            rewards_minor=self.rewards_minor,
            discounts_minor=self.discounts_minor,
            cost_minor=cost,
            cost_basis_points=_share(cost, self.sales_minor),
            liability_minor=(
                sum(_cost_of(self.worths[unit], out[unit]) for unit in known) if known else None
            ),
            refused=self.refused,
            gains=self._gains(),
            unknown={
                reward.name: self.taken[reward.name]
                for reward in self.rewards
                if _is_unknown(reward) and self.taken[reward.name]
            },
            unvalued=tuple(unit for unit, units in out.items() if units and unit not in known),
        )

    def _state(self, one: _Customer, activity: Activity) -> MemberState:
        day = local_day(activity.at, ZoneInfo(self.terms.time_zone))
        state = one.state
        if one.day != day:
            state = replace(state, earns_today=0, units_today={})
            one.day = day
        holdings = {
            unit: replace(holding, lots=tuple(one.lots.get(unit, ())))
            for unit, holding in state.holdings.items()
        }
        member = one.sales_minor // one.visits if one.visits > 2 else None  # noqa: PLR2004
        shop = self.sales_minor // self.shop_sales if self.shop_sales >= 20 else None  # noqa: PLR2004
        one.state = replace(
            state, holdings=holdings, member_average_minor=member, shop_average_minor=shop
        )
        return one.state

    def _discounts(self, one: _Customer, activity: Activity) -> int:
        """What the tier and promises of the last purchase take off this one."""
        off = tier_discount(self.terms, one.state.tier, activity)
        left: list[Promise] = []
        for promise in one.state.promises:
            value = _value_off(promise, activity)
            if value is None:
                left.append(promise)
            else:
                off += value
        one.state = replace(one.state, promises=tuple(left))
        return min(off, to_pay(activity))

    def _apply(self, one: _Customer, answer: Evaluation, activity: Activity) -> None:
        state, holdings = one.state, dict(one.state.holdings)
        today = dict(state.units_today)
        for credit in answer.credits:
            known = holdings.get(credit.unit) or Holding(unit=credit.unit)
            holdings[credit.unit] = replace(
                known, balance=known.balance + credit.credited, carry=credit.carry_after
            )
            self.issued[credit.unit] += credit.units
            today[credit.unit] = today.get(credit.unit, 0) + credit.units
            one.lots.setdefault(credit.unit, []).extend(self._lot(lot) for lot in credit.lots)
        kept = [item for item in state.promises if item.id not in answer.consumed]
        new = [replace(item, id=self._next()) for item in answer.promised]
        day = local_day(activity.at, ZoneInfo(self.terms.time_zone))
        one.history.append((day, self._tier_units(answer)))
        one.state = replace(
            state,
            holdings=holdings,
            purchases=state.purchases + 1,
            promises=(*kept, *new),
            progress={**state.progress, **answer.progress},
            tier=answer.tier_after,
            tier_total=answer.tier_total,
            last_active_at=activity.at,
            last_earn_at=activity.at,
            earns_today=state.earns_today + 1,
            units_today=today,
        )

    def _tier_units(self, answer: Evaluation) -> int:
        tiers = self.terms.tiers
        if tiers is None or tiers.basis is TierBasis.SPEND:
            return answer.counted_minor
        credit = answer.credit(tiers.unit)
        return credit.units if credit else 0

    def _expire(self, one: _Customer, now: datetime) -> None:
        zone = ZoneInfo(self.terms.time_zone)
        for unit, lots in one.lots.items():
            ends = effective(lots, last_active_at=one.state.last_active_at, zone=zone)
            lapse = plan_expire(unit, ends, now)
            if lapse is not None:
                self.expired[unit] += lapse.units
                self._take(one, unit, {part.lot_id: part.amount for part in lapse.allocations})
        tiers = self.terms.tiers
        if tiers is not None and one.state.tier:
            standing = tier_at(tiers, one.history, now, zone)
            one.state = replace(one.state, tier=standing.code, tier_total=standing.total)

    def _redeem(self, one: _Customer, activity: Activity) -> None:
        for reward in self.rewards:
            while self._pays(one, reward, activity.at):
                cost = _cost_with(reward, activity)
                one.taken[reward.name] += 1
                self.taken[reward.name] += 1
                self.rewards_minor += cost
                one.got_minor += cost
                if reward.percent:
                    break  # one percentage a purchase

    def _pays(self, one: _Customer, reward: RewardCost, now: datetime) -> bool:
        """Take what a reward costs in every unit; False when the card does not hold it."""
        if reward.most is not None and one.taken[reward.name] >= reward.most:
            return False
        zone = ZoneInfo(self.terms.time_zone)
        last = one.state.last_active_at
        ends = {
            cost.unit: effective(one.lots.get(cost.unit, []), last_active_at=last, zone=zone)
            for cost in reward.costs
        }
        if any(spendable(ends[cost.unit], now) < cost.amount for cost in reward.costs):
            return False
        for cost in reward.costs:
            parts = lot_rules.spend(ends[cost.unit], cost.amount, now=now)
            self._take(one, cost.unit, {part.lot_id: part.amount for part in parts})
        return True

    def _take(self, one: _Customer, unit: str, amounts: dict[int, int]) -> None:
        left = [
            replace(lot, remaining=lot.remaining - amounts.get(lot.id, 0)) for lot in one.lots[unit]
        ]
        one.lots[unit] = [lot for lot in left if lot.remaining]
        known = one.state.holding(unit)
        taken = replace(known, balance=known.balance - sum(amounts.values()))
        one.state = replace(one.state, holdings={**one.state.holdings, unit: taken})

    def _lot(self, new: lot_rules.NewLot) -> Lot:
        return Lot(
            id=self._next(),
            amount=new.amount,
            remaining=new.amount,
            available_from=new.available_from,
            expires_at=new.expires_at,
            idle_days=new.idle_days,
        )

    def _next(self) -> int:
        self.numbers += 1
        return self.numbers

    def _gains(self) -> tuple[Gain, ...]:
        found = []
        for first, last in VISITS:
            group = [
                one
                for one in self.customers.values()
                if one.visits >= first and (last is None or one.visits <= last)
            ]
            found.append(
                Gain(
                    first=first,
                    last=last,
                    customers=len(group),
                    sales_minor=sum(one.sales_minor for one in group),
                    got_minor=sum(one.got_minor for one in group),
                )
            )
        return tuple(found)


def replay(
    terms: ProgrammeTerms,
    sales: Iterable[PastSale],
    *,
    rewards: Sequence[RewardCost],
    worths: dict[str, Worth],
    named: Callable[[int, PastSale], str],
    now: datetime,
) -> Outcome:
    """Replay sales in the order of time; `named` says whose the n-th is.

    `rewards` are taken cheapest first; their order decides between units.
    """
    cheapest = _cheapest(rewards)
    going = Rehearsing(terms=terms, rewards=cheapest, worths=worths)
    for number, sale in enumerate(sorted(sales, key=lambda one: one.activity.at)):
        going.feed(replace(sale, customer=named(number, sale)))
    return going.outcome(now=now)


def _cheapest(rewards: Sequence[RewardCost]) -> tuple[RewardCost, ...]:
    """One reward for each unit or set of units: what takes least, then what costs the shop most.

    The next cheapest stands in where a customer had the first as often as they may.
    """
    found: dict[frozenset[str], list[RewardCost]] = {}
    for one in sorted(rewards, key=_takes_least):
        group = found.setdefault(frozenset(cost.unit for cost in one.costs), [])
        if not group or group[-1].most is not None:
            group.append(one)
    return tuple(one for group in found.values() for one in group)


def _takes_least(reward: RewardCost) -> tuple[int, int]:
    return sum(cost.amount for cost in reward.costs), -(reward.cost_minor or 0)


def _is_unknown(reward: RewardCost) -> bool:
    return reward.cost_minor is None and not reward.percent


def _cost_with(reward: RewardCost, activity: Activity) -> int:
    if reward.cost_minor is None and reward.percent:
        return to_pay(activity) * reward.percent // PERCENT
    return reward.cost_minor or 0


def _value_off(promise: Promise, activity: Activity) -> int | None:
    """What a promise takes off this purchase; None when it is no discount, or does not fit."""
    is_over = promise.expires_at is not None and promise.expires_at <= activity.at
    if is_over or to_pay(activity) < promise.min_sale_minor:
        return None
    match promise.kind:
        case GrantKind.FIXED_OFF_NEXT:
            return min(promise.amount, to_pay(activity))
        case GrantKind.PERCENT_OFF_NEXT:
            return to_pay(activity) * promise.amount // 100
    return None


def _cost_of(worth: Worth, units: int) -> int:
    each = worth.face_minor if worth.cost_minor is None else worth.cost_minor
    return (2 * units * each + worth.units) // (2 * worth.units)


def _share(part: int, whole: int) -> int:
    return 0 if whole <= 0 else (2 * part * BASIS_POINTS + whole) // (2 * whole)
