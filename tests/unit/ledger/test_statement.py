"""The arithmetic of what is owed: ages, breakage, estimates, and the worked example of the books."""

from __future__ import annotations

from datetime import date

import pytest

from ledger.statement import Given, Worth, add_up, ages, deferred, owed, redeemed_share, worth_of


def test_units_fall_into_four_ages_by_their_days() -> None:
    found = ages({0: 1, 30: 2, 31: 4, 90: 8, 91: 16, 365: 32, 366: 64, -1: 128})

    assert [age.units for age in found] == [131, 12, 48, 64]


def test_the_share_that_comes_is_what_was_redeemed_of_what_is_over() -> None:
    assert redeemed_share(85, 15) == 85
    assert redeemed_share(1, 2) == 33
    assert redeemed_share(0, 0) is None


def test_an_estimate_is_what_is_out_times_its_worth_times_the_share() -> None:
    worth = Worth(units=10, face_minor=100, cost_minor=35)

    found = owed("points", {5: 2000}, redeemed=85, expired=15, worth=worth)

    assert (found.units, found.face_minor) == (2000, 20000)
    assert (found.estimate_minor, found.estimate_cost_minor) == (17000, 5950)


def test_an_owners_own_breakage_counts_in_place_of_the_seen_one() -> None:
    worth = Worth(units=1, face_minor=10)

    found = owed("points", {5: 3}, redeemed=1, expired=1, worth=worth, breakage_percent=0)

    assert (found.estimate_minor, found.estimate_cost_minor) == (30, None)
    assert found.redeemed_percent == 50


def test_what_nobody_can_value_has_no_amount() -> None:
    found = owed("stamps", {1: 4}, redeemed=0, expired=0, worth=None)

    assert (found.units, found.face_minor, found.estimate_minor) == (4, None, None)


def test_a_sale_defers_by_relative_price() -> None:
    assert deferred(200_000, 17_000) == 15_668  # 2,000 with 2,000 points at 0.10, 85 % expected


def test_days_add_up_to_months() -> None:
    lines = [
        (date(2026, 11, day), Given(period="", unit="points", issued=day, cost_minor=1))
        for day in (1, 2, 30)
    ]

    (month,) = add_up(lines, monthly=True)

    assert (month.period, month.issued, month.cost_minor) == ("2026-11", 33, 3)
    assert len(add_up(lines, monthly=False)) == 3


@pytest.mark.parametrize("order", [1, -1])
def test_the_dearest_use_of_a_unit_is_its_worth(order: int) -> None:
    several = [Worth(units=10, face_minor=100), Worth(units=9, face_minor=300)][::order]

    assert worth_of(several) == Worth(units=9, face_minor=300)
    assert worth_of([]) is None
