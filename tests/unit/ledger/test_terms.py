from __future__ import annotations

import pytest

from common.errors import InvalidInput, InvalidInputs
from ledger.terms import (
    PointsTerms,
    StampTerms,
    Terms,
    Unit,
    check_terms,
    explain,
    terms_from_document,
    terms_to_document,
    unit_of,
)

POINTS = PointsTerms(version=3, currency="EUR", spend_minor=1000, points=1)
STAMPS = StampTerms(version=2, goal=9)


@pytest.mark.parametrize("terms", [POINTS, STAMPS], ids=["points", "stamps"])
def test_terms_survive_their_document(terms: Terms) -> None:
    check_terms(terms)

    assert terms_from_document(terms_to_document(terms), terms.version) == terms


def test_units() -> None:
    assert unit_of(POINTS) == Unit.POINTS == "points"
    assert unit_of(STAMPS) == Unit.STAMPS == "stamps"


@pytest.mark.parametrize(
    ("terms", "fields"),
    [
        (PointsTerms(version=1, currency="EUR", spend_minor=0, points=1), ["spend"]),
        (PointsTerms(version=1, currency="EUR", spend_minor=-5, points=0), ["spend", "points"]),
        (
            PointsTerms(version=1, currency="euro", spend_minor=10**12, points=1),
            ["currency", "spend"],
        ),
        (
            PointsTerms(version=1, currency="EUR", spend_minor=1.5, points=True),  # type: ignore[arg-type]
            ["spend", "points"],
        ),
        (
            PointsTerms(version=1, currency="EUR", spend_minor="100", points=10_001),  # type: ignore[arg-type]
            ["spend", "points"],
        ),
        (
            PointsTerms(version=1, currency=None, spend_minor=100, points=1),  # type: ignore[arg-type]
            ["currency"],
        ),
        (StampTerms(version=1, goal=1), ["goal"]),
        (StampTerms(version=1, goal=101), ["goal"]),
        (StampTerms(version=1, goal="9"), ["goal"]),  # type: ignore[arg-type]
    ],
)
def test_impossible_terms_name_their_fields(terms: Terms, fields: list[str]) -> None:
    with pytest.raises(InvalidInputs) as error:
        check_terms(terms)

    assert [complaint["field"] for complaint in error.value.errors] == fields


@pytest.mark.parametrize("document", [{"rule": "magic"}, {"rule": "spend"}, {}])
def test_a_foreign_document_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as error:
        terms_from_document(document, 1)

    assert error.value.field == "terms"


def test_rules_in_words() -> None:
    assert explain(POINTS) == (
        "1 point for every €10.00 spent.",
        "What is left over counts next time.",
    )
    assert explain(STAMPS) == (
        "One stamp for every visit.",
        "After 9 stamps the next is free.",
    )
