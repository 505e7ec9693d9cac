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

from ledger.activity import Activity, ActivityKind, Line
from ledger.expiry import spendable
from ledger.programme_terms import ProgrammeTerms
from ledger.refund_plan import Refund
from ledger.terms_document import read_terms
from tests.support.card_book import Book
from tests.support.rule_model import SlowCard

# A week before the clocks go back in Vienna.
START = datetime(2026, 10, 18, 9, tzinfo=UTC)
CATEGORIES = ("coffee", "cake", "tobacco")


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    points = {
        "code": "points",
        "kind": "points",
        "rounding": draw(st.sampled_from(["carry", "carry", "down", "nearest", "up"])),
        **draw(expiries()),
    }
    units = [points, {"code": "coffee", "kind": "stamps", **draw(expiries())}]
    rules: list[dict[str, Any]] = [
        {
            "kind": "spend",
            "code": "base",
            "unit": "points",
            "spend_minor": draw(st.sampled_from([1, 7, 50, 100, 999])),
            "units": draw(st.integers(1, 3)),
            "min_sale_minor": draw(st.sampled_from([0, 0, 300])),
        },
        draw(
            st.sampled_from(
                [
                    {"kind": "visit", "code": "stamp", "unit": "coffee", "min_sale_minor": 200},
                    {
                        "kind": "item",
                        "code": "stamp",
                        "unit": "coffee",
                        "when": {"match": {"categories": ["coffee"]}},
                    },
                ]
            )
        ),
    ]
    if draw(st.booleans()):
        units.append({"code": "EUR", "kind": "cashback", **draw(expiries())})
        rules.append(
            {
                "kind": "cashback",
                "code": "back",
                "unit": "EUR",
                "basis_points": draw(st.integers(1, 700)),
            }
        )
    for number in range(draw(st.integers(0, 3))):
        rules.append(draw(multipliers(number)))
    if draw(st.booleans()):
        rules.append(
            {
                "kind": "bonus",
                "code": "big",
                "floor": {"minor": draw(st.integers(1, 1500))},
                "grant": {"kind": "units", "unit": "points", "amount": 5},
            }
        )
    if draw(st.booleans()):
        goal = draw(st.integers(1, 4))
        grant = {"kind": "units", "unit": "points", "amount": 7}
        rules.append(
            {
                "kind": "challenge",
                "code": "often",
                "repeat": True,
                "min_sale_minor": draw(st.sampled_from([0, 500])),
                "levels": [{"goal": goal, "grant": grant}],
            }
        )
    return {
        "format": 2,
        "currency": "EUR",
        "units": units,
        "rules": rules,
        "counts": {
            "tax": draw(st.booleans()),
            "tip": draw(st.booleans()),
            "exclude": draw(st.sampled_from([{}, {"categories": ["tobacco"]}])),
        },
        "limits": draw(limits()),
        "debt": draw(st.sampled_from(["owe", "forgive"])),
    }


@st.composite
def expiries(draw: st.DrawFn) -> dict[str, Any]:
    expiry = draw(
        st.sampled_from(
            [
                {},
                {"kind": "days", "days": 5},
                {"kind": "days", "days": 20},
                {"kind": "month_end", "months": 1},
                {"kind": "idle", "days": 7},
            ]
        )
    )
    return {"expiry": expiry, "pending_days": draw(st.sampled_from([0, 0, 2]))}


@st.composite
def multipliers(draw: st.DrawFn, number: int) -> dict[str, Any]:
    when = draw(
        st.sampled_from(
            [
                {},
                {"weekdays": [1, 2, 3]},
                {"from_minute": 600, "until_minute": 900},
                {"from_minute": 1200, "until_minute": 660},
                {"match": {"categories": ["cake"]}},
                {"match": {"own_brand": True}},
            ]
        )
    )
    return {
        "kind": "multiplier",
        "code": f"times{number}",
        "unit": draw(st.sampled_from(["points", "coffee"])),
        "percent": draw(st.sampled_from([125, 150, 200, 333])),
        "when": when,
    }


@st.composite
def limits(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    if draw(st.booleans()):
        found.append({"kind": "units_per_day", "unit": "points", "most": 25})
    if draw(st.booleans()):
        found.append({"kind": "units_per_scan", "unit": "points", "most": 15})
    if draw(st.booleans()):
        found.append({"kind": "amount_per_scan", "most": 1200})
    return found


@st.composite
def baskets(draw: st.DrawFn) -> dict[str, Any]:
    lines = []
    for number in range(draw(st.integers(0, 3))):
        quantity = draw(st.integers(1, 3))
        lines.append(
            Line(
                item=f"item-{number}",
                category=draw(st.sampled_from(CATEGORIES)),
                quantity=quantity,
                net_minor=quantity * draw(st.integers(0, 250)),
                tax_minor=quantity * draw(st.integers(0, 30)),
                own_brand=draw(st.booleans()),
            )
        )
    loose = draw(st.integers(0, 600))
    tip = draw(st.sampled_from([0, 0, 50]))
    net, tax = sum(line.net_minor for line in lines), sum(line.tax_minor for line in lines)
    return {
        "gross_minor": net + tax + tip + loose,
        "tax_minor": tax + loose // 6,
        "tip_minor": tip,
        "lines": tuple(lines),
        "visits": draw(st.sampled_from([None, None, 0, 2])),
    }


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
TestProgrammes.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
