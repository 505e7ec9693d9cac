"""What holds for every programme and every sale, one question at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.activity import Activity, ActivityKind
from ledger.basis import read_basis
from ledger.evaluate import evaluate, rate
from ledger.explain import explain
from ledger.member_state import Holding, MemberState, Progress
from ledger.programme_reasons import skipped_sentences
from ledger.programme_terms import ProgrammeTerms
from ledger.reasons import sentences
from ledger.terms_diff import diff, effective_at
from ledger.terms_document import read_terms, write_terms
from tests.support.card_builders import NOON
from tests.support.programme_strategies import baskets, documents

states = st.builds(
    MemberState,
    holdings=st.fixed_dictionaries(
        {
            "points": st.builds(
                Holding,
                unit=st.just("points"),
                carry=st.integers(-300, 300),
                debt=st.integers(0, 9),
            )
        }
    ),
    units_today=st.fixed_dictionaries({"points": st.integers(0, 30)}),
    progress=st.fixed_dictionaries(
        {}, optional={"often": st.builds(Progress, count=st.integers(0, 3))}
    ),
)


def terms_of(document: dict[str, Any]) -> ProgrammeTerms:
    return read_terms(document, version=1, time_zone="Europe/Vienna")


def sale(basket: dict[str, Any]) -> Activity:
    return Activity(kind=ActivityKind.SALE, at=NOON, **basket)


@settings(deadline=None)
@given(document=documents())
def test_a_programme_is_written_and_read_the_same(document: dict[str, Any]) -> None:
    terms = terms_of(document)

    assert terms_of(json.loads(json.dumps(write_terms(terms)))) == terms


@settings(deadline=None)
@given(document=documents(), other=documents())
def test_every_programme_and_every_change_can_be_told(
    document: dict[str, Any], other: dict[str, Any]
) -> None:
    old, new = terms_of(document), terms_of(other)

    told = [*explain(old), *(change.sentence for change in diff(old, new))]

    assert all(told)
    assert not any("%" + "(" in text for text in told)
    assert diff(old, old) == ()
    assert effective_at(old, new, NOON) >= NOON
    assert bool(diff(old, new)) == (write_terms(old) != write_terms(new))


@settings(deadline=None)
@given(document=documents(), basket=baskets(), state=states)
def test_an_answer_adds_up_and_can_be_told(
    document: dict[str, Any], basket: dict[str, Any], state: MemberState
) -> None:
    terms = terms_of(document)

    answer = evaluate(terms, state, sale(basket), NOON)

    left_out = sum(amount for _cause, amount in answer.left_out)
    assert answer.counted_minor + left_out == basket["gross_minor"]
    for credit in answer.credits:
        cut = sum(cap.cut for cap in credit.caps)
        assert sum(part.units for part in credit.parts) - cut == credit.units >= 0
        assert sum(lot.amount for lot in credit.lots) == credit.credited
        assert credit.debt_paid == min(credit.units, state.holding(credit.unit).debt)
    reason = json.loads(json.dumps(answer.reason))
    told = [*sentences(reason, terms=terms), *skipped_sentences(reason, terms)]
    assert all(told)
    assert not any("%" + "(" in text for text in told)


@settings(deadline=None)
@given(document=documents(), basket=baskets(), state=states)
def test_a_sale_is_rated_the_same_from_its_basis(
    document: dict[str, Any], basket: dict[str, Any], state: MemberState
) -> None:
    terms = terms_of(document)
    answer = evaluate(terms, state, sale(basket), NOON)

    again = rate(terms, *_from_basis(answer.basis))

    assert [(c.unit, c.units, c.carry_change) for c in again.credits] == [
        (c.unit, c.units, c.carry_change) for c in answer.credits
    ]
    assert (again.counted_minor, again.progress) == (answer.counted_minor, answer.progress)


def _from_basis(basis: Any) -> tuple[MemberState, Activity, Any]:
    activity, state, now = read_basis(json.loads(json.dumps(basis)))
    return state, activity, now


@settings(deadline=None)
@given(document=documents(), basket=baskets(), state=states, more=st.integers(1, 500))
def test_spending_more_never_earns_less(
    document: dict[str, Any], basket: dict[str, Any], state: MemberState, more: int
) -> None:
    terms = terms_of(document)
    # Without a carry below zero or rounding, what is carried counts as earned too.
    less = evaluate(terms, state, sale(basket), NOON)
    larger = replace(sale(basket), gross_minor=basket["gross_minor"] + more)

    answer = evaluate(terms, state, larger, NOON)

    for credit in less.credits:
        found = answer.credit(credit.unit)
        assert (found.units if found else 0) >= credit.units
