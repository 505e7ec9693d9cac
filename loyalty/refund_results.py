"""The answer to a refund: done, done before, or a question for staff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from common.i18n import gettext as _
from ledger import reasons
from ledger.accounts import OperationKind
from ledger.programme_terms import ProgrammeTerms
from loyalty.results import UnitChange
from storage.book_records import StoredOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundResult:
    """What a refund did. `asks`: nothing was written; ask staff, and send `choice` with it.

    `took` and `gave_back` tell units; what is owed since then is in `took` as `debt_change`.
    """

    refund_id: int
    asks: bool
    whole: bool
    operation_id: int | None
    took: tuple[UnitChange, ...]
    gave_back: tuple[UnitChange, ...]
    tier: str
    sentences: tuple[str, ...]
    replayed: bool
    created_at: datetime


def refund_question(now: datetime, tier: str) -> RefundResult:
    """What is asked when a reward was spent on a sale that is wholly back; nothing is written."""
    text = _("A reward was spent on this sale. Give it back to the card, or keep it as used?")
    return RefundResult(
        refund_id=0,
        asks=True,
        whole=True,
        operation_id=None,
        took=(),
        gave_back=(),
        tier=tier,
        sentences=(text,),
        replayed=False,
        created_at=now,
    )


def refund_result(  # one answer's facts
    refund_id: int,
    parts: list[StoredOperation],
    *,
    operation_id: int,
    whole: bool,
    tier: str,
    terms: ProgrammeTerms | None,
    replayed: bool,
    created_at: datetime,
) -> RefundResult:
    """What a refund did, from its operations."""
    told: dict[str, None] = {}
    for one in sorted(parts, key=lambda part: part.id != operation_id):
        told |= dict.fromkeys(reasons.sentences(one.reason, terms=terms))
    return RefundResult(
        refund_id=refund_id,
        asks=False,
        whole=whole,
        operation_id=operation_id,
        took=tuple(_change(one) for one in parts if one.kind is OperationKind.REFUND),
        gave_back=tuple(_change(one) for one in parts if one.kind is OperationKind.REVERSE),
        tier=tier,
        sentences=tuple(told),
        replayed=replayed,
        created_at=created_at,
    )


def _change(one: StoredOperation) -> UnitChange:
    return UnitChange(
        operation_id=one.id,
        kind=one.kind,
        unit=one.unit,
        units=one.units,
        balance=one.balance_after,
        debt_change=one.debt_change,
    )
