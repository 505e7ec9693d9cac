"""Limits: which unit they hold for, and what a scan may give by tap."""

from __future__ import annotations

from typing import Any

import pytest

from common.errors import LimitReached
from ledger.caps import room
from ledger.evaluate import evaluate
from ledger.member_state import MemberState
from tests.support.card_builders import join, sale, units_of, visit
from tests.support.terms_documents import simple, terms_of

EURO = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1}
UNITS = [{"code": "points", "kind": "points"}, {"code": "stamps", "kind": "stamps"}]
VISIT = {"kind": "visit", "code": "visit", "unit": "stamps"}
PIECE = {"kind": "item", "code": "piece", "unit": "stamps"}
WELCOME = {
    "kind": "welcome",
    "code": "hello",
    "grant": {"kind": "units", "unit": "points", "amount": 5},
}


def gives(*rules: dict[str, Any], bought: Any, limits: Any = (), **state: Any) -> tuple[int, int]:
    terms = terms_of(simple(*rules, units=UNITS, limits=list(limits)))
    found = evaluate(terms, MemberState(**state), bought, bought.at)
    return units_of(found), units_of(found, "stamps")


def limit(kind: str, most: int, unit: str = "") -> dict[str, Any]:
    return {"kind": kind, "most": most, **({"unit": unit} if unit else {})}


def test_a_limit_of_one_unit_leaves_the_others_alone() -> None:
    limits = [limit("units_per_scan", 1, "stamps")]

    assert gives(EURO, VISIT, bought=sale(1000, visits=4), limits=limits) == (10, 1)


def test_the_tightest_limit_holds_and_an_eaten_one_leaves_nothing() -> None:
    limits = [
        limit("units_per_scan", 8, "points"),
        limit("units_per_day", 9, "points"),
        limit("shop_units_per_day", 9, "points"),
    ]
    terms = terms_of(simple(EURO, limits=limits))

    found = room(terms, MemberState(units_today={"points": 4}), "points")
    eaten = room(terms, MemberState(shop_units_today={"points": 12}), "points")

    assert (found and found[0], eaten and eaten[0]) == (5, 0)
    assert room(terms, MemberState(), "stamps") is None


@pytest.mark.parametrize(
    ("rule", "bought"),
    [
        (VISIT, visit(visits=6)),
        (VISIT, visit(taps={"stamps": 6})),
        (PIECE, visit(taps={"stamps": 6})),
    ],
)
def test_a_scan_gives_five_at_once(rule: dict[str, Any], bought: Any) -> None:
    with pytest.raises(LimitReached) as caught:
        gives(EURO, rule, bought=bought)
    assert caught.value.limit == "stamps_per_scan"


def test_visits_are_no_pieces_and_a_limit_of_the_terms_takes_the_place_of_five() -> None:
    assert gives(EURO, PIECE, bought=visit(visits=6)) == (0, 0)
    by_terms = [limit("units_per_scan", 9, "stamps")]
    assert gives(EURO, VISIT, bought=visit(visits=6), limits=by_terms) == (0, 6)
    others = [limit("units_per_day", 9, "stamps")]
    with pytest.raises(LimitReached):
        gives(EURO, VISIT, bought=visit(visits=6), limits=others)


def test_joining_is_no_scan() -> None:
    terms = terms_of(simple(EURO, WELCOME, limits=[limit("earns_per_day", 1)]))

    assert evaluate(terms, MemberState(earns_today=1), join(), join().at).promised
