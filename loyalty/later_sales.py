"""What a refund takes back of later sales: a bonus that the refunded sale had promised them.

The later sale is rated again without the promise; the difference comes back, or is owed. A
discount that was promised and used stays: it was given in money, and no unit stands for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ledger.accounts import OperationKind
from ledger.basis import read_basis
from ledger.evaluation import Lapse
from ledger.member_state import MemberState
from ledger.programme_terms import ProgrammeTerms
from ledger.refund_plan import Refund, TakeBack
from ledger.refunds import left_after, plan_takes, rated_rest, without_lapsed
from loyalty.refundable import (
    Rated,
    earlier_refunds,
    given_of,
    rated_sale,
    without_promises,
)
from storage.book_records import StoredOperation
from storage.promises import KeptPromise
from storage.refunds import SaleHead
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterTake:
    """What comes back of one later sale, or of a visit, which has no `sale_id`."""

    sale_id: int | None
    at: datetime
    promise_ids: tuple[int, ...]
    takes: tuple[TakeBack, ...]


def later_takes(
    work: UnitOfWork,
    used: Sequence[KeptPromise],
    *,
    state: MemberState,
    lapsed: Sequence[Lapse],
    programme_id: int,
    now: datetime,
) -> tuple[LaterTake, ...]:
    """What the operations give back that kept promises which fall away; nothing is written.

    `state` holds the lots those operations made, after what was planned already; `lapsed` is what
    ends before this refund.
    """
    found = []
    for operation_id in dict.fromkeys(one.kept_by_id for one in used):
        ids = tuple(one.id for one in used if one.kept_by_id == operation_id)
        later = _take(
            work,
            work.books.operation(operation_id),
            ids,
            state=state,
            lapsed=lapsed,
            programme_id=programme_id,
            now=now,
        )
        if later is not None and later.takes:
            found.append(later)
            state = left_after(state, (part for take in later.takes for part in take.allocations))
    return tuple(found)


def _take(
    work: UnitOfWork,
    operation: StoredOperation,
    promise_ids: tuple[int, ...],
    *,
    state: MemberState,
    lapsed: Sequence[Lapse],
    programme_id: int,
    now: datetime,
) -> LaterTake | None:
    if operation.kind is not OperationKind.EARN or operation.reversed_by is not None:
        return None
    head = work.refunds.maybe_sale_of(operation.id)
    rows = work.refunds.of_sale(head.id) if head is not None else []
    if any(row.document["whole"] for row in rows):
        return None
    rated = _rated(work, operation, head, programme_id=programme_id)
    if rated is None:
        return None
    before, taken = earlier_refunds(rows)
    new = rated_rest(
        rated.terms,
        without_promises(rated.basis, promise_ids),
        before if head is not None else Refund(),
    )
    given = [without_lapsed(one, lapsed) for one in given_of(work, operation.id, taken)]
    takes = plan_takes(rated.terms, given, new, state=state, now=now)
    activity, _state, _moment = read_basis(rated.basis)
    return LaterTake(
        sale_id=head.id if head is not None else None,
        at=activity.at,
        promise_ids=promise_ids,
        takes=tuple(replace(one, reason=_reason(one.reason)) for one in takes if one.units),
    )


def _rated(
    work: UnitOfWork, operation: StoredOperation, head: SaleHead | None, *, programme_id: int
) -> Rated | None:
    if head is not None:
        return rated_sale(work, operation, head)
    stored = work.rules.rating(operation.id)
    if stored is None:
        return None
    version, document = stored
    terms = work.programmes.terms(programme_id, version)
    if not isinstance(terms, ProgrammeTerms):
        return None
    return Rated(terms=terms, basis=document["basis"], redemptions=())


def _reason(reason: Mapping[str, Any]) -> dict[str, Any]:
    return {**reason, "rest_minor": 0, "bonus_of_other": True}


def reasons_of(later: Iterable[LaterTake]) -> list[Mapping[str, Any]]:
    """Why, for the answer that tells the whole refund."""
    return [take.reason for one in later for take in one.takes]
