"""What a refund must know of a sale: how it was rated, what it gave, what was taken already."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ledger.accounts import OperationKind
from ledger.activity import Activity, ActivityKind, Line
from ledger.basis import write_activity
from ledger.lots import Lot
from ledger.programme_terms import ProgrammeTerms
from ledger.refund_plan import Given, Refund, SpentOn
from ledger.remainder import add
from loyalty.member_states import Loaded, load_state
from loyalty.rule_drafts import as_rules
from storage.book_records import Standing, StoredOperation
from storage.refunds import SaleHead, StoredRefund
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """How a sale was rated; `redemptions` are operations that were redeemed on it."""

    terms: ProgrammeTerms
    basis: Mapping[str, Any]
    redemptions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What earlier refunds took, by unit: units, `gone` of them expired, and changes of carry."""

    units: Mapping[str, int]
    gone: Mapping[str, int]
    carry: Mapping[str, int]


def rated_sale(work: UnitOfWork, operation: StoredOperation, head: SaleHead) -> Rated:
    """How the sale was rated; one that one rate rated is seen as rated by the same in rules.

    What a refund of another sale took off this one is left out, and a reward that was spent
    again, because a refund was undone, counts as redeemed on it.
    """
    merchant = work.merchants.get()
    programme_id = work.members.get(operation.member_id).programme_id
    terms = as_rules(
        work.programmes.terms(programme_id, operation.terms_version),
        currency=merchant.currency,
        time_zone=merchant.time_zone,
    )
    rated = work.rules.rating(operation.id)
    if rated is None:
        return Rated(terms=terms, basis=_plain_basis(operation, head), redemptions=())
    _version, document = rated
    fell = {one for row in work.refunds.of_sale(head.id) for one in row.document.get("fell", ())}
    return Rated(
        terms=terms,
        basis=without_promises(document["basis"], fell),
        redemptions=(*document.get("redemptions", ()), *_spent_again(work, head)),
    )


def without_promises(basis: Mapping[str, Any], fell: Container[int]) -> Mapping[str, Any]:
    """A basis as if these promises had never been there."""
    kept = [one for one in basis["state"].get("promises", ()) if one["id"] not in fell]
    return {**basis, "state": {**basis["state"], "promises": kept}}


def _spent_again(work: UnitOfWork, head: SaleHead) -> tuple[int, ...]:
    found = []
    for row in work.refunds.undone_of_sale(head.id):
        if row.operation_id is None:
            continue
        undone = work.books.operation(row.operation_id).reversed_by
        for part in work.rules.parts(undone) if undone is not None else ():
            if work.books.operation(part).kind is OperationKind.REDEEM:
                found.append(part)
    return tuple(found)


def _plain_basis(operation: StoredOperation, head: SaleHead) -> dict[str, Any]:
    activity = Activity(kind=ActivityKind.SALE, at=head.sold_at, gross_minor=head.gross_minor)
    if operation.reason.get("rule") == "visit":
        activity = replace(activity, visits=operation.units)
    carry = operation.reason.get("carry_minor", 0) - operation.carry_change
    return {
        "now": operation.created_at.isoformat(),
        "activity": write_activity(activity),
        "state": {"carry": {operation.unit: carry}} if carry else {},
    }


def earlier_refunds(stored: Sequence[StoredRefund]) -> tuple[Refund, Taken]:
    """All refunds of a sale as one, and what they took."""
    whole = Refund()
    units: dict[str, int] = {}
    gone: dict[str, int] = {}
    carry: dict[str, int] = {}
    for one in stored:
        whole = add(
            whole,
            Refund(
                paid_minor=one.amount_minor,
                lines=tuple(_line(line) for line in one.document["lines"]),
            ),
        )
        for unit, number in one.document["taken"].items():
            units[unit] = units.get(unit, 0) + number
        # Before it was written down, what was taken counted as expired as far as it could.
        for unit, number in one.document.get("gone", one.document["taken"]).items():
            gone[unit] = gone.get(unit, 0) + number
        for unit, number in one.document["carry"].items():
            carry[unit] = carry.get(unit, 0) + number
    return whole, Taken(units=units, gone=gone, carry=carry)


def _line(values: Sequence[Any]) -> Line:
    item, category, quantity, net_minor, tax_minor, gift_card = values
    return Line(
        item=item,
        category=category,
        quantity=quantity,
        net_minor=net_minor,
        tax_minor=tax_minor,
        gift_card=gift_card,
    )


def given_of(work: UnitOfWork, operation_id: int, taken: Taken) -> tuple[Given, ...]:
    """What the sale gave in each unit, and what was taken of it."""
    found = []
    for part_id in work.rules.parts(operation_id):
        part = work.books.operation(part_id)
        if part.kind is not OperationKind.EARN:
            continue
        lots = work.rules.lots_of([part_id])
        own = [lot.id for some in lots.values() for lot in some if lot.operation_id == part_id]
        found.append(
            Given(
                unit=part.unit,
                units=part.units - part.debt_change,
                taken_back=taken.units.get(part.unit, 0),
                expired=work.rules.expired_of(part_id),
                gone=taken.gone.get(part.unit, 0),
                carry_change=part.carry_change + taken.carry.get(part.unit, 0),
                lot_ids=tuple(own),
            )
        )
    return tuple(found)


def spent_on(work: UnitOfWork, redemptions: Sequence[int], member_id: int) -> tuple[SpentOn, ...]:
    """What was redeemed on the sale and stands; what is another member's is none of it."""
    found = []
    for redemption in redemptions:
        if work.books.member_of_operation(redemption)[0] != member_id:
            continue
        for part_id in work.rules.parts(redemption):
            part = work.books.operation(part_id)
            if part.kind is not OperationKind.REDEEM or part.reversed_by is not None:
                continue
            found.append(
                SpentOn(
                    operation_id=part_id,
                    unit=part.unit,
                    units=-part.units,
                    allocations=work.books.past(part).took,
                )
            )
    return tuple(found)


def with_lots(
    work: UnitOfWork,
    standing: Standing,
    rated: Rated,
    earned: Sequence[int],
    spent: Sequence[SpentOn],
) -> Loaded:
    """The member's state with the lots of what `earned` and was spent, empty ones too."""
    programme_id = standing.account.programme_id
    present = as_rules(
        standing.terms, currency=rated.terms.currency, time_zone=rated.terms.time_zone
    )
    work.rules.open_programme(programme_id, [unit.code for unit in rated.terms.units])
    loaded = load_state(
        work,
        present,
        member_id=standing.account.member_id,
        programme_id=programme_id,
        at=work.clock.now(),
        whole=True,
    )
    made = (part for operation_id in earned for part in work.rules.parts(operation_id))
    more = work.rules.lots_of([*made, *(one.operation_id for one in spent)])
    return with_more_lots(loaded, more)


def with_more_lots(loaded: Loaded, more: Mapping[int, Sequence[Lot]]) -> Loaded:
    """The state with lots, by account, that are not in it yet."""
    holdings = {
        unit: replace(
            holding, lots=_merged(holding.lots, more.get(loaded.accounts[unit].account.id, ()))
        )
        for unit, holding in loaded.state.holdings.items()
    }
    return replace(loaded, state=replace(loaded.state, holdings=holdings))


def _merged(first: Sequence[Lot], second: Sequence[Lot]) -> tuple[Lot, ...]:
    return tuple({lot.id: lot for lot in (*first, *second)}.values())
