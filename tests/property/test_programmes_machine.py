"""Random programmes, sales, refunds, spends and clocks, against the slow and obvious model.

After every step both cards hold the same: units, what of them can be spent, carries, debts,
promises, the way through challenges and sets, and the tier.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from common.errors import LimitReached
from ledger.activity import Activity, ActivityKind, Line
from ledger.expiry import spendable
from ledger.lots import Allocation
from ledger.member_state import Pause, Progress
from ledger.offers import Due, Refused
from ledger.programme_terms import (
    ChallengeRule,
    GrantKind,
    ProgrammeTerms,
    SetRule,
    SpentReward,
)
from ledger.redeeming import may_attend, may_use_promise, pay
from ledger.refund_plan import Refund, SpentOn
from ledger.remainder import paid
from ledger.terms_document import read_terms
from tests.support.card_book import Book
from tests.support.programme_strategies import baskets, documents
from tests.support.rule_model import Around, SlowCard
from tests.support.slow_units import One

# A week before the clocks go back in Vienna.
START = datetime(2026, 10, 18, 9, tzinfo=UTC)
HOURS = (1, 5, 24, 24 * 3, 24 * 8, 24 * 35)
DISCOUNTS = (GrantKind.PERCENT_OFF_NEXT, GrantKind.FIXED_OFF_NEXT)

arounds = st.builds(
    Around,
    member_average=st.sampled_from([None, 333, 801]),
    shop_average=st.sampled_from([None, 450]),
    others=st.integers(0, 5),
)


class Programmes(RuleBasedStateMachine):
    """The engine's card and the model's, doing the same."""

    terms: ProgrammeTerms

    @initialize(document=documents(refusing=True))
    def open(self, document: dict[str, Any]) -> None:
        self.terms = read_terms(document, version=1, time_zone="Europe/Vienna")
        self.book, self.model = Book(self.terms), SlowCard(self.terms)
        self.now = START
        self.joined = False
        self.spent: list[tuple[SpentOn, list[One]]] = []
        self.operations = 0

    @rule(hours=st.sampled_from(HOURS))
    def time_goes_on(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def joins(self) -> None:
        welcomed, self.joined = self.joined, True
        promised = self.book.joins(self.now).promised
        self.model.joins(self.now, welcomed=welcomed)
        assert not (welcomed and promised)

    @rule(
        basket=baskets(),
        late_hours=st.sampled_from([0, 0, 0, 30]),
        around=arounds,
        with_rewards=st.booleans(),
    )
    def buys(
        self, basket: dict[str, Any], late_hours: int, around: Around, with_rewards: bool
    ) -> None:
        at = self.now - timedelta(hours=late_hours)
        activity = Activity(kind=ActivityKind.SALE, at=at, **basket)
        self._acts(activity, around, with_rewards=with_rewards)

    @rule(
        visits=st.sampled_from([None, 1, 2]),
        taps=st.sampled_from([{}, {"coffee": 1}, {"coffee": 3}]),
        around=arounds,
    )
    def visits(self, visits: int | None, taps: dict[str, int], around: Around) -> None:
        activity = Activity(kind=ActivityKind.VISIT, at=self.now, visits=visits, taps=taps)
        self._acts(activity, around)

    def _acts(self, activity: Activity, around: Around, *, with_rewards: bool = False) -> None:
        refused = self.model.refuses(activity)
        if refused is not None:
            with pytest.raises(LimitReached) as caught:
                self.book.buys(activity, self.now, around=around)
            assert caught.value.limit == refused
            return
        spent = self.spent if with_rewards else []
        rewards = [reward for reward, _ones in spent]
        answer = self.book.buys(activity, self.now, around=around, rewards=rewards)
        ones = [ones for _reward, ones in spent]
        rated = self.model.buys(activity, self.now, around=around, rewards=ones)
        if with_rewards:
            self.spent = []

        assert {c.unit: c.units for c in answer.credits if c.units} == rated.units
        assert answer.counted_minor == rated.counted

    @precondition(lambda self: self._open_sales())
    @rule(data=st.data(), choice=st.sampled_from([None, SpentReward.RESTORE, SpentReward.KEEP]))
    def gives_money_back(self, data: st.DataObject, choice: SpentReward | None) -> None:
        number = data.draw(st.sampled_from(self._open_sales()))
        left = self._left(number)
        amount = data.draw(st.one_of(st.just(left), st.integers(1, left)))
        self._refund(number, Refund(paid_minor=amount), choice)

    @precondition(lambda self: any(self._lines_left(number) for number in self._open_sales()))
    @rule(data=st.data(), choice=st.sampled_from([None, SpentReward.RESTORE, SpentReward.KEEP]))
    def gives_a_line_back(self, data: st.DataObject, choice: SpentReward | None) -> None:
        having = [number for number in self._open_sales() if self._lines_left(number)]
        number = data.draw(st.sampled_from(having))
        line = data.draw(st.sampled_from(self._lines_left(number)))
        worth = line.net_minor + line.tax_minor
        self._refund(number, Refund(paid_minor=worth, lines=(line,)), choice)

    def _open_sales(self) -> list[int]:
        return [number for number in range(len(self.book.sales)) if self._left(number) > 0]

    def _left(self, number: int) -> int:
        sale = self.book.sales[number]
        return paid(sale.activity) - sale.before.paid_minor

    def _lines_left(self, number: int) -> list[Line]:
        sale = self.book.sales[number]
        back = {line.item for line in sale.before.lines}
        return [
            line
            for line in sale.activity.lines
            if line.item not in back and line.net_minor + line.tax_minor <= self._left(number)
        ]

    def _refund(self, number: int, refund: Refund, choice: SpentReward | None) -> None:
        standing = self.book.sales[number]
        before = dict(standing.taken)

        plan = self.book.gives_back(number, refund, self.now, choice=choice)
        done = self.model.gives_back(number, refund, self.now, choice=choice)

        assert plan.ask != done
        if plan.ask:
            return
        for take in plan.takes:
            credit = standing.answer.credit(take.unit)
            assert credit is not None
            assert before.get(take.unit, 0) + take.units <= credit.units
        if plan.whole:
            for credit in standing.answer.credits:
                assert standing.taken[credit.unit] == credit.units
                assert standing.carry_change[credit.unit] == 0

    @rule(unit=st.sampled_from(["points", "coffee", "EUR"]), part=st.integers(1, 100))
    def spends(self, unit: str, part: int) -> None:
        held = spendable(self.book.lots(unit), self.now)
        assert held == self.model.spendable(unit, self.now)
        if units := held * part // 100:
            self._spend(unit, self.book.spends(unit, units, self.now))

    @precondition(lambda self: self.terms.payments)
    @rule(to_pay=st.integers(1, 900))
    def pays_with_points(self, to_pay: int) -> None:
        state = self.book.state(self.now)
        answer = pay(
            self.terms, state, unit="points", units=None, to_pay_minor=to_pay, now=self.now
        )
        units, minor = self.model.pays_with(self.terms.payments[0], to_pay, self.now)
        if isinstance(answer, Refused):
            assert units == 0
            return
        assert (answer.spendings[0].amount, answer.discount_minor) == (units, minor)
        self._spend("points", self.book.spends("points", units, self.now))

    @precondition(lambda self: "yoga" in self.book.holdings)
    @rule()
    def attends(self) -> None:
        answer = may_attend(self.terms, self.book.state(self.now), unit="yoga", now=self.now)
        is_free = not self.book.holdings["yoga"].locked and not self.model.rests("yoga", self.now)
        can = is_free and self.model.spendable("yoga", self.now) > 0
        assert isinstance(answer, Due) is can
        if can:
            self._spend("yoga", self.book.spends("yoga", 1, self.now))

    def _spend(self, unit: str, taken: tuple[Allocation, ...]) -> None:
        units = sum(part.amount for part in taken)
        self.operations += 1
        reward = SpentOn(operation_id=self.operations, unit=unit, units=units, allocations=taken)
        self.spent.append((reward, self.model.spends(unit, units, self.now)))

    @precondition(lambda self: "yoga" in self.book.holdings)
    @rule(ahead=st.integers(0, 9), days=st.integers(0, 5), locked=st.booleans())
    def rests_or_locks(self, ahead: int, days: int, locked: bool) -> None:
        first = self.now.astimezone(self.book.zone).date() + timedelta(days=ahead)
        self.book.locks("yoga", locked=locked)
        pause = Pause(first_day=first, last_day=first + timedelta(days=days))
        known = self.model.pauses.setdefault("yoga", [])
        if all(one.last_day < first or pause.last_day < one.first_day for one in known):
            known.append(pause)
            self.book.pauses("yoga", pause)

    @precondition(lambda self: any(p.kind in DISCOUNTS for p in self.book.promises))
    @rule(basket=baskets())
    def uses_a_promised_discount(self, basket: dict[str, Any]) -> None:
        mine = next(p for p in self.book.promises if p.kind in DISCOUNTS)
        promise = next(
            one
            for one in self.model.open_promises()
            if (one.rule, one.granted_at) == (mine.rule, mine.granted_at)
        )
        activity = Activity(kind=ActivityKind.SALE, at=self.now, **basket)
        state = self.book.state(self.now)
        answer = may_use_promise(mine, self.terms, state, activity=activity, now=self.now)
        discount = self.model.uses(promise, activity, self.now)
        assert (answer.discount_minor if isinstance(answer, Due) else None) == discount
        if discount is not None:
            self.book.uses(mine, self.now)

    @rule(times=st.integers(1, 2))
    def the_night_job_runs(self, times: int) -> None:
        first = self.book.lets_expire(self.now)
        assert first == self.model.lets_expire(self.now)
        for _again in range(times - 1):
            assert self.book.lets_expire(self.now) == 0
        self.book.looks_at_tier(self.now)
        self.model.looks_at_tier(self.now)

    @invariant()
    def both_cards_hold_the_same_units(self) -> None:
        for unit in self._units():
            holding = self.book.holdings.get(unit)
            if holding is None:
                assert self.model.balance(unit) == 0
                continue
            assert holding.balance == self.model.balance(unit)
            assert holding.carry == self.model.carry.get(unit, 0)
            assert holding.debt == self.model.debt.get(unit, 0)
            assert holding.balance == sum(lot.remaining for lot in holding.lots)
            can_spend = spendable(self.book.lots(unit), self.now)
            assert can_spend == self.model.spendable(unit, self.now)
            assert self.book.accounts[unit, "member"] == holding.balance
            assert self.book.accounts[unit, "debt"] == -holding.debt

    @invariant()
    def both_cards_are_as_far(self) -> None:
        if not hasattr(self, "book"):
            return
        assert self.book.tier == self.model.tier
        for rule_ in self.terms.rules:
            progress = self.book.progress.get(rule_.code, Progress())
            if isinstance(rule_, ChallengeRule):
                tally = self.model.tally(rule_)
                assert (progress.count, progress.given) == (tally.count, len(tally.given))
                assert progress.times == tally.times
            elif isinstance(rule_, SetRule):
                filled = self.model.set_tally(rule_)
                assert {u: n for u, n in progress.parts.items() if n} == {
                    u: n for u, n in filled.parts.items() if n
                }
                assert progress.times == filled.times

    @invariant()
    def both_cards_were_promised_the_same(self) -> None:
        if not hasattr(self, "book"):
            return
        mine = [
            (p.rule, p.kind, p.amount, p.min_sale_minor, p.expires_at) for p in self.book.promises
        ]
        theirs = [
            (p.rule, p.grant.kind, p.grant.amount, p.least, p.ends)
            for p in self.model.open_promises()
        ]
        assert sorted(mine, key=str) == sorted(theirs, key=str) or mine == theirs

    @invariant()
    def every_unit_is_double_entry(self) -> None:
        for unit in self._units():
            accounts = self.book.accounts.items()
            assert sum(amount for (code, _kind), amount in accounts if code == unit) == 0

    def _units(self) -> list[str]:
        return [unit.code for unit in self.terms.units] if hasattr(self, "book") else []


TestProgrammes = Programmes.TestCase
