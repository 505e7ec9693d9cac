"""What the rules cost by themselves: one sale rated under 1, 10 and 50 active rules, without SQL.

An earn with its SQL is about a millisecond; the share of rules in it must stay small, and grow far
slower than the number of rules. The whole earn is in the rows of `earning`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench.row import Row
from ledger.activity import Activity, ActivityKind, Line
from ledger.evaluate import evaluate
from ledger.member_state import Holding, MemberState
from ledger.programme_terms import ProgrammeTerms
from ledger.terms_document import read_terms

NOW = datetime(2026, 11, 24, 11, tzinfo=UTC)
ROUNDS = 7
LOOPS = 300
GOALS_MS = {1: 0.3, 10: 0.5, 50: 1.5}
GROWTH_GOAL = 10.0
READ_GOAL = 10.0


def run() -> list[Row]:
    """One row for each number of rules, how they grow, and what reading a document costs."""
    costs = {count: _cost(count) for count in GOALS_MS}
    document = document_of(50)
    read = _best(lambda: read_terms(document, version=1, time_zone="Europe/Vienna"), 20)
    rows = [
        Row(
            name=f"rules alone, {count}",
            baseline="absolute",
            goal=goal,
            measured=costs[count] * 1000,
            more_is_better=False,
            unit="ms",
        )
        for count, goal in GOALS_MS.items()
    ]
    rows.append(_ratio("50 rules", costs[50], "1 rule", costs[1], goal=GROWTH_GOAL))
    rows.append(_ratio("read 50 rules", read, "a sale under them", costs[50], goal=READ_GOAL))
    return rows


def _ratio(name: str, seconds: float, baseline: str, other: float, *, goal: float) -> Row:
    return Row(
        name=name,
        baseline=baseline,
        goal=goal,
        measured=seconds / other,
        more_is_better=False,
        facts={"us": round(seconds * 1e6)},
    )


def _cost(count: int) -> float:
    terms, state, bought = terms_of(count), member(), sale()
    return _best(lambda: evaluate(terms, state, bought, NOW), LOOPS)


def document_of(count: int) -> dict[str, Any]:
    """A document with `count` rules: points, then multipliers, bonuses and challenges in turn."""
    rules: list[dict[str, Any]] = [
        {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1}
    ]
    grant = {"kind": "units", "unit": "points", "amount": 1}
    for number in range(1, count):
        code = f"rule{number}"
        match number % 3:
            case 0:
                rule = {
                    "kind": "multiplier",
                    "unit": "points",
                    "percent": 100 + number,
                    "when": {"match": {"categories": [f"category-{number % 7}"]}},
                }
            case 1:
                rule = {"kind": "bonus", "floor": {"minor": 100 * number}, "grant": grant}
            case _:
                level = {"goal": 1000 + number, "grant": grant}
                rule = {"kind": "challenge", "span": "month", "levels": [level]}
        rules.append({**rule, "code": code})
    return {
        "format": 2,
        "currency": "EUR",
        "units": [{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 365}}],
        "rules": rules,
    }


def terms_of(count: int) -> ProgrammeTerms:
    """The terms of that document."""
    return read_terms(document_of(count), version=1, time_zone="Europe/Vienna")


def member() -> MemberState:
    """A member with a balance and a carry."""
    return MemberState(
        holdings={"points": Holding(unit="points", balance=120, carry=40)}, purchases=12
    )


def sale() -> Activity:
    """A sale of three lines."""
    lines = tuple(
        Line(item=f"item-{number}", category=f"category-{number}", net_minor=400)
        for number in range(3)
    )
    return Activity(kind=ActivityKind.SALE, at=NOW, gross_minor=1290, tip_minor=50, lines=lines)


def _best(action: Callable[[], object], loops: int) -> float:
    """Seconds for one, from the quickest of several rounds: the others were disturbed."""
    rounds = []
    for _round in range(ROUNDS):
        start = time.perf_counter()
        for _loop in range(loops):
            action()
        rounds.append((time.perf_counter() - start) / loops)
    return min(rounds)
