"""Members, sales and lots for tests of the rules, with defaults that say nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ledger.activity import Activity, ActivityKind, Line
from ledger.evaluate import evaluate
from ledger.evaluation import Evaluation
from ledger.lots import Lot
from ledger.member_state import Holding, MemberState
from ledger.programme_terms import ProgrammeTerms
from ledger.tiers import tier_at

NOON = datetime(2026, 11, 24, 11, tzinfo=UTC)
"""A Tuesday noon in Vienna."""


def sale(minor: int = 0, *, at: datetime = NOON, **parts: Any) -> Activity:
    return Activity(kind=ActivityKind.SALE, at=at, gross_minor=minor, **parts)


def visit(*, at: datetime = NOON, **parts: Any) -> Activity:
    return Activity(kind=ActivityKind.VISIT, at=at, **parts)


def join(*, at: datetime = NOON) -> Activity:
    return Activity(kind=ActivityKind.JOIN, at=at)


def item(category: str, net_minor: int = 100, **parts: Any) -> Line:
    return Line(category=category, net_minor=net_minor, **parts)


def held(unit: str, units: int, **parts: Any) -> Holding:
    """An account with one lot that never ends."""
    lots = parts.pop("lots", (lot(units),) if units else ())
    return Holding(unit=unit, balance=sum(one.remaining for one in lots), lots=lots, **parts)


def lot(units: int, *, number: int = 1, at: datetime = NOON, **parts: Any) -> Lot:
    return Lot(
        id=number,
        amount=parts.pop("amount", units),
        remaining=units,
        available_from=at,
        **parts,
    )


def holding_of(*holdings: Holding) -> dict[str, Holding]:
    return {one.unit: one for one in holdings}


def units_of(answer: Evaluation, unit: str = "points") -> int:
    credit = answer.credit(unit)
    return credit.units if credit else 0


class Card:
    """A member's card as a shop keeps it: each answer is written down, as storage would.

    Small on purpose: one card, one programme, no refunds of its own.
    """

    def __init__(self, terms: ProgrammeTerms) -> None:
        self.terms = terms
        self.state = MemberState()
        self.answers: list[Evaluation] = []
        self.history: list[tuple[datetime, int]] = []

    def does(self, activity: Activity, *, now: datetime | None = None) -> Evaluation:
        """Evaluate and write down."""
        answer = evaluate(self.terms, self.state, activity, now or activity.at)
        self._write(answer, activity)
        self.answers.append(answer)
        return answer

    def balance(self, unit: str = "points") -> int:
        return self.state.holding(unit).balance

    def spends(self, unit: str, units: int) -> None:
        """Take units without asking for a reward."""
        holding = self.state.holding(unit)
        left, lots = units, []
        for one in holding.lots:
            part = min(one.remaining, left)
            left -= part
            lots.append(replace(one, remaining=one.remaining - part))
        assert left == 0
        self._hold(replace(holding, balance=holding.balance - units, lots=tuple(lots)))

    def falls(self, now: datetime) -> str:
        """Let the night's job look at the tier."""
        assert self.terms.tiers is not None
        standing = tier_at(self.terms.tiers, self.history, now, ZoneInfo(self.terms.time_zone))
        self.state = replace(self.state, tier=standing.code, tier_total=standing.total)
        return standing.code

    def _hold(self, holding: Holding) -> None:
        self.state = replace(self.state, holdings={**self.state.holdings, holding.unit: holding})

    def _write(self, answer: Evaluation, activity: Activity) -> None:
        for credit in answer.credits:
            holding = self.state.holding(credit.unit)
            made = tuple(
                Lot(
                    id=len(self.answers) * 10 + number,
                    amount=new.amount,
                    remaining=new.amount,
                    available_from=new.available_from,
                    expires_at=new.expires_at,
                    idle_days=new.idle_days,
                )
                for number, new in enumerate(credit.lots, start=1)
            )
            self._hold(
                replace(
                    holding,
                    balance=holding.balance + credit.credited,
                    carry=credit.carry_after,
                    debt=holding.debt - credit.debt_paid,
                    lots=(*holding.lots, *made),
                )
            )
        promises = [p for p in self.state.promises if p.id not in answer.consumed]
        promises += [
            replace(promise, id=len(self.answers) * 100 + number)
            for number, promise in enumerate(answer.promised, start=1)
        ]
        bought = activity.kind is not ActivityKind.JOIN
        if bought:
            self.history.append((activity.at, answer.counted_minor))
        self.state = replace(
            self.state,
            promises=tuple(promises),
            progress={**self.state.progress, **answer.progress},
            tier=answer.tier_after,
            tier_total=answer.tier_total,
            purchases=self.state.purchases + bought,
            last_active_at=activity.at if bought else self.state.last_active_at,
            last_earn_at=activity.at if bought else self.state.last_earn_at,
        )
