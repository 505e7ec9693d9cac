from __future__ import annotations

import json

import pytest

from ledger import reasons
from ledger.accounts import Account, OperationKind
from ledger.rate import Earned
from ledger.terms import PointsTerms, StampTerms

EUROS = PointsTerms(version=1, currency="EUR", spend_minor=100, points=1)
STAMPS = StampTerms(version=1, goal=9)


def spend(units: int, carry_minor: int) -> dict[str, object]:
    return reasons.spend_reason(
        EUROS, Earned(units=units, carry_minor=carry_minor), counted_minor=1240
    )


def account(unit: str, carry: int = 0) -> Account:
    return Account(
        id=1, programme_id=2, member_id=3, unit=unit, balance=20, carry=carry, revision=4
    )


@pytest.mark.parametrize(
    ("carry", "currency", "points", "words"),
    [
        (40, "EUR", 1, "40 cents count towards your next point"),
        (1, "EUR", 1, "1 cent counts towards your next point"),
        (1, "GBP", 1, "1 penny counts towards your next point"),
        (40, "GBP", 5, "40 pence count towards your next 5 points"),
        (540, "EUR", 1, "€5.40 counts towards your next point"),
        (40, "JPY", 1, "¥40 counts towards your next point"),
        (40, "SEK", 1, "SEK0.40 counts towards your next point"),
        (
            -40,
            "EUR",
            1,
            "The next 40 cents do not count: they make up for a sale that was undone",
        ),
        (
            -140,
            "EUR",
            1,
            "The next €1.40 does not count: it makes up for a sale that was undone",
        ),
        (0, "EUR", 1, ""),
    ],
)
def test_carry_in_words(carry: int, currency: str, points: int, words: str) -> None:
    assert reasons.carried(carry, currency, points).replace("\xa0", "") == words


def test_points_by_amount() -> None:
    assert reasons.sentences(spend(12, 40)) == (
        "+12 points",
        "40 cents count towards your next point",
    )
    assert reasons.sentences(spend(1, 0)) == ("+1 point",)
    assert reasons.headline(spend(0, 60)) == "+0 points"


def test_what_was_left_out_and_a_cap_are_told() -> None:
    reason = spend(12, 0) | {"left_out_minor": 200, "cap": "day"}

    assert reasons.sentences(reason) == (
        "+12 points",
        "€2.00 did not count",
        "More was not possible: a limit was reached",
    )


@pytest.mark.parametrize(
    ("balance", "words"),
    [
        (3, "6 more until the next is free"),
        (9, "The next is free"),
        (12, "The next is free"),
    ],
)
def test_stamps_by_tap(balance: int, words: str) -> None:
    reason = reasons.visit_reason(STAMPS, visits=1, balance=balance)

    assert reasons.sentences(reason) == ("+1 stamp", words)


def test_a_redemption_names_the_reward() -> None:
    reason = reasons.redeem_reason(account("points", carry=40), EUROS, cost=10)

    assert reasons.sentences(reason, reward_name="Coffee") == (
        "\N{MINUS SIGN}10 points",
        "Coffee",
    )
    assert "Coffee" not in json.dumps(reason)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (OperationKind.EARN, "An earlier entry was undone"),
        (OperationKind.REDEEM, "A redemption was undone"),
    ],
)
def test_an_undo_says_what_was_undone(kind: OperationKind, words: str) -> None:
    reason = reasons.reverse_reason(
        account("stamps"), STAMPS, past_kind=kind, terms_version=1, units=-3, carry_minor=0
    )

    assert reasons.sentences(reason) == ("\N{MINUS SIGN}3 stamps", words)


def test_reasons_are_documents() -> None:
    for reason in (
        spend(12, 40),
        reasons.visit_reason(STAMPS, visits=1, balance=3),
        reasons.redeem_reason(account("stamps"), STAMPS, cost=9),
    ):
        assert json.loads(json.dumps(reason)) == reason
        assert {"rule", "terms_version", "unit", "units", "carry_minor"} <= reason.keys()
