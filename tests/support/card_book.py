"""A card as storage would keep it, driven by the engine's answers alone: lots, debts, refunds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ledger.activity import Activity
from ledger.evaluate import evaluate
from ledger.evaluation import Evaluation, Lapse
from ledger.expiry import effective, plan_expire
from ledger.lots import Allocation, Lot
from ledger.lots import spend as take
from ledger.member_state import Holding, MemberState, Progress
from ledger.programme_terms import ProgrammeTerms, SpentReward
from ledger.refund_plan import Given, Refund, RefundPlan, SpentOn
from ledger.refunds import plan_refund
from ledger.remainder import add


@dataclass
class BookedSale:
    activity: Activity
    answer: Evaluation
    basis: Mapping[str, Any]
    before: Refund = field(default_factory=Refund)
    taken: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    carry_change: dict[str, int] = field(default_factory=dict)
    lots: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


class Book:
    """Writes what the engine says, and nothing else."""

    def __init__(self, terms: ProgrammeTerms) -> None:
        self.terms = terms
        self.zone = ZoneInfo(terms.time_zone)
        self.holdings: dict[str, Holding] = {}
        self.expired: defaultdict[int, int] = defaultdict(int)
        self.progress: dict[str, Progress] = {}
        self.sales: list[BookedSale] = []
        self.last_active: datetime | None = None
        self.accounts: defaultdict[tuple[str, str], int] = defaultdict(int)

    def state(self, at: datetime) -> MemberState:
        day = at.astimezone(self.zone).date()
        today: defaultdict[str, int] = defaultdict(int)
        for sale in self.sales:
            if sale.activity.at.astimezone(self.zone).date() == day:
                for credit in sale.answer.credits:
                    today[credit.unit] += credit.units
        return MemberState(
            holdings=self.holdings,
            progress=self.progress,
            units_today=today,
            last_active_at=self.last_active,
        )

    def lots(self, unit: str) -> tuple[Lot, ...]:
        holding = self.holdings.get(unit, Holding(unit=unit))
        return effective(holding.lots, last_active_at=self.last_active, zone=self.zone)

    def buys(self, activity: Activity, now: datetime) -> Evaluation:
        answer = evaluate(self.terms, self.state(activity.at), activity, now)
        for lapse in answer.lapsed:
            self._lapse(lapse)
        # The basis goes through text, as it does in a table.
        sale = BookedSale(activity, answer, json.loads(json.dumps(answer.basis)))
        self.sales.append(sale)
        for credit in answer.credits:
            holding = self.holdings.get(credit.unit, Holding(unit=credit.unit))
            made = []
            for new in credit.lots:
                number = sum(len(one.lots) for one in self.holdings.values()) * 100 + len(made)
                made.append(
                    Lot(
                        id=number + len(self.sales) * 100_000,
                        amount=new.amount,
                        remaining=new.amount,
                        available_from=new.available_from,
                        expires_at=new.expires_at,
                        idle_days=new.idle_days,
                    )
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
        self._post(answer.moves())
        self.progress |= answer.progress
        self.last_active = now
        return answer

    def spends(self, unit: str, units: int, now: datetime) -> tuple[Allocation, ...]:
        self.lets_expire(now)
        taken = take(self.lots(unit), units, now=now)
        self._allocate(unit, taken)
        self.accounts[unit, "member"] -= units
        self.accounts[unit, "redeemed"] += units
        self.last_active = now
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
            spent=spent,
            state=self.state(now),
            choice=choice,
            now=now,
        )
        sale.before = add(sale.before, refund)
        for back in plan.restores:
            self._allocate(back.unit, back.allocations)
        for one in plan.takes:
            assert one.units == one.from_lots + one.owed + one.forgiven
            sale.taken[one.unit] += one.units
            sale.carry_change[one.unit] += one.carry_change
            self._allocate(one.unit, one.allocations)
            holding = self.holdings[one.unit]
            self.holdings[one.unit] = replace(
                holding, carry=holding.carry + one.carry_change, debt=holding.debt + one.owed
            )
        self.progress.update(plan.progress)
        self._post(plan.moves())
        return plan

    def _given(self, sale: BookedSale, unit: str) -> Given:
        credit = sale.answer.credit(unit)
        assert credit is not None
        return Given(
            unit=unit,
            units=credit.units,
            taken_back=sale.taken[unit],
            expired=sum(self.expired[lot] for lot in sale.lots[unit]),
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
