"""The basis of a rating: what is written is read the same, and only what counted is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.errors import InvalidInput
from ledger.activity import Activity, Line
from ledger.basis import (
    read_basis,
    read_progress,
    read_promise,
    write_progress,
    write_promise,
)
from ledger.evaluate import evaluate
from ledger.member_state import Holding, MemberState, Progress, Promise
from ledger.programme_terms import GrantKind
from tests.support.card_builders import NOON, holding_of, item, sale, visit
from tests.support.terms_documents import simple, terms_of

EURO = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1}
TAP = {"kind": "item", "code": "cup", "unit": "tea"}
TEA = {"code": "tea", "kind": "stamps"}
POINTS = {"code": "points", "kind": "points"}
LATER = NOON + timedelta(hours=3)
PROMISE = Promise(
    id=4,
    rule="back",
    kind=GrantKind.ADD_NEXT,
    amount=2,
    granted_at=NOON - timedelta(days=1),
    terms_version=3,
    unit="points",
    min_sale_minor=100,
    expires_at=NOON + timedelta(days=4),
)


def basis_of(state: MemberState, activity: Activity) -> Mapping[str, Any]:
    terms = terms_of(simple(EURO, TAP, units=[POINTS, TEA]))
    written: Mapping[str, Any] = json.loads(
        json.dumps(evaluate(terms, state, activity, LATER).basis)
    )
    return written


def test_everything_that_counted_is_read_as_it_was() -> None:
    line = Line(
        item="cake-1",
        category="cake",
        quantity=2,
        net_minor=300,
        tax_minor=60,
        own_brand=True,
        counts=False,
    )
    activity = sale(
        1000,
        tax_minor=160,
        tip_minor=50,
        discount_minor=20,
        redeemed_minor=10,
        lines=(line, item("tea", 100)),
        visits=0,
        taps={"tea": 2},
    )
    state = MemberState(
        holdings=holding_of(Holding(unit="points", balance=9, carry=77, debt=3)),
        purchases=4,
        promises=(PROMISE,),
        progress={"dare": Progress(count=2, since=NOON.date(), last=NOON.date(), given=1, times=3)},
        tier="gold",
        tier_total=900,
        units_today={"points": 5, "stars": 1},
        shop_units_today={"points": 50, "stars": 10},
        member_average_minor=0,
        shop_average_minor=812,
    )

    read, then, moment = read_basis(basis_of(state, activity))

    assert (read, moment) == (activity, LATER)
    assert then == replace(
        state,
        holdings={"points": Holding(unit="points", carry=77)},
        units_today={"points": 5},
        shop_units_today={"points": 50},
    )


def test_what_did_not_count_is_not_kept() -> None:
    stranger = Holding(unit="stars", balance=3, carry=9)
    state = MemberState(
        holdings=holding_of(stranger, Holding(unit="points", balance=4)),
        promises=(replace(PROMISE, min_sale_minor=10**6),),
    )

    document = basis_of(state, sale(1000))

    assert document == {
        "now": LATER.isoformat(),
        "activity": {"kind": "sale", "at": NOON.isoformat(), "gross_minor": 1000},
        "state": {},
    }
    assert read_basis(document) == (sale(1000), MemberState(), LATER)


def test_a_visit_without_a_number_is_not_one_of_none() -> None:
    assert read_basis(basis_of(MemberState(), visit()))[0].visits is None
    assert read_basis(basis_of(MemberState(), visit(visits=0)))[0].visits == 0


@pytest.mark.parametrize(
    "progress",
    [
        Progress(),
        Progress(count=3, given=1, times=2, since=NOON.date()),
        Progress(last=NOON.date(), parts={"tea": 2}),
    ],
)
def test_a_progress_is_read_as_it_was_written(progress: Progress) -> None:
    assert read_progress(json.loads(json.dumps(write_progress(progress)))) == progress


@pytest.mark.parametrize(
    "promise",
    [
        PROMISE,
        replace(PROMISE, expires_at=None, min_sale_minor=0, unit="", kind=GrantKind.FIXED_OFF_NEXT),
        replace(PROMISE, welcome=True),
    ],
)
def test_a_promise_is_read_as_it_was_written(promise: Promise) -> None:
    assert read_promise(json.loads(json.dumps(write_promise(promise)))) == promise


@pytest.mark.parametrize(
    "document", [{}, {"now": "x"}, {"now": LATER.isoformat(), "activity": {}, "state": {}}]
)
def test_what_is_no_basis_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_basis(document)
    assert caught.value.field == "basis"
