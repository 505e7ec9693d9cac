"""Refunds by rating what is left: any order, any number, never more than was given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InvalidInput
from ledger.activity import Line
from ledger.programme_terms import GrantKind
from ledger.reasons import sentences
from ledger.refund_plan import Refund, RefundPlan
from ledger.refunds import plan_refund
from ledger.remainder import paid, remainder
from tests.support.card_book import Book
from tests.support.card_builders import NOON, item, sale, visit
from tests.support.terms_documents import simple, terms_of

SPEND = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 1000, "units": 1}


def book(*rules: dict[str, Any], **parts: Any) -> Book:
    return Book(terms_of(simple(*(rules or (SPEND,)), **parts)))


def money(minor: int) -> Refund:
    return Refund(paid_minor=minor)


def took(plan: RefundPlan, unit: str = "points") -> tuple[int, int, int, int]:
    """What was taken: all, from lots, owed, forgiven."""
    for take in plan.takes:
        if take.unit == unit:
            return (take.units, take.from_lots, take.owed, take.forgiven)
    return (0, 0, 0, 0)


def test_part_of_a_sale_takes_back_what_the_rest_would_not_have_earned() -> None:
    card = book()
    card.buys(sale(2500), NOON)

    plan = card.gives_back(0, money(600), NOON)

    # 19.00 gives one point and 9.00 over, where 25.00 gave two and 5.00.
    assert took(plan) == (1, 1, 0, 0)
    assert (card.holdings["points"].balance, card.holdings["points"].carry) == (1, 900)
    assert plan.counted_change == -600
    assert not plan.whole


def test_the_whole_is_taken_back_whole() -> None:
    card = book()
    card.buys(sale(2500), NOON)

    plan = card.gives_back(0, money(2500), NOON)

    assert plan.whole
    assert plan.purchase_undone
    # Nothing was spent on it, so there is nothing to ask.
    assert not plan.ask
    assert (card.holdings["points"].balance, card.holdings["points"].carry) == (0, 0)


def test_a_point_that_is_spent_is_owed_and_paid_by_the_next_earning() -> None:
    card = book()
    card.buys(sale(3000), NOON)
    card.spends("points", 2, NOON)

    plan = card.gives_back(0, money(3000), NOON)
    card.buys(sale(3000), NOON)

    assert took(plan) == (3, 1, 2, 0)
    assert (card.holdings["points"].balance, card.holdings["points"].debt) == (1, 0)
    assert sentences(plan.reason) == (
        "−3 points",
        "The sale was refunded",
        "Owed now: 2 points; what comes next goes there first",
    )


def test_a_shop_may_forgive_what_is_gone() -> None:
    card = book(debt="forgive")
    card.buys(sale(3000), NOON)
    card.spends("points", 2, NOON)

    assert took(card.gives_back(0, money(3000), NOON)) == (3, 1, 0, 2)


def test_what_expired_is_not_asked_for_again() -> None:
    card = book(units=[{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 5}}])
    card.buys(sale(3000), NOON)
    card.spends("points", 1, NOON)
    later = NOON + timedelta(days=9)
    card.lets_expire(later)
    card.buys(sale(5000, at=later), later)

    first = card.gives_back(0, money(1000), later)
    second = card.gives_back(0, money(2000), later)

    assert took(first) == (1, 0, 0, 1)
    assert took(second) == (2, 1, 0, 1)
    assert card.holdings["points"].balance == 4


def test_a_lot_of_another_sale_that_has_just_ended_pays_nothing() -> None:
    card = book(units=[{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 5}}])
    card.buys(sale(1000), NOON)
    later = NOON + timedelta(days=2)
    card.buys(sale(1000, at=later), later)
    card.spends("points", 1, later)
    end = card.lots("points")[1].expires_at
    assert end is not None

    assert took(card.gives_back(0, money(1000), end)) == (1, 0, 1, 0)


def test_the_sales_own_lot_is_taken_first_even_while_it_waits() -> None:
    card = book(units=[{"code": "points", "kind": "points", "pending_days": 14}])
    card.buys(sale(2000, at=NOON - timedelta(days=30)), NOON)
    card.buys(sale(2000), NOON)
    own = card.sales[1].lots["points"]

    plan = card.gives_back(1, money(2000), NOON)

    assert [part.lot_id for part in plan.takes[0].allocations] == own
    assert card.lots("points")[0].remaining == 2


def test_lines_go_back_with_what_they_earned() -> None:
    coffee = {
        "kind": "item",
        "code": "coffee",
        "unit": "points",
        "when": {"match": {"categories": ["coffee"]}},
    }
    card = book(coffee)
    cups = item("coffee", 900, quantity=3, item="cup")
    card.buys(sale(1500, lines=(cups, item("cake", 600, item="cake"))), NOON)

    one = Refund(paid_minor=300, lines=(item("coffee", 300, item="cup"),))
    plan = card.gives_back(0, one, NOON)
    cake = card.gives_back(0, Refund(paid_minor=600, lines=(item("cake", 600, item="cake"),)), NOON)

    assert took(plan) == (1, 1, 0, 0)
    assert cake.takes == ()


def test_a_visit_is_undone_by_its_refund() -> None:
    card = book(
        {"kind": "visit", "code": "stamp", "unit": "stamps"},
        units=[{"code": "stamps", "kind": "stamps"}],
    )
    card.buys(visit(), NOON)

    assert took(card.gives_back(0, Refund(), NOON), "stamps") == (1, 1, 0, 0)


def test_a_bonus_falls_with_the_amount_that_reached_it() -> None:
    bonus = {
        "kind": "bonus",
        "code": "big",
        "floor": {"minor": 2000},
        "grant": {"kind": "units", "unit": "points", "amount": 50},
    }
    card = book(SPEND, bonus)
    card.buys(sale(2000), NOON)

    assert took(card.gives_back(0, money(1), NOON)) == (51, 51, 0, 0)


def test_promises_are_made_void_and_given_back() -> None:
    bonus = {
        "kind": "bonus",
        "code": "back",
        "floor": {"minor": 1000},
        "grant": {"kind": "add_next", "unit": "points", "amount": 5},
    }
    card = book(SPEND, bonus)
    first = card.buys(sale(1000), NOON)
    promise = first.promised[0]

    plan = card.gives_back(0, money(1), NOON)

    assert promise.kind is GrantKind.ADD_NEXT
    assert plan.promises_void == ("back",)

    other = book(SPEND, bonus)
    other.buys(sale(1000), NOON)
    assert other.gives_back(0, money(1000), NOON).promises_void == ("back",)


def test_a_promise_the_sale_used_comes_back_with_the_whole() -> None:
    from dataclasses import replace

    from ledger.evaluate import evaluate
    from ledger.member_state import MemberState, Promise
    from ledger.refund_plan import Given

    terms = terms_of(simple(SPEND))
    promise = Promise(
        id=9,
        rule="back",
        kind=GrantKind.ADD_NEXT,
        amount=5,
        granted_at=NOON,
        terms_version=1,
        unit="points",
        min_sale_minor=500,
    )
    answer = evaluate(terms, MemberState(promises=(promise,)), sale(1000), NOON)
    given = Given(unit="points", units=6, lot_ids=())

    def plan(minor: int) -> RefundPlan:
        return plan_refund(
            replace(terms),
            answer.basis,
            money(minor),
            before=Refund(),
            given=[given],
            spent=(),
            state=MemberState(),
            choice=None,
            now=NOON,
        )

    assert answer.consumed == (9,)
    assert plan(500).promises_back == ()
    assert plan(501).promises_back == (9,)
    assert plan(1000).promises_back == (9,)


def test_an_action_of_a_challenge_is_taken_off_once() -> None:
    dare = {
        "kind": "challenge",
        "code": "dare",
        "min_sale_minor": 500,
        "levels": [{"goal": 3, "grant": {"kind": "units", "unit": "points", "amount": 9}}],
    }
    card = book(SPEND, dare)
    card.buys(sale(1000), NOON)

    plans = [card.gives_back(0, money(minor), NOON) for minor in (400, 200, 400)]

    assert [list(plan.progress) for plan in plans] == [[], ["dare"], []]
    assert card.progress["dare"].count == 0


def test_the_whole_takes_the_action_of_a_challenge_too() -> None:
    dare = {
        "kind": "challenge",
        "code": "dare",
        "levels": [{"goal": 3, "grant": {"kind": "units", "unit": "points", "amount": 9}}],
    }
    card = book(SPEND, dare)
    card.buys(sale(1000), NOON)

    assert card.gives_back(0, money(1000), NOON).progress["dare"].count == 0


def test_a_refund_that_moves_no_unit_says_what_still_counts() -> None:
    card = book(units=[{"code": "points", "kind": "points", "rounding": "down"}])
    card.buys(sale(2500), NOON)

    plan = card.gives_back(0, money(400), NOON)

    assert (plan.takes, plan.restores, plan.counted_change) == ((), (), -400)
    assert sentences(plan.reason) == (
        "Nothing to take back",
        "The sale was refunded",
        "€21.00 of the sale still counts",
    )


def test_every_unit_of_the_card_is_told() -> None:
    stamp = {"kind": "visit", "code": "stamp", "unit": "stamps"}
    units = [{"code": "points", "kind": "points"}, {"code": "stamps", "kind": "stamps"}]
    card = book(SPEND, stamp, units=units)
    card.buys(sale(1000), NOON)

    plan = card.gives_back(0, money(1000), NOON)

    assert sentences(plan.reason) == ("−1 point", "The sale was refunded", "−1 stamp")


@pytest.mark.parametrize(
    ("refund", "field"),
    [
        (money(2501), "amount"),
        (money(-1), "amount"),
        (Refund(paid_minor=1.5), "amount"),  # type: ignore[arg-type]
        (Refund(), "amount"),
        (Refund(paid_minor=1, lines=(item("cake", 901, item="cake"),)), "lines.0.net"),
        (
            Refund(paid_minor=1, lines=(item("cake", 1, item="cake", quantity=4),)),
            "lines.0.quantity",
        ),
        (Refund(paid_minor=1, lines=(item("cake", 1, item="cake", tax_minor=1),)), "lines.0.tax"),
        (Refund(paid_minor=1, lines=(item("cake", 0, item="pie"),)), "lines.0.quantity"),
        (Refund(paid_minor=1, lines=(item("cake", -1, item="cake"),)), "lines.0.net"),
        (Refund(paid_minor=1, lines=(Line(quantity=0),) * 501), "lines"),
        (
            Refund(paid_minor=1, lines=(item("cake", 1, item="cake", quantity=1.5),)),
            "lines.0.quantity",
        ),
    ],
)
def test_more_than_was_sold_cannot_come_back(refund: Refund, field: str) -> None:
    card = book()
    card.buys(sale(2500, lines=(item("cake", 900, item="cake", quantity=3),)), NOON)

    with pytest.raises(InvalidInput) as caught:
        card.gives_back(0, refund, NOON)

    assert caught.value.field == field
    assert card.holdings["points"].balance == 2


def test_earlier_refunds_count() -> None:
    card = book()
    card.buys(sale(2500, lines=(item("cake", 900, item="cake", quantity=3),)), NOON)
    card.gives_back(
        0, Refund(paid_minor=600, lines=(item("cake", 600, item="cake", quantity=2),)), NOON
    )

    with pytest.raises(InvalidInput):
        card.gives_back(0, money(1901), NOON)
    with pytest.raises(InvalidInput):
        card.gives_back(
            0, Refund(paid_minor=600, lines=(item("cake", 600, item="cake", quantity=2),)), NOON
        )
    assert card.gives_back(0, money(1900), NOON).whole


def test_exactly_what_is_left_can_come_back() -> None:
    card = book()
    card.buys(sale(2500, lines=(item("cake", 900, item="cake", quantity=3),)), NOON)
    two = item("cake", 600, item="cake", quantity=2)
    one = item("cake", 300, item="cake")

    card.gives_back(0, Refund(paid_minor=600, lines=(two,)), NOON)
    card.gives_back(0, Refund(paid_minor=300, lines=(one,)), NOON)

    assert card.sales[0].before.lines[0].quantity == 3
    assert card.holdings["points"].balance == 1


def test_an_item_may_come_back_for_no_money() -> None:
    coffee = {"kind": "item", "code": "coffee", "unit": "points"}
    card = book(coffee)
    card.buys(sale(500, lines=(item("coffee", 500, item="cup"),)), NOON)

    plan = card.gives_back(0, Refund(lines=(item("coffee", 500, item="cup"),)), NOON)

    assert (took(plan), plan.whole) == ((1, 1, 0, 0), False)


def test_two_lines_of_one_item_are_counted_together() -> None:
    cup = item("coffee", 300, item="cup")
    bought = sale(600, lines=(cup, cup))
    card = book()
    card.buys(bought, NOON)

    one = remainder(bought, Refund(paid_minor=300, lines=(cup,)))

    assert [line.net_minor for line in one.lines] == [300]
    assert remainder(bought, Refund(paid_minor=599, lines=(cup, cup))).lines == ()
    with pytest.raises(InvalidInput) as caught:
        card.gives_back(0, Refund(paid_minor=600, lines=(cup, cup, cup)), NOON)
    assert caught.value.field == "lines.2.quantity"


def test_the_total_of_the_tiers_shrinks_with_what_counted() -> None:
    levels = [{"code": "gold", "name": "Gold", "threshold": 10}]
    changes = []
    for tiers in (
        None,
        {"levels": levels},
        {"levels": levels, "basis": "units", "unit": "points"},
    ):
        card = book(tiers=tiers)
        card.buys(sale(2500), NOON)
        changes.append(card.gives_back(0, money(600), NOON).tier_change)

    assert changes == [0, -600, -1]


def test_a_basis_that_is_none_is_refused() -> None:
    card = book()
    card.buys(sale(2500), NOON)
    card.sales[0].basis = {"state": {}}

    with pytest.raises(InvalidInput) as caught:
        card.gives_back(0, money(1), NOON)
    assert caught.value.field == "basis"


@settings(deadline=None)
@given(
    amounts=st.tuples(
        st.integers(1, 3000), st.integers(0, 300), st.integers(0, 300), st.integers(0, 300)
    ),
    parts=st.lists(st.integers(1, 900), min_size=1, max_size=6),
    order=st.randoms(use_true_random=False),
    counts=st.fixed_dictionaries({"tax": st.booleans(), "tip": st.booleans()}),
)
def test_many_refunds_in_any_order_end_like_one(
    amounts: tuple[int, int, int, int],
    parts: list[int],
    order: Any,
    counts: dict[str, bool],
) -> None:
    base, tax, tip, discount = amounts
    bought = sale(
        base + tax + tip + discount, tax_minor=tax, tip_minor=tip, discount_minor=discount
    )
    steps, left = [], paid(bought)
    for part in parts:
        if left:
            steps.append(min(part, left))
            left -= steps[-1]
    shuffled = list(steps)
    order.shuffle(shuffled)

    ends = []
    for course in (steps, shuffled, [sum(steps)]):
        card = book(SPEND | {"spend_minor": 70}, counts=counts)
        card.buys(bought, NOON)
        given_units = card.holdings["points"].balance
        standing = [given_units]
        for minor in course:
            card.gives_back(0, money(minor), NOON)
            standing.append(card.holdings["points"].balance)
        assert standing == sorted(standing, reverse=True)
        ends.append((card.holdings["points"].balance, card.holdings["points"].carry))

    assert len(set(ends)) == 1
    if left == 0:
        assert ends[0] == (0, 0)


def test_what_expired_is_never_asked_for_even_after_a_part_came_back() -> None:
    units = [{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 3}}]
    card = book(units=units)
    card.buys(sale(10_000), NOON)
    card.spends("points", 4, NOON)
    first = card.gives_back(0, money(5000), NOON)
    later = NOON + timedelta(days=8)
    card.lets_expire(later)

    rest = card.gives_back(0, money(5000), later)

    # Ten were given: four are spent, five were taken, one expired. Four are owed, not five.
    assert took(first) == (5, 5, 0, 0)
    assert took(rest) == (5, 0, 4, 1)


def test_what_was_over_ends_before_a_refund_takes_anything() -> None:
    units = [{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 3}}]
    card = book(units=units)
    card.buys(sale(10_000), NOON)

    plan = card.gives_back(0, money(5000), NOON + timedelta(days=8))

    assert [(lapse.unit, lapse.units) for lapse in plan.lapsed] == [("points", 10)]
    assert took(plan) == (5, 0, 0, 5)


def test_a_promise_the_rest_of_the_sale_still_earns_stays() -> None:
    grant = {"kind": "add_next", "unit": "points", "amount": 5}
    card = book(SPEND, {"kind": "bonus", "code": "more", "floor": {"minor": 500}, "grant": grant})
    card.buys(sale(1000), NOON)

    kept = card.gives_back(0, money(500), NOON)
    gone = card.gives_back(0, money(1), NOON)

    assert kept.promises_void == ()
    assert gone.promises_void == ("more",)


def test_a_tier_by_units_loses_its_own_unit_alone() -> None:
    tiers = {
        "basis": "units",
        "unit": "stamps",
        "levels": [{"code": "silver", "name": "Silver", "threshold": 1}],
    }
    units = [{"code": "points", "kind": "points"}, {"code": "stamps", "kind": "stamps"}]
    stamp = {"kind": "visit", "code": "stamp", "unit": "stamps"}
    card = book(SPEND, stamp, units=units, tiers=tiers)
    card.buys(sale(5000), NOON)

    plan = card.gives_back(0, money(5000), NOON)

    assert plan.tier_change == -1
