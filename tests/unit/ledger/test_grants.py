"""Bonuses and promises: made once, kept once, used only where they help."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.evaluate import evaluate
from ledger.evaluation import PartKind, WhyNot
from ledger.member_state import MemberState, Progress, Promise
from ledger.programme_terms import GrantKind
from tests.support.card_builders import (
    NOON,
    Card,
    join,
    sale,
    units_of,
)
from tests.support.terms_documents import simple, terms_of

EURO = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1}


def times(code: str, percent: int, unit: str = "points", **when: Any) -> dict[str, Any]:
    return {"kind": "multiplier", "code": code, "unit": unit, "percent": percent, "when": when}


def points(document: dict[str, Any], activity: Any = None, **state: Any) -> int:
    answer = evaluate(terms_of(document), MemberState(**state), activity or sale(1000), NOON)
    return units_of(answer)


def promise(kind: GrantKind, amount: int, **parts: Any) -> Promise:
    return Promise(
        id=parts.pop("id", 1),
        rule="back",
        kind=kind,
        amount=amount,
        granted_at=NOON - timedelta(days=1),
        terms_version=1,
        unit="points",
        **parts,
    )


def test_extra_points_promised_come_with_the_next_purchase_once() -> None:
    bonus = {
        "kind": "bonus",
        "code": "back",
        "grant": {"kind": "add_next", "unit": "points", "amount": 5, "days": 7},
    }
    card = Card(terms_of(simple(EURO, bonus)))

    given = [units_of(card.does(sale(100, at=NOON + timedelta(days=day)))) for day in (0, 3, 30)]

    assert given == [1, 6, 1]
    # The one that was used makes room for the next.
    assert [len(answer.promised) for answer in card.answers] == [1, 1, 1]
    assert card.answers[1].credits[0].parts[1].counted == 1
    end = card.answers[0].promised[0].expires_at
    assert end == datetime(2026, 12, 1, 23, tzinfo=UTC)


def test_an_open_promise_of_a_rule_is_not_doubled() -> None:
    bonus = {
        "kind": "bonus",
        "code": "back",
        "grant": {"kind": "percent_off_next", "amount": 10, "days": 7},
    }
    card = Card(terms_of(simple(EURO, bonus)))

    first, second = card.does(sale(100)), card.does(sale(100))

    assert (len(first.promised), len(second.promised)) == (1, 0)
    assert second.rules_left_out[0].why is WhyNot.ALREADY_GIVEN


def test_a_promised_multiplier_is_used_up_only_where_it_wins() -> None:
    document = simple(EURO, times("all", 200))
    low = promise(GrantKind.MULTIPLY_NEXT, 150)
    high = promise(GrantKind.MULTIPLY_NEXT, 300, id=2)

    kept = evaluate(terms_of(document), MemberState(promises=(low,)), sale(100), NOON)
    used = evaluate(terms_of(document), MemberState(promises=(low, high)), sale(100), NOON)

    assert (units_of(kept), kept.consumed) == (2, ())
    assert (units_of(used), used.consumed) == (3, (2,))


@pytest.mark.parametrize(
    "parts",
    [
        {"expires_at": NOON},
        {"min_sale_minor": 101},
    ],
    ids=["over", "too small a sale"],
)
def test_a_promise_that_does_not_hold_stays(parts: dict[str, Any]) -> None:
    state = MemberState(promises=(promise(GrantKind.ADD_NEXT, 5, **parts),))

    answer = evaluate(terms_of(simple()), state, sale(100), NOON)

    assert (units_of(answer), answer.consumed) == (1, ())


def test_a_promise_holds_at_its_very_limits() -> None:
    just = promise(
        GrantKind.ADD_NEXT, 5, min_sale_minor=100, expires_at=NOON + timedelta(microseconds=1)
    )

    answer = evaluate(terms_of(simple()), MemberState(promises=(just,)), sale(100), NOON)

    assert (units_of(answer), answer.consumed) == (6, (1,))


def test_a_sale_of_nothing_keeps_no_promise_and_gives_no_bonus() -> None:
    bonus = {
        "kind": "bonus",
        "code": "any",
        "grant": {"kind": "units", "unit": "points", "amount": 1},
    }
    state = MemberState(promises=(promise(GrantKind.ADD_NEXT, 5),))

    answer = evaluate(terms_of(simple(EURO, bonus)), state, sale(100, redeemed_minor=100), NOON)

    assert (answer.credits, answer.consumed) == ((), ())


def test_of_two_equal_promises_the_one_that_ends_first_is_used() -> None:
    late = promise(GrantKind.MULTIPLY_NEXT, 200, id=1)
    soon = promise(GrantKind.MULTIPLY_NEXT, 200, id=2, expires_at=NOON + timedelta(days=1))

    answer = evaluate(terms_of(simple()), MemberState(promises=(late, soon)), sale(100), NOON)

    assert answer.consumed == (2,)

    early = promise(GrantKind.MULTIPLY_NEXT, 200, id=1, expires_at=NOON + timedelta(days=9))
    first = evaluate(terms_of(simple()), MemberState(promises=(early, soon)), sale(100), NOON)

    assert first.consumed == (2,)


def test_a_bonus_given_once_is_not_given_again() -> None:
    bonus = {
        "kind": "bonus",
        "code": "once",
        "once": True,
        "floor": {"minor": 500},
        "grant": {"kind": "units", "unit": "points", "amount": 50},
    }
    card = Card(terms_of(simple(EURO, bonus)))

    given = [units_of(card.does(sale(minor))) for minor in (499, 500, 500)]

    assert given == [4, 55, 5]
    assert card.state.progress == {"once": Progress(times=1)}


def test_a_bonus_that_came_to_nothing_is_not_used_up() -> None:
    blocked = next_time(once=True)
    state = MemberState(promises=(promise(GrantKind.PERCENT_OFF_NEXT, 5),))
    terms = terms_of(simple(EURO, blocked))

    kept = evaluate(terms, state, sale(100), NOON)
    made = evaluate(terms, MemberState(), sale(100), NOON)
    without_once = evaluate(terms_of(simple(EURO, next_time())), MemberState(), sale(100), NOON)

    assert (kept.promised, dict(kept.progress)) == ((), {})
    assert (len(made.promised), dict(made.progress)) == (1, {"back": Progress(times=1)})
    assert dict(without_once.progress) == {}


def test_a_bonus_by_an_average_waits_until_there_is_one() -> None:
    bonus = {
        "kind": "bonus",
        "code": "more",
        "floor": {"average": "shop", "percent": 105, "minor": 300},
        "grant": {"kind": "units", "unit": "points", "amount": 50},
    }
    document = simple(EURO, bonus)
    none = evaluate(terms_of(document), MemberState(), sale(9999), NOON)

    assert none.rules_left_out[0].why is WhyNot.NO_AVERAGE
    # 105 % of 2.90 is 3.045: the floor is rounded up to 3.05; and never below the fixed one.
    assert points(document, sale(304), shop_average_minor=290) == 3
    assert points(document, sale(305), shop_average_minor=290) == 53
    assert points(document, sale(299), shop_average_minor=100) == 2
    assert points(document, sale(300), shop_average_minor=100) == 53


def next_time(**parts: Any) -> dict[str, Any]:
    grant = {"kind": "add_next", "unit": "points", "amount": 5, **parts.pop("grant", {})}
    return {"kind": "bonus", "code": "back", "grant": grant, **parts}


def test_a_promise_without_days_never_ends() -> None:
    answer = evaluate(terms_of(simple(EURO, next_time())), MemberState(), sale(100), NOON)

    (made,) = answer.promised
    assert (made.expires_at, made.welcome, made.terms_version) == (None, False, 1)


def test_a_promise_that_is_over_makes_room_for_a_new_one() -> None:
    over = promise(GrantKind.ADD_NEXT, 5, expires_at=NOON)

    answer = evaluate(
        terms_of(simple(EURO, next_time())), MemberState(promises=(over,)), sale(100), NOON
    )

    assert len(answer.promised) == 1


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ({"weekdays": [1]}, WhyNot.NOT_NOW),
        ({"match": {"categories": ["cake"]}}, WhyNot.NO_MATCH),
    ],
)
def test_a_bonus_has_its_time_and_its_items(when: dict[str, Any], why: WhyNot) -> None:
    document = simple(EURO, next_time(when=when))

    answer = evaluate(terms_of(document), MemberState(), sale(100), NOON)

    assert answer.promised == ()
    assert [out.why for out in answer.rules_left_out] == [why]


def test_a_promise_by_an_average_waits_until_there_is_one() -> None:
    bonus = next_time(grant={"floor": {"average": "shop", "percent": 110}})

    none = evaluate(terms_of(simple(EURO, bonus)), MemberState(), sale(100), NOON)
    some = evaluate(
        terms_of(simple(EURO, bonus)), MemberState(shop_average_minor=1000), sale(100), NOON
    )

    assert none.promised == ()
    assert [out.why for out in none.rules_left_out] == [WhyNot.NO_AVERAGE]
    once = evaluate(terms_of(simple(EURO, bonus | {"once": True})), MemberState(), sale(100), NOON)
    assert dict(once.progress) == {}
    assert some.promised[0].min_sale_minor == 1100


WELCOME = {
    "kind": "welcome",
    "code": "hello",
    "grant": {"kind": "units", "unit": "points", "amount": 7},
}


def test_a_second_welcome_says_that_the_contact_had_one() -> None:
    answer = evaluate(terms_of(simple(EURO, WELCOME)), MemberState(welcomed=True), join(), NOON)

    assert answer.promised == ()
    assert [(out.rule, out.why) for out in answer.rules_left_out] == [
        ("hello", WhyNot.ALREADY_GIVEN)
    ]


def test_a_promise_and_a_welcome_are_told_apart() -> None:
    kept = promise(GrantKind.ADD_NEXT, 3, id=1)
    hello = promise(GrantKind.UNITS, 7, id=2, welcome=True)
    state = MemberState(promises=(kept, hello))

    answer = evaluate(terms_of(simple(EURO)), state, sale(100), NOON)

    assert [(part.kind, part.units) for part in answer.credits[0].parts] == [
        (PartKind.SPEND, 1),
        (PartKind.WELCOME, 7),
        (PartKind.PROMISE, 3),
    ]


def test_a_bonus_that_came_once_comes_again_when_the_terms_no_longer_say_once() -> None:
    grant = {"kind": "units", "unit": "points", "amount": 5}
    state = {"progress": {"more": Progress(times=1)}}
    once = {"kind": "bonus", "code": "more", "once": True, "grant": grant}

    assert points(simple(EURO, once), **state) == 10
    assert points(simple(EURO, {**once, "once": False}), **state) == 15
