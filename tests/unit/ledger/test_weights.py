"""Multipliers: what each is meant for, which promise is used up, and what the reason says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ledger.evaluate import evaluate
from ledger.evaluation import Evaluation, WhyNot
from ledger.member_state import MemberState, Promise
from ledger.programme_terms import GrantKind
from tests.support.card_builders import NOON, item, sale, units_of, visit
from tests.support.terms_documents import simple, terms_of

EURO = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1}
PIECE = {
    "kind": "item",
    "code": "piece",
    "unit": "stamps",
    "when": {"match": {"categories": ["tea"]}},
}
VISIT = {"kind": "visit", "code": "visit", "unit": "stamps"}
UNITS = [{"code": "points", "kind": "points"}, {"code": "stamps", "kind": "stamps"}]


def times(code: str, percent: int, unit: str = "points", **when: Any) -> dict[str, Any]:
    return {"kind": "multiplier", "code": code, "unit": unit, "percent": percent, "when": when}


def promise(number: int, percent: int, **parts: Any) -> Promise:
    made = Promise(
        id=number,
        rule=f"made{number}",
        kind=GrantKind.MULTIPLY_NEXT,
        amount=percent,
        granted_at=NOON - timedelta(days=2),
        terms_version=1,
        unit="points",
    )
    return replace(made, **parts)


def answer(*rules: dict[str, Any], bought: Any = None, promises: Any = ()) -> Evaluation:
    terms = terms_of(simple(*rules, units=UNITS))
    return evaluate(terms, MemberState(promises=tuple(promises)), bought or sale(1000), NOON)


def out(found: Evaluation) -> list[tuple[str, WhyNot, str]]:
    return [(one.rule, one.why, one.by) for one in found.rules_left_out]


def test_pieces_are_multiplied_one_by_one() -> None:
    lines = (item("tea", 300, quantity=3, own_brand=True), item("tea", 200, quantity=2))

    found = answer(
        PIECE, times("own", 200, "stamps", match={"own_brand": True}), bought=sale(500, lines=lines)
    )

    assert units_of(found, "stamps") == 6 + 2


def test_a_visit_is_multiplied_for_a_line_it_has() -> None:
    rules = (VISIT, times("cake", 300, "stamps", match={"categories": ["cake"]}))

    assert units_of(answer(*rules, bought=sale(500, lines=(item("cake"),))), "stamps") == 3
    assert units_of(answer(*rules, bought=sale(500, lines=(item("tea"),))), "stamps") == 1


def test_a_visit_takes_the_best_that_is_meant_for_it() -> None:
    rules = (
        VISIT,
        times("cake", 500, "stamps", match={"categories": ["cake"]}),
        times("tea", 300, "stamps", match={"categories": ["tea"]}),
    )

    assert units_of(answer(*rules, bought=sale(500, lines=(item("tea"),))), "stamps") == 3


def test_the_promise_that_ends_first_is_used_first() -> None:
    late = promise(1, 200, expires_at=NOON + timedelta(days=9), granted_at=NOON - timedelta(days=9))
    soon = promise(2, 200, expires_at=NOON + timedelta(days=1))
    never = promise(3, 200, granted_at=NOON - timedelta(days=30))

    assert answer(EURO, promises=(never, late, soon)).consumed == (2,)
    assert answer(EURO, promises=(never, late)).consumed == (1,)


def test_a_promise_is_used_where_it_wins_for_its_own_unit() -> None:
    other = promise(1, 500, unit="stamps")
    future = promise(2, 400, granted_at=NOON + timedelta(minutes=1))
    mine = promise(3, 300)

    found = answer(EURO, promises=(other, future, mine))

    assert (units_of(found), found.consumed) == (30, (3,))


def test_a_promise_that_wins_beside_a_better_one_is_used_up() -> None:
    lines = (item("cake", 100),)
    cake = times("cake", 300, match={"categories": ["cake"]})

    found = answer(EURO, cake, bought=sale(300, lines=lines), promises=(promise(1, 200),))

    assert (units_of(found), found.consumed) == (3 + 4, (1,))


def test_a_promise_that_multiplies_nothing_is_kept() -> None:
    free = sale(100, lines=(item("tea", 0), item("cake", 100)))

    found = answer(PIECE, EURO, times("cake", 300), bought=free, promises=(promise(1, 200),))

    assert (units_of(found), found.consumed) == (3, ())


def test_each_multiplier_that_won_nothing_is_named_once_with_what_beat_it() -> None:
    rules = (
        EURO,
        {**VISIT, "code": "call", "unit": "points"},
        times("small", 125),
        times("great", 300),
        times("sunday", 900, weekdays=[7]),
        times("cake", 800, match={"categories": ["cake"]}),
    )

    found = answer(*rules, promises=(promise(1, 200),))

    assert out(found) == [
        ("sunday", WhyNot.NOT_NOW, ""),
        ("cake", WhyNot.NO_MATCH, ""),
        ("promise:made1", WhyNot.BEATEN, "great"),
        ("small", WhyNot.BEATEN, "great"),
    ]


def test_what_beat_the_best_is_not_itself() -> None:
    # The highest is meant for a line that cost nothing: it won nothing, so it beat nobody.
    lines = (item("cake", 0), item("tea", 1000))

    found = answer(
        EURO,
        times("cake", 800, match={"categories": ["cake"]}),
        times("all", 200),
        bought=sale(1000, lines=lines),
    )

    assert out(found) == [("cake", WhyNot.BEATEN, "all")]


def test_a_late_sale_uses_a_promise_that_stands_now() -> None:
    ended = promise(1, 200, expires_at=NOON)
    moment: datetime = NOON - timedelta(days=1)

    assert answer(EURO, bought=sale(1000, at=moment), promises=(ended,)).consumed == ()
    assert answer(VISIT, bought=visit(), promises=(promise(1, 200),)).consumed == ()
