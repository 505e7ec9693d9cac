"""What a refund takes off challenges and sets, and what it leaves alone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from ledger.member_state import Progress
from ledger.refund_plan import Refund
from ledger.refund_progress import moved, progress_back
from tests.support.card_book import Book
from tests.support.card_builders import NOON, sale
from tests.support.terms_documents import simple, terms_of

DAY = [date(2026, 11, 2) + timedelta(days=number) for number in range(9)]
EURO = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1}


@pytest.mark.parametrize(
    ("today", "old", "new", "expected"),
    [
        pytest.param(
            Progress(count=6, since=DAY[0], last=DAY[2], given=2, times=5),
            Progress(count=4, since=DAY[0], last=DAY[1], given=2, times=4),
            Progress(count=1, since=DAY[0], last=DAY[0], given=1, times=2),
            Progress(count=3, since=DAY[0], last=DAY[2], given=1, times=3),
            id="the step of the sale is taken off what came since",
        ),
        pytest.param(
            Progress(count=5, since=DAY[0], last=DAY[1]),
            Progress(count=4, since=DAY[0], last=DAY[1]),
            Progress(count=3, since=DAY[0], last=DAY[0]),
            Progress(count=4, since=DAY[0], last=DAY[0]),
            id="the last day goes with the sale that made it",
        ),
        pytest.param(
            Progress(count=2, since=DAY[7], last=DAY[8], given=1, times=1),
            Progress(count=1, since=DAY[0], last=DAY[0]),
            Progress(),
            Progress(count=2, since=DAY[7], last=DAY[8], given=1, times=1),
            id="a window that is over counts for nothing any more",
        ),
        pytest.param(
            Progress(count=3, since=DAY[4], last=DAY[5], given=1, times=2),
            Progress(count=2, since=DAY[4], last=DAY[4], given=1, times=2),
            Progress(count=9, since=DAY[0], last=DAY[3], given=3, times=1),
            Progress(count=1, since=DAY[4], last=DAY[5], given=0, times=1),
            id="what stood in the window before does not come into this one",
        ),
        pytest.param(
            Progress(count=1, given=0, times=0, last=DAY[2]),
            Progress(count=4, given=2, times=3, last=DAY[1]),
            Progress(count=1, given=1, times=1, last=DAY[0]),
            Progress(count=0, given=0, times=0, last=DAY[2]),
            id="nothing falls below zero",
        ),
        pytest.param(
            Progress(parts={"a": 1, "b": 4, "c": 5, "d": 2}, times=3),
            Progress(parts={"a": 2, "b": 3, "d": 1}, times=1),
            Progress(parts={"b": 1, "d": 2}, times=0),
            Progress(parts={"a": 0, "b": 2, "c": 5, "d": 3}, times=2),
            id="the parts of a set one by one",
        ),
    ],
)
def test_todays_progress_without_the_step(
    today: Progress, old: Progress, new: Progress, expected: Progress
) -> None:
    assert moved(today, old, new) == expected


def dare(**parts: Any) -> Book:
    grant = {"kind": "units", "unit": "points", "amount": 50}
    levels = [{"goal": 2, "grant": grant}]
    rule = {"kind": "challenge", "code": "dare", "levels": levels, **parts}
    return Book(terms_of(simple(EURO, rule)))


def test_a_level_that_was_reached_by_the_sale_can_be_reached_again() -> None:
    card = dare(repeat=True)
    given = []
    for day in range(2):
        card.buys(sale(100, at=NOON + timedelta(days=day)), NOON + timedelta(days=day))
    plan = card.gives_back(1, Refund(paid_minor=100), NOON + timedelta(days=1))
    for day in (2, 3):
        at = NOON + timedelta(days=day)
        credit = card.buys(sale(100, at=at), at).credit("points")
        given.append(credit.units if credit else 0)

    assert plan.progress["dare"].count == 1
    assert given == [51, 1]


def test_what_does_not_change_is_not_named() -> None:
    card = dare(min_sale_minor=0)
    card.buys(sale(300), NOON)
    answer = card.sales[0].answer
    other_window = {"dare": Progress(count=1, since=NOON.date())}

    assert card.gives_back(0, Refund(paid_minor=100), NOON).progress == {}
    assert progress_back({}, {}, old=answer, new=None) == {}
    assert progress_back(other_window, {}, old=answer, new=None) == {}
    assert progress_back(answer.progress, {}, old=None, new=None) == {}
    assert progress_back(answer.progress, {}, old=answer, new=None) == {"dare": Progress()}
    back = progress_back(answer.progress, {"dare": Progress(times=4)}, old=answer, new=None)
    assert back == {"dare": Progress(times=4)}


def test_where_nothing_came_since_the_window_before_is_there_again() -> None:
    card = dare(span="week")
    card.buys(sale(300), NOON)
    answer = card.sales[0].answer
    before = {"dare": Progress(count=1, since=NOON.date() - timedelta(days=9), times=4)}

    assert progress_back(answer.progress, before, old=answer, new=None) == before
