from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from common.errors import (
    AlreadyReversed,
    AlreadySpent,
    InsufficientBalance,
    InvalidInput,
    LimitReached,
)
from ledger.accounts import Account, OperationKind
from ledger.balances import balances
from ledger.limits import LIMITS
from ledger.lots import Allocation, Lot
from ledger.operations import (
    Draft,
    NotReversible,
    PastOperation,
    Transfer,
    plan_earn,
    plan_redeem,
    plan_reverse,
)
from ledger.terms import PointsTerms, StampTerms, Terms

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EUROS = PointsTerms(version=2, currency="EUR", spend_minor=100, points=1)
STAMPS = StampTerms(version=1, goal=9)
POINTS_ACCOUNT = Account(
    id=10, programme_id=2, member_id=3, unit="points", balance=20, carry=40, revision=4
)
CONTRA = 99


def earn(
    amount: object = None, visits: object = None, *, terms: Terms = EUROS, **changes: object
) -> Draft:
    account = dataclasses.replace(POINTS_ACCOUNT, **changes)  # type: ignore[arg-type]
    return plan_earn(
        account,
        terms,
        contra_id=CONTRA,
        amount_minor=amount,  # type: ignore[arg-type]
        visits=visits,  # type: ignore[arg-type]
        sale_max_minor=9_999_999,
        limits=LIMITS,
        now=NOW,
    )


def lot(number: int, remaining: int = 5, amount: int = 5) -> Lot:
    return Lot(id=number, amount=amount, remaining=remaining, available_from=NOW)


def test_an_earn_moves_from_issued_to_the_member() -> None:
    draft = earn(1260)

    assert (draft.units, draft.balance_after, draft.carry_after) == (13, 33, 0)
    assert draft.carry_change == -40
    assert draft.transfers == (Transfer(debit_account_id=CONTRA, credit_account_id=10, amount=13),)
    assert [new.amount for new in draft.lots] == [13]
    assert balances(draft.transfers) == {CONTRA: -13, 10: 13}


def test_an_earn_of_nothing_moves_only_carry() -> None:
    draft = earn(30)

    assert (draft.units, draft.carry_after, draft.transfers, draft.lots) == (0, 70, (), ())


def test_stamps_leave_the_carry_alone() -> None:
    draft = earn(None, 2, terms=STAMPS, unit="stamps")

    assert (draft.units, draft.carry_change) == (2, 0)


