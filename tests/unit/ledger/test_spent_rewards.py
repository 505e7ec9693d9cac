"""Rewards spent on a sale that is refunded: restored to their very lots, kept, or asked about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ledger.lots import Allocation
from ledger.programme_terms import SpentReward
from ledger.reasons import sentences
from ledger.refund_plan import Refund, RefundPlan, SpentOn
from tests.support.card_book import Book
from tests.support.card_builders import NOON, sale
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


def restored(policy: str, choice: SpentReward | None = None, minor: int = 2000) -> Any:
    card = book(spent_reward=policy)
    card.buys(sale(5000, at=NOON - timedelta(days=1)), NOON - timedelta(days=1))
    allocations = card.spends("points", 4, NOON)
    card.buys(sale(2000), NOON)
    spent = SpentOn(operation_id=77, unit="points", units=4, allocations=allocations)
    plan = card.gives_back(1, money(minor), NOON, spent=(spent,), choice=choice)
    return card, plan


def test_a_spent_reward_comes_back_to_its_very_lots() -> None:
    card, plan = restored("restore")

    first_lot = card.sales[0].lots["points"][0]
    assert not plan.ask
    assert plan.restores[0].allocations == (Allocation(lot_id=first_lot, amount=-4),)
    assert card.holdings["points"].balance == 5
    assert "Given back: the sale was refunded" in sentences(plan.reason)


def test_staff_are_asked_and_their_word_holds() -> None:
    _card, asked = restored("ask")
    _card, given = restored("ask", SpentReward.RESTORE)
    _card, kept = restored("ask", SpentReward.KEEP)
    _card, part = restored("ask", minor=1999)

    assert (asked.ask, asked.restores) == (True, ())
    assert not given.ask
    assert given.restores
    assert (kept.ask, kept.restores) == (False, ())
    assert not part.ask


def test_what_comes_back_can_still_be_used() -> None:
    units = [{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 3}}]
    card = book(units=units, spent_reward="restore", restore_days=10)
    card.buys(sale(5000), NOON)
    allocations = card.spends("points", 4, NOON)
    card.buys(sale(1000), NOON)
    later = NOON + timedelta(days=8)
    card.lets_expire(later)
    spent = SpentOn(operation_id=7, unit="points", units=4, allocations=allocations)

    plan = card.gives_back(1, money(1000), later, spent=(spent,))

    (lot_id, end), *others = plan.restores[0].extended
    assert lot_id == card.sales[0].lots["points"][0]
    assert not others
    assert later + timedelta(days=10) < end < later + timedelta(days=11)


def test_restored_units_are_there_before_the_sale_is_taken_back() -> None:
    # The sale's own points went into the reward: they come back, and then go: nothing is owed.
    card = book(spent_reward="restore")
    card.buys(sale(3000), NOON)
    allocations = card.spends("points", 3, NOON)
    spent = SpentOn(operation_id=7, unit="points", units=3, allocations=allocations)

    plan = card.gives_back(0, money(3000), NOON, spent=(spent,))

    assert took(plan) == (3, 3, 0, 0)
    assert [(str(m.debit), str(m.credit), m.amount) for m in plan.moves()] == [
        ("redeemed", "member", 3),
        ("member", "issued", 3),
    ]


def test_what_was_spent_elsewhere_stays_spent() -> None:
    card = book(spent_reward="restore")
    card.buys(sale(3000), NOON)
    card.spends("points", 1, NOON)
    here = SpentOn(
        operation_id=7, unit="points", units=2, allocations=card.spends("points", 2, NOON)
    )

    plan = card.gives_back(0, money(3000), NOON, spent=(here,))

    assert took(plan) == (3, 2, 1, 0)


def test_a_late_job_brings_nothing_else_of_the_lot_back() -> None:
    units = [{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 3}}]
    cards = []
    for job_ran in (True, False):
        card = book(units=units, spent_reward="restore", restore_days=10)
        card.buys(sale(9000), NOON)
        allocations = card.spends("points", 4, NOON)
        later = NOON + timedelta(days=8)
        card.buys(sale(1000, at=later), later)
        if job_ran:
            card.lets_expire(later)
        spent = SpentOn(operation_id=7, unit="points", units=4, allocations=allocations)
        card.gives_back(1, money(1000), later, spent=(spent,))
        cards.append(card)

    # Five were over when the sale came back: only the four of the reward live on.
    assert [card.holdings["points"].balance for card in cards] == [4, 4]


def test_what_comes_back_to_an_idle_card_can_still_be_used() -> None:
    units = [{"code": "points", "kind": "points", "expiry": {"kind": "idle", "days": 3}}]
    card = book(units=units, spent_reward="restore", restore_days=10)
    card.buys(sale(4000), NOON)
    allocations = card.spends("points", 4, NOON)
    card.buys(sale(1000), NOON)
    spent = SpentOn(operation_id=7, unit="points", units=4, allocations=allocations)
    later = NOON + timedelta(days=8)

    card.gives_back(1, money(1000), later, spent=(spent,))

    assert card.lets_expire(later + timedelta(days=9)) == 0
    assert card.lets_expire(later + timedelta(days=11)) == 4


def test_only_what_was_spent_comes_back_and_pays_what_the_sale_had_given() -> None:
    units = [{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 3}}]
    card = book(units=units, spent_reward="restore", restore_days=10)
    card.buys(sale(9000), NOON)
    here = SpentOn(
        operation_id=7, unit="points", units=4, allocations=card.spends("points", 4, NOON)
    )
    later = NOON + timedelta(days=3)
    card.buys(sale(6000, at=later), later)
    card.spends("points", 5, later)  # the last day of the five that were left
    card.spends("points", 6, later)
    end = NOON + timedelta(days=5)

    plan = card.gives_back(1, money(6000), end, spent=(here,))

    # The sale's six are spent: four come out of the reward that came back, two are owed.
    assert took(plan) == (6, 4, 2, 0)


def test_a_part_of_the_sale_brings_no_reward_back() -> None:
    _card, plan = restored("restore", minor=1999)

    assert plan.restores == ()
    assert not plan.whole


def test_a_lot_that_lives_long_enough_keeps_its_day() -> None:
    for days, extended in ((30, 0), (10, 0), (9, 1)):
        units = [{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": days}}]
        card = book(units=units, spent_reward="restore", restore_days=10)
        card.buys(sale(4000), NOON)
        allocations = card.spends("points", 4, NOON)
        card.buys(sale(1000), NOON)
        spent = SpentOn(operation_id=7, unit="points", units=4, allocations=allocations)

        plan = card.gives_back(1, money(1000), NOON, spent=(spent,))

        assert len(plan.restores[0].extended) == extended


def test_rewards_that_come_back_alone_are_told_one_by_one() -> None:
    card = book(spent_reward="restore")
    card.buys(sale(9000), NOON)
    rewards = tuple(
        SpentOn(
            operation_id=number,
            unit="points",
            units=number,
            allocations=card.spends("points", number, NOON),
        )
        for number in (2, 3)
    )
    card.buys(sale(1), NOON)

    plan = card.gives_back(1, money(1), NOON, spent=rewards)

    assert [take.units for take in plan.takes] == [0]
    assert [one["units"] for one in plan.reason["others"]] == [2, 3]
