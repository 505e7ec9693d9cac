"""A card as storage would keep it, driven by the engine's answers alone: lots, debts, refunds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ledger.activity import Activity, ActivityKind
from ledger.evaluate import evaluate
from ledger.evaluation import Credit, Evaluation, Lapse
from ledger.expiry import effective, plan_expire
from ledger.lots import Allocation, Lot
from ledger.lots import spend as take
from ledger.member_state import Holding, MemberState, Pause, Progress, Promise
from ledger.programme_terms import ProgrammeTerms, SpentReward, TierBasis
from ledger.refund_plan import Given, Refund, RefundPlan, Restore, SpentOn
from ledger.refunds import plan_refund
from ledger.remainder import add, paid
from ledger.tiers import tier_at, window_start
from tests.support.rule_model import NOTHING, Around


@dataclass
class BookedSale:
    activity: Activity
    answer: Evaluation
    basis: Mapping[str, Any]
    before: Refund = field(default_factory=Refund)
    taken: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    gone: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    carry_change: dict[str, int] = field(default_factory=dict)
    lots: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    rewards: list[SpentOn] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counted_minor = self.answer.counted_minor

    @property
    def is_back(self) -> bool:
        return self.before.paid_minor >= paid(self.activity) > 0


class Book:
    """Writes what the engine says, and nothing else."""

    def __init__(self, terms: ProgrammeTerms) -> None:
        self.terms = terms
        self.zone = ZoneInfo(terms.time_zone)
        self.holdings: dict[str, Holding] = {}
        self.expired: defaultdict[int, int] = defaultdict(int)
        self.progress: dict[str, Progress] = {}
        self.promises: list[Promise] = []
        self.ended: dict[int, Promise] = {}
        self.sales: list[BookedSale] = []
        self.welcomed = False
        self.tier = ""
        self.last_active: datetime | None = None
        self.accounts: defaultdict[tuple[str, str], int] = defaultdict(int)

    def state(self, at: datetime, around: Around = NOTHING) -> MemberState:
        """What an activity of that moment finds."""
        day = at.astimezone(self.zone).date()
        sold = [sale for sale in self.sales if self._day(sale.activity.at) == day]
        today: defaultdict[str, int] = defaultdict(int)
        for sale in sold:
            for credit in sale.answer.credits:
                today[credit.unit] += credit.units - sale.taken[credit.unit]
        return MemberState(
            holdings=self.holdings,
            purchases=sum(1 for sale in self.sales if not sale.is_back),
            promises=tuple(self.promises),
            progress=self.progress,
            tier=self.tier,
            tier_total=self._tier_total(at),
            last_active_at=self.last_active,
            last_earn_at=max((sale.activity.at for sale in self.sales), default=None),
            earns_today=len(sold),
            units_today=today,
            shop_units_today={
                unit.code: today[unit.code] + around.others for unit in self.terms.units
            },
            member_average_minor=around.member_average,
            shop_average_minor=around.shop_average,
            welcomed=self.welcomed,
        )

    def lots(self, unit: str) -> tuple[Lot, ...]:
        holding = self.holdings.get(unit, Holding(unit=unit))
        return effective(
            holding.lots,
            last_active_at=self.last_active,
            zone=self.zone,
            pauses=holding.pauses,
        )

    def joins(self, now: datetime) -> Evaluation:
        activity = Activity(kind=ActivityKind.JOIN, at=now)
        answer = evaluate(self.terms, self.state(now), activity, now)
        self._promised(answer, sale=0)
        self.welcomed = True
        return answer

    def buys(
        self,
        activity: Activity,
        now: datetime,
        *,
        around: Around = NOTHING,
        rewards: Sequence[SpentOn] = (),
    ) -> Evaluation:
        answer = evaluate(self.terms, self.state(activity.at, around), activity, now)
        for lapse in answer.lapsed:
            self._lapse(lapse)
        # The basis goes through text, as it does in a table.
        sale = BookedSale(
            activity, answer, json.loads(json.dumps(answer.basis)), rewards=list(rewards)
        )
        self.sales.append(sale)
        for credit in answer.credits:
            self._credit(credit, sale)
        self._post(answer.moves())
        self._promised(answer, sale=len(self.sales))
        self.progress |= answer.progress
        self.tier = answer.tier_after
        self.last_active = max(activity.at, self.last_active or activity.at)
        return answer

    def spends(self, unit: str, units: int, now: datetime) -> tuple[Allocation, ...]:
        self.lets_expire(now)
        taken = take(self.lots(unit), units, now=now)
        self._allocate(unit, taken)
        self.accounts[unit, "member"] -= units
        self.accounts[unit, "redeemed"] += units
        self.last_active = max(now, self.last_active or now)
        return taken

    def lets_expire(self, now: datetime) -> int:
        total = 0
        for unit in list(self.holdings):
            lapse = plan_expire(unit, self.lots(unit), now)
            if lapse is not None:
                self._lapse(lapse)
                self.accounts[unit, "member"] -= lapse.units
                self.accounts[unit, "expired"] += lapse.units
                total += lapse.units
        return total

    def looks_at_tier(self, now: datetime) -> None:
        if self.terms.tiers is not None:
            history = self._tier_history()
            self.tier = tier_at(self.terms.tiers, history, now, self.zone).code

    def uses(self, promise: Promise, now: datetime) -> None:
        self.promises.remove(promise)
        self.last_active = max(now, self.last_active or now)

    def locks(self, unit: str, *, locked: bool) -> None:
        self.holdings[unit] = replace(self.holdings[unit], locked=locked)

    def pauses(self, unit: str, pause: Pause) -> None:
        holding = self.holdings[unit]
        self.holdings[unit] = replace(holding, pauses=(*holding.pauses, pause))

    def gives_back(
        self,
        number: int,
        refund: Refund,
        now: datetime,
        *,
        spent: tuple[SpentOn, ...] = (),
        choice: SpentReward | None = None,
    ) -> RefundPlan:
        sale = self.sales[number]
        plan = plan_refund(
            self.terms,
            sale.basis,
            refund,
            before=sale.before,
            given=[self._given(sale, credit.unit) for credit in sale.answer.credits],
            spent=spent or tuple(sale.rewards),
            state=self.state(now),
            choice=choice,
            now=now,
        )
        if plan.ask:
            return plan
        sale.before = add(sale.before, refund)
        for lapse in plan.lapsed:
            self._lapse(lapse)
        for back in plan.restores:
            self._restore(back)
            sale.rewards.clear()
        for one in plan.takes:
            assert one.units == one.from_lots + one.owed + one.forgiven
            sale.taken[one.unit] += one.units
            sale.gone[one.unit] += one.gone
            sale.carry_change[one.unit] += one.carry_change
            self._allocate(one.unit, one.allocations)
            holding = self.holdings[one.unit]
            self.holdings[one.unit] = replace(
                holding, carry=holding.carry + one.carry_change, debt=holding.debt + one.owed
            )
        sale.counted_minor += plan.counted_change
        self.progress.update(plan.progress)
        self._promises_back(plan, number + 1)
        self._post(plan.moves())
        self.looks_at_tier(now)
        return plan

    def _credit(self, credit: Credit, sale: BookedSale) -> None:
        holding = self.holdings.get(credit.unit, Holding(unit=credit.unit))
        made = tuple(
            Lot(
                id=len(self.sales) * 100_000 + sum(len(one) for one in sale.lots.values()) + place,
                amount=new.amount,
                remaining=new.amount,
                available_from=new.available_from,
                expires_at=new.expires_at,
                idle_days=new.idle_days,
            )
            for place, new in enumerate(credit.lots)
        )
        sale.lots[credit.unit] = [lot.id for lot in made]
        sale.carry_change[credit.unit] = credit.carry_change
        assert sum(lot.amount for lot in made) == credit.credited
        self.holdings[credit.unit] = replace(
            holding,
            balance=holding.balance + credit.credited,
            carry=credit.carry_after,
            debt=holding.debt - credit.debt_paid,
            lots=(*holding.lots, *made),
        )

    def _promised(self, answer: Evaluation, *, sale: int) -> None:
        for promise in self.promises:
            if promise.id in answer.consumed:
                self.ended[promise.id] = promise
        self.promises = [one for one in self.promises if one.id not in answer.consumed]
        first = sale * 100 + 1
        self.promises += [
            replace(promise, id=first + place) for place, promise in enumerate(answer.promised)
        ]

    def _promises_back(self, plan: RefundPlan, sale: int) -> None:
        made_here = range(sale * 100, sale * 100 + 100)
        self.promises = [
            one
            for one in self.promises
            if one.id not in made_here or one.rule not in plan.promises_void
        ]
        self.promises += [self.ended.pop(one) for one in plan.promises_back if one in self.ended]
        self.promises.sort(key=lambda one: one.id)

    def _restore(self, back: Restore) -> None:
        self._allocate(back.unit, back.allocations)
        holding, ends = self.holdings[back.unit], dict(back.extended)
        self.holdings[back.unit] = replace(
            holding,
            lots=tuple(
                replace(lot, expires_at=ends[lot.id], idle_days=None) if lot.id in ends else lot
                for lot in holding.lots
            ),
        )

    def _tier_history(self) -> list[tuple[date, int]]:
        tiers = self.terms.tiers
        if tiers is None:
            return []
        found = []
        for sale in self.sales:
            credit = sale.answer.credit(tiers.unit)
            units = credit.units - sale.taken[tiers.unit] if credit else 0
            by_money = tiers.basis is TierBasis.SPEND
            found.append((self._day(sale.activity.at), sale.counted_minor if by_money else units))
        return found

    def _tier_total(self, at: datetime) -> int:
        if self.terms.tiers is None:
            return 0
        start = window_start(self.terms.tiers, at, self.zone)
        since = date.min if start is None else self._day(start)
        return sum(amount for day, amount in self._tier_history() if day >= since)

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def _given(self, sale: BookedSale, unit: str) -> Given:
        credit = sale.answer.credit(unit)
        assert credit is not None
        return Given(
            unit=unit,
            units=credit.units,
            taken_back=sale.taken[unit],
            expired=sum(self.expired[lot] for lot in sale.lots[unit]),
            gone=sale.gone[unit],
            carry_change=sale.carry_change[unit],
            lot_ids=tuple(sale.lots[unit]),
        )

    def _lapse(self, lapse: Lapse) -> None:
        for part in lapse.allocations:
            self.expired[part.lot_id] += part.amount
        self._allocate(lapse.unit, lapse.allocations)

    def _allocate(self, unit: str, allocations: tuple[Allocation, ...]) -> None:
        holding = self.holdings[unit]
        lots = {lot.id: lot for lot in holding.lots}
        for part in allocations:
            lot = lots[part.lot_id]
            assert 0 <= lot.remaining - part.amount <= lot.amount
            lots[lot.id] = replace(lot, remaining=lot.remaining - part.amount)
        self.holdings[unit] = replace(
            holding,
            lots=tuple(lots.values()),
            balance=holding.balance - sum(part.amount for part in allocations),
        )

    def _post(self, moves: tuple[Any, ...]) -> None:
        for move in moves:
            assert move.amount > 0
            self.accounts[move.unit, str(move.debit)] -= move.amount
            self.accounts[move.unit, str(move.credit)] += move.amount