@pytest.mark.parametrize(
    ("amount", "visits", "terms", "field"),
    [
        (None, None, EUROS, "amount"),
        (100, 1, EUROS, "visits"),
        (0, None, EUROS, "amount"),
        (-1, None, EUROS, "amount"),
        (1.0, None, EUROS, "amount"),
        (None, None, STAMPS, "visits"),
        (100, None, STAMPS, "visits"),
        (None, 0, STAMPS, "visits"),
        (None, "1", STAMPS, "visits"),
        (0, 1, STAMPS, "amount"),
    ],
)
def test_impossible_earns_name_the_field(
    amount: object, visits: object, terms: Terms, field: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        earn(amount, visits, terms=terms)

    assert error.value.field == field


@pytest.mark.parametrize(
    ("amount", "visits", "terms", "balance", "limit"),
    [
        (10_000_000, None, EUROS, 0, "sale"),
        (None, 6, STAMPS, 0, "stamps_per_scan"),
        (100, None, EUROS, LIMITS.balance_max, "balance"),
    ],
)
def test_limits_of_safety(
    amount: int | None, visits: int | None, terms: Terms, balance: int, limit: str
) -> None:
    with pytest.raises(LimitReached) as error:
        earn(amount, visits, terms=terms, balance=balance)

    assert error.value.limit == limit


def test_a_merchants_own_limit_is_stricter() -> None:
    with pytest.raises(LimitReached):
        plan_earn(
            POINTS_ACCOUNT,
            EUROS,
            contra_id=CONTRA,
            amount_minor=5001,
            visits=None,
            sale_max_minor=5000,
            limits=LIMITS,
            now=NOW,
        )


def test_a_redemption_takes_lots_and_moves_to_redeemed() -> None:
    draft = plan_redeem(
        POINTS_ACCOUNT, EUROS, contra_id=CONTRA, cost=7, lots=[lot(1), lot(2)], now=NOW
    )

    assert (draft.units, draft.balance_after, draft.carry_change) == (-7, 13, 0)
    assert draft.allocations == (
        Allocation(lot_id=1, amount=5),
        Allocation(lot_id=2, amount=2),
    )
    assert balances(draft.transfers) == {10: -7, CONTRA: 7}


def test_a_redemption_needs_lots_that_can_be_spent() -> None:
    with pytest.raises(InsufficientBalance) as error:
        plan_redeem(POINTS_ACCOUNT, EUROS, contra_id=CONTRA, cost=7, lots=[lot(1)], now=NOW)

    assert (error.value.available, error.value.needed) == (5, 7)


def test_undoing_an_earn_is_exact() -> None:
    past = PastOperation(
        id=5,
        kind=OperationKind.EARN,
        units=13,
        carry_change=-40,
        terms_version=1,
        made=(lot(1, 13, 13),),
    )

    draft = plan_reverse(POINTS_ACCOUNT, EUROS, past, contra_id=CONTRA)

    assert (draft.units, draft.carry_after, draft.reverses_id) == (-13, 80, 5)
    assert draft.allocations == (Allocation(lot_id=1, amount=13),)
    assert balances(draft.transfers) == {10: -13, CONTRA: 13}
    assert draft.terms_version == draft.reason["terms_version"] == 1


def test_undoing_a_redemption_gives_the_lots_back() -> None:
    past = PastOperation(
        id=5,
        kind=OperationKind.REDEEM,
        units=-7,
        carry_change=0,
        terms_version=2,
        took=(Allocation(lot_id=1, amount=5), Allocation(lot_id=2, amount=2)),
    )

    draft = plan_reverse(POINTS_ACCOUNT, EUROS, past, contra_id=CONTRA)

    assert draft.units == 7
    assert draft.allocations == (
        Allocation(lot_id=1, amount=-5),
        Allocation(lot_id=2, amount=-2),
    )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"kind": OperationKind.REVERSE}, NotReversible),
        ({"reversed_by": 8}, AlreadyReversed),
        ({"made": (lot(1, 2, 5),)}, AlreadySpent),
        ({"spent_by": (8,)}, AlreadySpent),
    ],
)
def test_what_cannot_be_undone(changes: dict[str, object], error: type[Exception]) -> None:
    past = PastOperation(id=5, kind=OperationKind.EARN, units=5, carry_change=0, terms_version=1)

    with pytest.raises(error):
        plan_reverse(
            POINTS_ACCOUNT,
            EUROS,
            dataclasses.replace(past, **changes),  # type: ignore[arg-type]
            contra_id=CONTRA,
        )


def past(kind: OperationKind, units: int, **parts: object) -> PastOperation:
    values = {"id": 7, "kind": kind, "units": units, "carry_change": 0, "terms_version": 2}
    return PastOperation(**{**values, **parts})  # type: ignore[arg-type]


def undo(operation: PastOperation) -> Draft:
    return plan_reverse(POINTS_ACCOUNT, EUROS, operation, contra_id=CONTRA)


def test_an_undo_moves_back_between_the_same_two_accounts() -> None:
    of_earn = undo(past(OperationKind.EARN, 1))
    of_spend = undo(past(OperationKind.REDEEM, -5, took=(Allocation(lot_id=1, amount=5),)))
    of_carry = undo(past(OperationKind.EARN, 0, carry_change=15))

    assert of_earn.transfers == (Transfer(debit_account_id=10, credit_account_id=CONTRA, amount=1),)
    assert of_spend.transfers == (
        Transfer(debit_account_id=CONTRA, credit_account_id=10, amount=5),
    )
    assert of_carry.transfers == ()


def test_the_reason_of_an_undo_says_what_moved_and_what_is_carried() -> None:
    draft = undo(past(OperationKind.EARN, 13, carry_change=-20))

    assert (draft.units, draft.carry_change, draft.carry_after) == (-13, 20, 60)
    assert (draft.reason["units"], draft.reason["carry_minor"]) == (-13, 60)


def test_all_there_is_can_be_spent_and_a_full_card_is_not_overfilled() -> None:
    lots = [lot(1, 20, 20)]

    spent = plan_redeem(POINTS_ACCOUNT, EUROS, contra_id=CONTRA, cost=20, lots=lots, now=NOW)

    assert spent.balance_after == 0
    assert earn(100, balance=LIMITS.balance_max - 1, carry=0).units == 1
    with pytest.raises(LimitReached):
        earn(200, balance=LIMITS.balance_max - 1, carry=0)


def test_stamps_need_their_number_and_the_row_is_told() -> None:
    with pytest.raises(InvalidInput) as caught:
        earn(terms=STAMPS, unit="stamps")
    assert caught.value.field == "visits"
    assert "Say how many" in str(caught.value)
    assert earn(visits=2, terms=STAMPS, unit="stamps", balance=3).reason["balance"] == 5
