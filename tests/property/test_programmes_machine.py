"""Random programmes, sales, refunds, spends and clocks, against the slow and obvious model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from ledger.activity import Activity, ActivityKind
from ledger.expiry import spendable
from ledger.programme_terms import ProgrammeTerms
from ledger.refund_plan import Refund
from ledger.terms_document import read_terms
from tests.support.card_book import Book
from tests.support.programme_strategies import baskets, documents
from tests.support.rule_model import SlowCard

# A week before the clocks go back in Vienna.
START = datetime(2026, 10, 18, 9, tzinfo=UTC)


class Programmes(RuleBasedStateMachine):
    """The engine's card and the model's, doing the same."""

    terms: ProgrammeTerms

    @initialize(document=documents())
    def open(self, document: dict[str, Any]) -> None:
        self.terms = read_terms(document, version=1, time_zone="Europe/Vienna")
        self.book, self.model = Book(self.terms), SlowCard(self.terms)
        self.now = START

    @rule(hours=st.sampled_from([1, 5, 24, 24 * 3, 24 * 8, 24 * 35]))
    def time_goes_on(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(basket=baskets(), late_hours=st.sampled_from([0, 0, 0, 30]))
    def buys(self, basket: dict[str, Any], late_hours: int) -> None:
        at = self.now - timedelta(hours=late_hours)
        activity = Activity(kind=ActivityKind.SALE, at=at, **basket)

        answer = self.book.buys(activity, self.now)
        rated = self.model.buys(activity, self.now)

        assert {c.unit: c.units for c in answer.credits if c.units} == rated.units
        assert answer.counted_minor == rated.counted

    @precondition(lambda self: self.book.sales)
    @rule(data=st.data())
    def gives_money_back(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.book.sales) - 1))
        sale = self.book.sales[number]
        left = sale.activity.gross_minor - sale.before.paid_minor
        if left:
            amount = data.draw(st.one_of(st.just(left), st.integers(1, left)))
            self._refund(number, Refund(paid_minor=amount))

    @precondition(lambda self: any(sale.activity.lines for sale in self.book.sales))
    @rule(data=st.data())
    def gives_a_line_back(self, data: st.DataObject) -> None:
        number = data.draw(
            st.sampled_from([n for n, s in enumerate(self.book.sales) if s.activity.lines])
        )
        sale = self.book.sales[number]
        back = {line.item for line in sale.before.lines}
        lines = [line for line in sale.activity.lines if line.item not in back]
        left = sale.activity.gross_minor - sale.before.paid_minor
        if lines:
            line = data.draw(st.sampled_from(lines))
            worth = line.net_minor + line.tax_minor
            if worth <= left:
                self._refund(number, Refund(paid_minor=worth, lines=(line,)))

    def _refund(self, number: int, refund: Refund) -> None:
        standing = self.book.sales[number]
        before = dict(standing.taken)

        plan = self.book.gives_back(number, refund, self.now)
        self.model.gives_back(number, refund, self.now)

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
        units = held * part // 100
        if units:
            self.book.spends(unit, units, self.now)
            self.model.spends(unit, units, self.now)

    @rule(times=st.integers(1, 2))
    def the_night_job_runs(self, times: int) -> None:
        first = self.book.lets_expire(self.now)
        assert first == self.model.lets_expire(self.now)
        for _again in range(times - 1):
            assert self.book.lets_expire(self.now) == 0

    @invariant()
    def both_cards_agree(self) -> None:
        if not hasattr(self, "book"):
            return
        for unit in self.terms.units:
            holding = self.book.holdings.get(unit.code)
            if holding is None:
                assert self.model.balance(unit.code) == 0
                continue
            assert holding.balance == self.model.balance(unit.code)
            assert holding.carry == self.model.carry.get(unit.code, 0)
            assert holding.debt == self.model.debt.get(unit.code, 0)
            assert holding.balance == sum(lot.remaining for lot in holding.lots)
            assert spendable(self.book.lots(unit.code), self.now) == self.model.spendable(
                unit.code, self.now
            )
            assert self.book.accounts[unit.code, "member"] == holding.balance
            assert self.book.accounts[unit.code, "debt"] == -holding.debt

    @invariant()
    def every_unit_is_double_entry(self) -> None:
        if not hasattr(self, "book"):
            return
        for unit in self.terms.units:
            accounts = self.book.accounts.items()
            assert sum(amount for (code, _kind), amount in accounts if code == unit.code) == 0


TestProgrammes = Programmes.TestCase
TestProgrammes.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
