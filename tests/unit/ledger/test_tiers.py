"""Tiers: reached at once, lost after grace, the same whenever the job looks."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.expiry import day_start
from ledger.programme_terms import TierBasis, TierLevel, TierTerms, TierWindow
from ledger.tiers import level_of, reached, risen, tier_at, way_up, window_start

VIENNA = ZoneInfo("Europe/Vienna")
DAY = date(2026, 1, 1)
LEVELS = (
    TierLevel(code="silver", name="Silver", threshold=100),
    TierLevel(code="gold", name="Gold", threshold=300),
)


def tiers(**parts: Any) -> TierTerms:
    return TierTerms(levels=LEVELS, basis=TierBasis.SPEND, **parts)


def on(day: int) -> date:
    return DAY + timedelta(days=day)


def at(terms: TierTerms, history: list[tuple[int, int]], day: int) -> str:
    moments = [(day_start(on(when), VIENNA) + timedelta(hours=9), sum_) for when, sum_ in history]
    return tier_at(terms, moments, day_start(on(day), VIENNA) + timedelta(hours=12), VIENNA).code


ROLLING = tiers(window=TierWindow.DAYS, days=30, grace_days=10)


@pytest.mark.parametrize(
    ("total", "count"), [(-5, 0), (0, 0), (99, 0), (100, 1), (299, 1), (300, 2), (10**9, 2)]
)
def test_what_a_total_carries(total: int, count: int) -> None:
    assert reached(tiers(), total) == count


def test_a_sale_lifts_and_never_lowers() -> None:
    assert risen(tiers(), "", 99) == ""
    assert risen(tiers(), "", 100) == "silver"
    assert risen(tiers(), "", 300) == "gold"
    assert risen(tiers(), "gold", 100) == "gold"
    assert risen(tiers(), "a tier of old", 100) == "silver"


@pytest.mark.parametrize(
    ("day", "code"),
    [(0, "gold"), (29, "gold"), (30, "gold"), (39, "gold"), (40, ""), (400, "")],
)
def test_a_tier_falls_when_its_grace_is_over(day: int, code: str) -> None:
    # Day 0 counts through day 29; the grace runs from day 30 to day 39.
    assert at(ROLLING, [(0, 300)], day) == code


def test_it_falls_to_what_the_total_still_carries() -> None:
    history = [(0, 250), (20, 100)]

    assert [at(ROLLING, history, day) for day in (20, 39, 40, 59, 60)] == [
        "gold",
        "gold",
        "silver",
        "silver",
        "",
    ]


def test_a_tier_carried_again_within_the_grace_is_kept() -> None:
    assert at(ROLLING, [(0, 300), (35, 300)], 60) == "gold"
    assert at(ROLLING, [(0, 300), (40, 299)], 60) == "silver"


def test_without_grace_it_falls_at_the_very_midnight() -> None:
    sharp = tiers(window=TierWindow.DAYS, days=30)

    assert [at(sharp, [(0, 100)], day) for day in (29, 30)] == ["silver", ""]
    assert at(sharp, [(0, 100), (30, 100)], 30) == "silver"


def test_a_calendar_year_begins_anew() -> None:
    yearly = tiers(window=TierWindow.YEAR, grace_days=31)

    assert [at(yearly, [(200, 150)], day) for day in (199, 200, 364, 395, 396)] == [
        "",
        "silver",
        "silver",
        "silver",
        "",
    ]


def test_what_is_kept_for_ever_never_falls() -> None:
    assert at(tiers(), [(0, 60), (500, 40)], 5000) == "silver"


def test_a_refund_takes_a_tier_that_was_never_earned() -> None:
    assert at(ROLLING, [(0, 300), (0, -300)], 1) == ""


def test_the_first_fall_is_told_with_its_day() -> None:
    standing = tier_at(ROLLING, [(on(0), 250), (on(20), 100)], day_start(on(25), VIENNA), VIENNA)

    assert (standing.code, standing.total) == ("gold", 350)
    assert (standing.falls_on, standing.falls_to) == (on(40), "silver")


def test_a_fall_without_grace_is_told_too() -> None:
    sharp = tiers(window=TierWindow.DAYS, days=30)

    standing = tier_at(sharp, [(on(0), 250), (on(20), 100)], day_start(on(25), VIENNA), VIENNA)

    assert (standing.falls_on, standing.falls_to) == (on(30), "silver")


@settings(deadline=None)
@given(
    history=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 320)), max_size=8),
    day=st.integers(0, 60),
    grace=st.integers(0, 9),
)
def test_the_fall_that_is_told_is_the_one_that_comes(
    history: list[tuple[int, int]], day: int, grace: int
) -> None:
    terms = tiers(window=TierWindow.DAYS, days=20, grace_days=grace)
    past = [(when, sum_) for when, sum_ in history if when <= day]
    moments = [(on(when), sum_) for when, sum_ in past]

    standing = tier_at(terms, moments, day_start(on(day), VIENNA), VIENNA)

    later = [at(terms, past, day + step) for step in range(80)]
    falls = next((step for step, code in enumerate(later) if code != later[0]), None)
    if falls is None:
        assert (standing.falls_on, standing.falls_to) == (None, "")
    else:
        assert (standing.falls_on, standing.falls_to) == (on(day + falls), later[falls])


def test_a_tier_that_stays_names_no_fall() -> None:
    standing = tier_at(tiers(), [(on(0), 100)], day_start(on(5), VIENNA), VIENNA)

    assert (standing.falls_on, standing.falls_to) == (None, "")


@settings(deadline=None)
@given(
    history=st.lists(st.tuples(st.integers(0, 90), st.integers(1, 320)), max_size=12),
    day=st.integers(0, 150),
    window=st.integers(1, 40),
    grace=st.integers(0, 20),
)
def test_the_same_as_walking_day_by_day(
    history: list[tuple[int, int]], day: int, window: int, grace: int
) -> None:
    terms = tiers(window=TierWindow.DAYS, days=window, grace_days=grace)

    rank, short = 0, {1: 0, 2: 0}
    for today in range(day + 1):
        before = sum(n for when, n in history if today - window < when < today)
        for level in (1, 2):
            short[level] = 0 if before >= LEVELS[level - 1].threshold else short[level] + 1
        while rank and short[rank] > grace:
            rank -= 1
        total = before + sum(n for when, n in history if when == today)
        carried = reached(terms, total)
        rank = max(rank, carried)
        for level in range(1, carried + 1):
            short[level] = 0

    assert at(terms, history, day) == ["", "silver", "gold"][rank]


@settings(deadline=None)
@given(
    history=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 320)), max_size=8),
    day=st.integers(0, 100),
)
def test_order_and_sums_by_day_change_nothing(history: list[tuple[int, int]], day: int) -> None:
    summed = [(when, sum(n for w, n in history if w == when)) for when in {w for w, _n in history}]

    assert at(ROLLING, history, day) == at(ROLLING, history[::-1], day) == at(ROLLING, summed, day)


def test_the_window_begins_with_a_day_of_the_shop() -> None:
    noon = day_start(on(40), VIENNA) + timedelta(hours=12)

    assert window_start(ROLLING, noon, VIENNA) == day_start(on(11), VIENNA)
    assert window_start(tiers(window=TierWindow.YEAR), noon, VIENNA) == day_start(DAY, VIENNA)
    assert window_start(tiers(), noon, VIENNA) is None


@pytest.mark.parametrize(
    ("code", "total", "way"),
    [
        ("", 0, ("silver", 100, 0)),
        ("", 99, ("silver", 1, 99)),
        ("silver", 150, ("gold", 150, 50)),
        ("silver", -20, ("gold", 320, 0)),
        ("silver", 300, ("gold", 0, 99)),
    ],
)
def test_the_way_to_the_next_tier(code: str, total: int, way: tuple[str, int, int]) -> None:
    found = way_up(tiers(), code, total)

    assert found is not None
    assert (found.code, found.missing, found.percent) == way


def test_at_the_top_there_is_no_way_up() -> None:
    assert way_up(tiers(), "gold", 0) is None
    assert level_of(tiers(), "gold") == LEVELS[1]
    assert level_of(tiers(), "iron") is None


def test_sales_to_come_count_for_nothing_yet() -> None:
    assert at(ROLLING, [(5, 400)], 4) == ""
    assert at(ROLLING, [(5, 400)], 5) == "gold"


def test_a_fall_is_announced_on_the_very_day_it_comes() -> None:
    terms = tiers(window=TierWindow.DAYS, days=30, grace_days=0)
    now = day_start(on(10), VIENNA)

    standing = tier_at(terms, [(on(0), 300), (on(10), 100)], now, VIENNA)

    assert (standing.code, standing.falls_on, standing.falls_to) == ("gold", on(30), "silver")
    last = tier_at(terms, [(on(0), 300), (on(10), 100)], day_start(on(29), VIENNA), VIENNA)
    assert last.code == "gold"


def test_two_falls_at_one_midnight_are_one() -> None:
    terms = tiers(window=TierWindow.DAYS, days=30, grace_days=10)
    now = day_start(on(5), VIENNA)

    standing = tier_at(terms, [(on(0), 300)], now, VIENNA)

    assert (standing.falls_on, standing.falls_to) == (on(40), "")
    assert at(terms, [(0, 300)], 39) == "gold"
    assert at(terms, [(0, 300)], 40) == ""


def test_a_total_that_carries_again_begins_its_grace_anew() -> None:
    # Short of gold from day 30, carried again on day 35 by 300, short again from day 65.
    history = [(0, 300), (35, 300)]

    assert at(ROLLING, history, 64) == "gold"
    assert at(ROLLING, history, 74) == "gold"
    assert at(ROLLING, history, 75) == ""


def test_the_way_up_is_told_in_whole_percents_below_all_of_it() -> None:
    terms = tiers()

    assert [getattr(way_up(terms, "", total), "percent", None) for total in (-5, 0, 50, 99)] == [
        0,
        0,
        50,
        99,
    ]
    assert getattr(way_up(terms, "", 100), "percent", None) == 99
