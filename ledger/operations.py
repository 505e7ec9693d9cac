"""Operations: from an account and a request to everything that must be written, or a refusal.

Each `plan_*` is pure and returns a `Draft`; storage gives it ids and writes it whole. A draft has
at most one transfer today, between the member's account and one of the programme's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.errors import (
    AlreadyReversed,
    AlreadySpent,
    Conflict,
    InsufficientBalance,
    InvalidInput,
)
from common.i18n import gettext as _
from ledger import lots as lot_rules
from ledger import reasons
from ledger.accounts import Account, OperationKind
from ledger.any_terms import AnyTerms
from ledger.limits import Limits, check_balance, check_sale, check_visits
from ledger.lots import Allocation, Lot
from ledger.lots import NewLot as NewLot  # noqa: PLC0414 - known from here too
from ledger.rate import Earned, rate_spend
from ledger.terms import PointsTerms, StampTerms, Terms


class NotReversible(Conflict):
    """An undo cannot be undone. Enter the movement again instead."""

    code = "not_reversible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """`amount` (above zero) of one unit, from the debit to the credit account."""

    debit_account_id: int
    credit_account_id: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One operation, all of it: `units` is the signed change of the member's balance."""

    kind: OperationKind
    account: Account
    units: int
    carry_change: int
    terms_version: int
    reason: Mapping[str, Any]
    transfers: tuple[Transfer, ...] = ()
    lots: tuple[NewLot, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    reverses_id: int | None = None

    @property
    def balance_after(self) -> int:
        return self.account.balance + self.units

    @property
    def carry_after(self) -> int:
        return self.account.carry + self.carry_change


@dataclass(frozen=True, slots=True, kw_only=True)
class PastOperation:
    """An operation as a reversal needs it, with the lot it made and the lots it took from.

    `spent_by` names the operations that took from its lot and stand; `reversed_by` its reversal.
    """

    id: int
    kind: OperationKind
    units: int
    carry_change: int
    terms_version: int
    made: tuple[Lot, ...] = ()
    took: tuple[Allocation, ...] = ()
    spent_by: tuple[int, ...] = ()
    reversed_by: int | None = None


def plan_earn(
    account: Account,
    terms: Terms,
    *,
    contra_id: int,
    amount_minor: int | None,
    visits: int | None,
    sale_max_minor: int,
    limits: Limits,
    now: datetime,
) -> Draft:
    """What a sale or a visit earns under `terms`; a sale may earn no unit and still add carry.

    Raises:
        InvalidInput: an amount is missing (points) or visits are (stamps), or not above zero.
        LimitReached: the sale, the stamps of a scan or the balance are above their limit.
    """
    if amount_minor is not None:
        _demand_positive(amount_minor, "amount")
        check_sale(amount_minor, min(sale_max_minor, limits.sale_ceiling_minor))
    match terms:
        case PointsTerms():
            earned, reason = _earn_by_spend(account, terms, amount_minor, visits=visits)
        case StampTerms():
            earned, reason = _earn_by_visit(account, terms, visits, limits=limits)
    check_balance(account.balance + earned.units, limits)
    return Draft(
        kind=OperationKind.EARN,
        account=account,
        units=earned.units,
        carry_change=earned.carry_minor - account.carry,
        terms_version=terms.version,
        reason=reason,
        transfers=_transfers(contra_id, account.id, earned.units),
        lots=(NewLot(amount=earned.units, available_from=now),) if earned.units else (),
    )


def _earn_by_spend(
    account: Account, terms: PointsTerms, amount_minor: int | None, *, visits: int | None
) -> tuple[Earned, Mapping[str, Any]]:
    if visits is not None:
        raise InvalidInput(
            _("This card counts points by the amount of a sale, not stamps."), field="visits"
        )
    if amount_minor is None:
        raise InvalidInput(_("Enter the amount of the sale."), field="amount")
    earned = rate_spend(terms, carry_minor=account.carry, amount_minor=amount_minor)
    return earned, reasons.spend_reason(terms, earned, counted_minor=amount_minor)


def _earn_by_visit(
    account: Account, terms: StampTerms, visits: int | None, *, limits: Limits
) -> tuple[Earned, Mapping[str, Any]]:
    if visits is None:
        raise InvalidInput(_("Say how many stamps to give."), field="visits")
    _demand_positive(visits, "visits")
    check_visits(visits, limits)
    earned = Earned(units=visits, carry_minor=account.carry)
    return earned, reasons.visit_reason(terms, visits=visits, balance=account.balance + visits)


def plan_redeem(
    account: Account,
    terms: Terms,
    *,
    contra_id: int,
    cost: int,
    lots: Sequence[Lot],
    now: datetime,
) -> Draft:
    """Pay `cost` units from the lots.

    Raises:
        InsufficientBalance: the spendable lots hold less; expired ones do not count.
    """
    held = min(account.balance, lot_rules.available(lots, now))
    if held < cost:
        raise InsufficientBalance(available=held, needed=cost)
    return Draft(
        kind=OperationKind.REDEEM,
        account=account,
        units=-cost,
        carry_change=0,
        terms_version=terms.version,
        reason=reasons.redeem_reason(account, terms, cost=cost),
        transfers=_transfers(account.id, contra_id, cost),
        allocations=lot_rules.spend(lots, cost, now=now),
    )


def plan_reverse(
    account: Account, terms: AnyTerms, past: PastOperation, *, contra_id: int
) -> Draft:
    """Take back exactly what an operation did: its units, its lots, its change of carry.

    Raises:
        NotReversible: it is a reversal itself.
        AlreadyReversed: it was undone before.
        AlreadySpent: something of what it credited is spent; `spent_by` names the spends.
    """
    if past.kind is OperationKind.REVERSE:
        raise NotReversible(_("An undo cannot be undone. Enter the movement again instead."))
    if past.reversed_by is not None:
        raise AlreadyReversed(_("This was already undone."))
    if past.spent_by or any(lot.remaining != lot.amount for lot in past.made):
        raise AlreadySpent(
            _("What this earned is already spent. Undo the redemption first."),
            spent_by=past.spent_by,
        )
    debit, credit = (account.id, contra_id) if past.units > 0 else (contra_id, account.id)
    taken = tuple(Allocation(lot_id=lot.id, amount=lot.amount) for lot in past.made)
    return Draft(
        kind=OperationKind.REVERSE,
        account=account,
        units=-past.units,
        carry_change=-past.carry_change,
        terms_version=past.terms_version,
        reason=reasons.reverse_reason(
            account,
            terms,
            past_kind=past.kind,
            terms_version=past.terms_version,
            units=-past.units,
            carry_minor=account.carry - past.carry_change,
        ),
        transfers=_transfers(debit, credit, abs(past.units)),
        allocations=taken + lot_rules.give_back(past.took),
        reverses_id=past.id,
    )


def _transfers(debit_id: int, credit_id: int, amount: int) -> tuple[Transfer, ...]:
    if amount == 0:
        return ()
    return (Transfer(debit_account_id=debit_id, credit_account_id=credit_id, amount=amount),)


def _demand_positive(value: object, field: str) -> None:
    if type(value) is not int:
        raise InvalidInput(_("Give a whole number."), field=field)
    if value <= 0:
        raise InvalidInput(_("The number must be more than zero."), field=field)
