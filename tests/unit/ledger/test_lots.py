from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.lots import Allocation, Lot, available, give_back, is_spendable, spend

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def lot(number: int, remaining: int = 5, *, age: int = 1, expires: int | None = None) -> Lot:
    return Lot(
        id=number,
        amount=max(remaining, 5),
        remaining=remaining,
        available_from=NOW - age * DAY,
        expires_at=None if expires is None else NOW + expires * DAY,
    )


def test_earliest_expiry_goes_first_then_the_oldest() -> None:
    lots = [
        lot(1, age=9),
        lot(2, age=8, expires=30),
        lot(3, age=3, expires=10),
        lot(4, age=5, expires=10),
    ]

    taken = spend(lots, 17, now=NOW)

    assert [part.lot_id for part in taken] == [4, 3, 2, 1]
    assert [part.amount for part in taken] == [5, 5, 5, 2]


def test_lots_of_one_moment_go_by_id() -> None:
    assert [p.lot_id for p in spend([lot(7), lot(3)], 6, now=NOW)] == [3, 7]


@pytest.mark.parametrize(
    ("case", "spendable"),
    [
        (lot(1, expires=0), False),
        (lot(1, expires=-1), False),
        (lot(1, age=-1), False),
        (lot(1, age=0), True),
        (lot(1, 0), False),
        (lot(1, expires=1), True),
    ],
)
def test_only_present_lots_can_be_spent(case: Lot, spendable: bool) -> None:
    assert is_spendable(case, NOW) is spendable
    assert available([case], NOW) == (5 if spendable else 0)


def test_spending_more_than_there_is_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="hold 5, not 6"):
        spend([lot(1), lot(2, expires=0)], 6, now=NOW)


def test_giving_back_mirrors_lot_by_lot() -> None:
    taken = (Allocation(lot_id=1, amount=3), Allocation(lot_id=2, amount=1))

    assert give_back(taken) == (
        Allocation(lot_id=1, amount=-3),
        Allocation(lot_id=2, amount=-1),
    )


@given(
    st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(-3, 3)), max_size=12),
    st.integers(1, 30),
)
def test_a_spend_takes_exactly_its_amount_and_no_more_than_is_there(
    shapes: list[tuple[int, int | None]], amount: int
) -> None:
    lots = [lot(n, left, expires=expires) for n, (left, expires) in enumerate(shapes)]
    if available(lots, NOW) < amount:
        return

    taken = spend(lots, amount, now=NOW)

    assert sum(part.amount for part in taken) == amount
    assert all(0 < part.amount <= lots[part.lot_id].remaining for part in taken)
    assert all(is_spendable(lots[part.lot_id], NOW) for part in taken)
