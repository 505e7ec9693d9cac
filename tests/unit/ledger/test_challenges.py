"""Challenges and sets: windows, streaks, levels, what is beyond."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ledger.evaluate import evaluate
from ledger.evaluation import WhyNot
from ledger.member_state import MemberState, Progress
from tests.support.card_builders import (
    NOON,
    Card,
    item,
    sale,
    units_of,
    visit,
)
from tests.support.terms_documents import simple, terms_of

EURO = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1}


def challenge(**parts: Any) -> dict[str, Any]:
    goals = parts.pop("goals", [2])
    levels = [
        {"goal": goal, "grant": {"kind": "units", "unit": "points", "amount": 100 * goal}}
        for goal in goals
    ]
    return {"kind": "challenge", "code": "dare", "levels": levels, **parts}


def course(document: dict[str, Any], days: list[int], **parts: Any) -> list[int]:
    card = Card(terms_of(document))
    return [
        units_of(card.does(sale(100, at=NOON + timedelta(days=day), **parts))) - 1 for day in days
    ]


@pytest.mark.parametrize(
    ("parts", "days", "given"),
    [
        ({}, [0, 1, 2, 3], [0, 200, 0, 0]),
        ({"repeat": True}, [0, 1, 2, 3], [0, 200, 0, 200]),
        ({"goals": [1, 3]}, [0, 1, 2, 3], [100, 0, 300, 0]),
        ({"goals": [1, 3], "repeat": True}, [0, 1, 2, 3], [100, 0, 300, 100]),
        ({"span": "week"}, [0, 5, 6, 7], [0, 200, 0, 200]),
        ({"span": "month"}, [0, 7, 8, 9], [0, 0, 200, 0]),
        ({"span": "day"}, [0, 1, 1, 1], [0, 0, 200, 0]),
        ({"span": "days", "days": 3}, [0, 3, 5, 6], [0, 0, 200, 0]),
        ({"span": "day", "streak": True, "goals": [3]}, [0, 1, 1, 2, 3], [0, 0, 0, 300, 0]),
        ({"span": "month", "streak": True}, [0, 20, 50], [0, 200, 0]),
        ({"min_sale_minor": 101}, [0, 1], [0, 0]),
    ],
)
def test_challenges(parts: dict[str, Any], days: list[int], given: list[int]) -> None:
    assert course(simple(EURO, challenge(**parts)), days) == given


def test_a_sale_told_late_does_not_turn_a_challenge_back() -> None:
    document = simple(EURO, challenge(span="week"))

    assert course(document, [7, 0, 8]) == [0, 0, 200]
    assert course(simple(EURO, challenge(span="day", streak=True)), [5, 3, 6]) == [0, 0, 200]


def test_a_challenge_may_count_items_several_at_once() -> None:
    dare = challenge(action="item", repeat=True, when={"match": {"categories": ["cake"]}})
    lines = (item("cake", 50, quantity=5), item("tea", 50, quantity=9))

    assert course(simple(EURO, dare), [0, 1], lines=lines) == [400, 600]


def test_a_set_keeps_what_is_beyond_it() -> None:
    kinds = ["a", "b"]
    rules = [{"kind": "visit", "code": kind, "unit": kind} for kind in kinds]
    prize = {
        "kind": "set",
        "code": "all",
        "parts": [{"unit": "a", "need": 2}, {"unit": "b", "need": 1}],
        "grant": {"kind": "units", "unit": "points", "amount": 10},
    }
    units = [{"code": kind, "kind": "stamps"} for kind in kinds]
    units.append({"code": "points", "kind": "points"})
    card = Card(terms_of(simple(*rules, prize, units=units)))

    given = [
        units_of(card.does(visit(taps=taps)))
        for taps in ({"a": 3, "b": 0}, {"a": 0, "b": 1}, {"a": 3, "b": 2}, {"a": 1, "b": 0})
    ]

    assert given == [0, 10, 20, 0]
    assert card.state.progress["all"] == Progress(times=3, parts={"a": 1, "b": 0})


def test_how_often_a_challenge_was_done_is_counted() -> None:
    often = Card(terms_of(simple(EURO, challenge(repeat=True))))
    once = Card(terms_of(simple(EURO, challenge())))

    for card in (often, once):
        for _sale in range(5):
            card.does(sale(100))

    assert (often.state.progress["dare"].times, often.state.progress["dare"].count) == (2, 1)
    assert (once.state.progress["dare"].times, once.state.progress["dare"].given) == (1, 1)


def test_why_an_activity_is_no_action_is_told() -> None:
    def why(**parts: Any) -> list[WhyNot]:
        document = simple(EURO, challenge(**parts))
        answer = evaluate(terms_of(document), MemberState(), sale(100), NOON)
        return [out.why for out in answer.rules_left_out]

    assert why() == [WhyNot.ON_THE_WAY]
    assert why(goals=[1]) == []
    assert why(min_sale_minor=101) == [WhyNot.BELOW_MINIMUM]
    assert why(when={"weekdays": [1]}) == [WhyNot.NOT_NOW]
    assert why(when={"match": {"categories": ["cake"]}}) == [WhyNot.NO_MATCH]


def test_a_cap_keeps_units_out_of_a_set() -> None:
    stamp = {"kind": "visit", "code": "stamp", "unit": "stamps"}
    prize = {
        "kind": "set",
        "code": "all",
        "parts": [{"unit": "stamps", "need": 3}],
        "grant": {"kind": "percent_off_next", "amount": 10},
    }
    limit = {"kind": "units_per_scan", "unit": "stamps", "most": 2}
    units = [{"code": "stamps", "kind": "stamps"}]
    card = Card(terms_of(simple(stamp, prize, units=units, limits=[limit])))

    made = [bool(card.does(visit(visits=5)).promised) for _visit in range(2)]

    assert made == [False, True]
    assert card.state.progress["all"].parts == {"stamps": 1}


def told(rule: dict[str, Any], activity: Any, **state: Any) -> list[WhyNot]:
    answer = evaluate(terms_of(simple(EURO, rule)), MemberState(**state), activity, NOON)
    return [out.why for out in answer.rules_left_out if out.rule == rule["code"]]


@pytest.mark.parametrize(
    ("parts", "activity", "why"),
    [
        ({"when": {"weekdays": [7]}}, sale(100), WhyNot.NOT_NOW),
        ({"min_sale_minor": 101}, sale(100), WhyNot.BELOW_MINIMUM),
        ({"min_sale_minor": 100}, sale(100), WhyNot.ON_THE_WAY),
        ({}, sale(0), WhyNot.NO_MATCH),
        ({"min_sale_minor": 100, "action": "item"}, sale(100), WhyNot.NO_MATCH),
    ],
)
def test_a_challenge_that_did_not_move_says_why(
    parts: dict[str, Any], activity: Any, why: WhyNot
) -> None:
    assert told(challenge(**parts), activity) == [why]


def test_a_streak_that_was_fed_today_is_on_the_way_and_one_told_too_late_is_not_now() -> None:
    rule = challenge(streak=True, span="day", goals=[3])
    today = NOON.date()
    fed = Progress(count=1, since=today, last=today)
    ahead = Progress(count=1, since=today, last=today + timedelta(days=1))

    assert told(rule, sale(100), progress={"dare": fed}) == [WhyNot.ON_THE_WAY]
    assert told(rule, sale(100), progress={"dare": ahead}) == [WhyNot.NOT_NOW]


def test_a_window_is_not_moved_back_by_a_sale_told_late() -> None:
    rule = challenge(span="week")
    state = {"dare": Progress(count=1, since=NOON.date() + timedelta(days=6))}

    assert told(rule, sale(100), progress=state) == [WhyNot.NOT_NOW]


def test_a_level_given_already_counts_once_in_the_round_it_was_given_in() -> None:
    # One of two and four is given; six more pieces end the round and reach both levels of the next.
    rule = challenge(goals=[2, 4], repeat=True, action="item")
    state = MemberState(progress={"dare": Progress(count=2, given=1)})
    bought = sale(100, lines=(item("tea", 100, quantity=6),))

    answer = evaluate(terms_of(simple(EURO, rule)), state, bought, NOON)

    assert units_of(answer) - 1 == 400 + 200 + 400
    assert answer.progress["dare"] == Progress(count=0, times=2, last=NOON.date())


def test_what_was_given_stays_given_when_a_refund_lowered_the_count() -> None:
    rule = challenge(goals=[2, 5])
    state = MemberState(progress={"dare": Progress(count=0, given=1)})

    answer = evaluate(terms_of(simple(EURO, rule)), state, sale(100), NOON)

    assert (units_of(answer), answer.progress["dare"].given) == (1, 1)


def test_a_set_says_whether_it_is_on_the_way_or_not_meant() -> None:
    units = [{"code": "points", "kind": "points"}, {"code": "tea", "kind": "stamps"}]
    grant = {"kind": "units", "unit": "points", "amount": 9}
    rules = (
        {"kind": "item", "code": "cup", "unit": "tea", "when": {"match": {"categories": ["tea"]}}},
        {"kind": "set", "code": "all", "parts": [{"unit": "tea", "need": 2}], "grant": grant},
    )
    found = []
    for lines in ((item("tea", 100),), (item("cake", 100),)):
        bought = sale(100, lines=lines)
        answer = evaluate(terms_of(simple(*rules, units=units)), MemberState(), bought, NOON)
        why = [out.why for out in answer.rules_left_out if out.rule == "all"]
        found.append((why, answer.progress))

    assert found == [
        ([WhyNot.ON_THE_WAY], {"all": Progress(parts={"tea": 1})}),
        ([WhyNot.NO_MATCH], {}),
    ]


def test_a_level_that_is_not_reached_promises_nothing() -> None:
    level = {"goal": 2, "grant": {"kind": "percent_off_next", "amount": 10}}
    rule = {"kind": "challenge", "code": "dare", "levels": [level]}

    assert evaluate(terms_of(simple(EURO, rule)), MemberState(), sale(100), NOON).promised == ()


def test_a_challenge_without_a_window_begins_anew_after_one_with_a_window() -> None:
    state = MemberState(progress={"dare": Progress(count=1, since=NOON.date(), times=2)})

    answer = evaluate(terms_of(simple(EURO, challenge())), state, sale(100), NOON)

    assert answer.progress["dare"] == Progress(count=1, last=NOON.date(), times=2)
