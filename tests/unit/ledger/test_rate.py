"""The rate of DESIGN 4, worked by hand, and what must hold for every order of sales and undos."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger.programme_terms import Rounding
from ledger.rate import rate_spend, rate_steps
from ledger.terms import PointsTerms


def terms(spend_minor: int = 100, points: int = 1) -> PointsTerms:
    return PointsTerms(version=1, currency="EUR", spend_minor=spend_minor, points=points)


@pytest.mark.parametrize(
    ("carry", "amount", "units", "carry_after"),
    [
        (0, 1240, 12, 40),
        (40, 60, 1, 0),
        (40, 59, 0, 99),
        (0, 1, 0, 1),
        (99, 1, 1, 0),
        (-40, 20, 0, -20),
        (-40, 40, 0, 0),
        (-40, 140, 1, 0),
        (-40, 139, 0, 99),
        (130, 0, 1, 30),
        (130, 70, 2, 0),
    ],
)
def test_worked_examples(carry: int, amount: int, units: int, carry_after: int) -> None:
    earned = rate_spend(terms(), carry_minor=carry, amount_minor=amount)

    assert (earned.units, earned.carry_minor) == (units, carry_after)


def test_points_come_in_their_number() -> None:
    earned = rate_spend(terms(spend_minor=1000, points=5), carry_minor=0, amount_minor=2999)

    assert (earned.units, earned.carry_minor) == (10, 999)


@given(
    spend=st.integers(1, 10_000),
    points=st.integers(1, 50),
    carry=st.integers(-(10**6), 10**6),
    amount=st.integers(1, 10**8),
)
def test_nothing_is_lost_to_rounding(spend: int, points: int, carry: int, amount: int) -> None:
    earned = rate_spend(terms(spend, points), carry_minor=carry, amount_minor=amount)

    assert earned.units // points * spend + earned.carry_minor == carry + amount
    assert earned.units >= 0
    assert earned.carry_minor < spend


@pytest.mark.parametrize(
    ("rounding", "size", "carry", "units", "carry_after"),
    [
        (Rounding.CARRY, 20, -40, 0, -20),
        (Rounding.CARRY, 140, -40, 2, 0),
        (Rounding.DOWN, 199, 7, 2, 7),
        (Rounding.NEAREST, 149, 7, 2, 7),
        (Rounding.NEAREST, 150, 7, 4, 7),
        (Rounding.NEAREST, 49, 0, 0, 0),
        (Rounding.UP, 101, 7, 4, 7),
        (Rounding.UP, 100, 7, 2, 7),
    ],
)
def test_each_sale_is_rounded_as_the_unit_says(
    rounding: Rounding, size: int, carry: int, units: int, carry_after: int
) -> None:
    earned = rate_steps(size, step=100, units=2, carry=carry, rounding=rounding)

    assert (earned.units, earned.carry_minor) == (units, carry_after)


def test_no_float_is_in_the_ledger() -> None:
    """DESIGN 4: a float in ledger/ does not pass review."""
    for path in sorted(Path(ledger.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            is_float = isinstance(node, ast.Constant) and isinstance(node.value, float)
            is_division = isinstance(node, ast.Div)
            is_name = isinstance(node, ast.Name) and node.id in {"float", "round"}
            found = is_float or is_division or is_name
            assert not found, f"{path.name}: {ast.dump(node)}"
