"""What refunds leave of challenges, streaks, sets and bonuses, on a whole card."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ledger.refund_plan import Refund, RefundPlan
from tests.support.card_book import Book
from tests.support.card_builders import NOON, sale, visit
from tests.support.terms_documents import simple, terms_of

SPEND = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 1000, "units": 1}


def book(*rules: dict[str, Any], **parts: Any) -> Book:
    return Book(terms_of(simple(*rules, **parts)))


def money(minor: int) -> Refund:
    return Refund(paid_minor=minor)


def took(plan: RefundPlan) -> tuple[int, int, int, int]:
    """What was taken of points: all, from lots, owed, forgiven."""
    for take in plan.takes:
        if take.unit == "points":
            return (take.units, take.from_lots, take.owed, take.forgiven)
    return (0, 0, 0, 0)


def five(**rule: Any) -> dict[str, Any]:
    level = {"goal": 5, "grant": {"kind": "units", "unit": "points", "amount": 9}}
    return {"kind": "challenge", "code": "five", "levels": [level], **rule}


@pytest.mark.parametrize("repeat", [False, True])
def test_a_level_that_the_refunded_sale_reached_is_taken_back_and_can_be_reached_again(
    repeat: bool,
) -> None:
    card = book(SPEND, five(repeat=repeat))
    for _number in range(5):
        card.buys(sale(1000), NOON)

    plan = card.gives_back(4, money(1000), NOON)

    assert took(plan) == (10, 10, 0, 0)
    assert (card.progress["five"].count, card.progress["five"].given) == (4, 0)
    again = card.buys(sale(1000), NOON).credit("points")
    assert again is not None
    assert again.units == 10


@pytest.mark.parametrize("repeat", [False, True])
def test_a_level_that_later_purchases_still_reach_is_given_with_the_next(repeat: bool) -> None:
    card = book(SPEND, five(repeat=repeat))
    for _number in range(6):
        card.buys(sale(1000), NOON)

    card.gives_back(4, money(1000), NOON)

    again = card.buys(sale(1000), NOON).credit("points")
    assert again is not None
    assert again.units == 10


def test_a_level_that_another_sale_reached_stays_and_is_not_given_twice() -> None:
    card = book(SPEND, five())
    for _number in range(5):
        card.buys(sale(1000), NOON)

    assert took(card.gives_back(1, money(1000), NOON)) == (1, 1, 0, 0)
    again = card.buys(sale(1000), NOON).credit("points")
    assert again is not None
    assert again.units == 1


def test_a_refund_after_the_window_leaves_the_new_window_alone() -> None:
    card = book(SPEND, five(span="month"))
    card.buys(sale(1000), NOON)
    later = NOON + timedelta(days=40)
    card.buys(sale(1000, at=later), later)

    card.gives_back(0, money(1000), later)

    assert card.progress["five"].count == 1


def test_a_streak_goes_on_when_another_purchase_of_the_week_follows_a_refund() -> None:
    streak = five(streak=True, span="week")
    card = book(SPEND, streak)
    for week in range(3):
        at = NOON + timedelta(days=7 * week)
        card.buys(sale(1000, at=at), at)

    card.gives_back(2, money(1000), at)
    assert card.progress["five"].count == 2
    card.buys(sale(1000, at=at), at)

    assert card.progress["five"].count == 3


def test_a_bonus_once_can_be_had_again_when_its_sale_came_back() -> None:
    grant = {"kind": "units", "unit": "points", "amount": 10}
    card = book(SPEND, {"kind": "bonus", "code": "first", "once": True, "grant": grant})
    card.buys(sale(1000), NOON)

    assert took(card.gives_back(0, money(1000), NOON)) == (11, 11, 0, 0)
    again = card.buys(sale(1000), NOON).credit("points")
    assert again is not None
    assert again.units == 11


def test_what_a_set_counted_comes_off_with_its_sale() -> None:
    units = [
        {"code": "points", "kind": "points"},
        {"code": "cake", "kind": "stamps"},
        {"code": "tea", "kind": "stamps"},
    ]
    taps = [{"kind": "item", "code": f"by_{code}", "unit": code} for code in ("cake", "tea")]
    grant = {"kind": "units", "unit": "points", "amount": 7}
    parts = [{"unit": "cake", "need": 1}, {"unit": "tea", "need": 1}]
    rule = {"kind": "set", "code": "all", "parts": parts, "grant": grant}
    card = book(*taps, rule, units=units)
    card.buys(visit(taps={"cake": 1}), NOON)
    card.gives_back(0, Refund(), NOON)

    card.buys(visit(taps={"tea": 1}), NOON)

    assert card.progress["all"].parts == {"cake": 0, "tea": 1}
