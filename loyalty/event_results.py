"""The answer to an event of several units, fresh or again."""

from __future__ import annotations

from dataclasses import replace

from ledger import reasons
from ledger.programme_terms import ProgrammeTerms
from loyalty.results import OperationResult, UnitChange
from storage.book_records import StoredOperation
from storage.entries import Event


def event_result(
    event: Event,
    operation_ids: tuple[int, ...],
    *,
    terms: ProgrammeTerms,
    reward_name: str,
    tier: tuple[str, str] = ("", ""),
    discount_minor: int = 0,
) -> OperationResult:
    """What is told of an event that was just written; `tier` is before and after."""
    entry = event.entries[event.first]
    draft = entry.draft
    return OperationResult(
        operation_id=operation_ids[event.first],
        kind=draft.kind,
        member_id=draft.account.member_id,
        unit=draft.account.unit,
        units=draft.units,
        balance=draft.balance_after,
        carry_minor=draft.carry_after,
        carried="",
        reason=draft.reason,
        sentences=reasons.sentences(draft.reason, reward_name=reward_name, terms=terms),
        replayed=False,
        created_at=event.heading.created_at,
        changes=tuple(
            UnitChange(
                operation_id=operation_id,
                kind=one.draft.kind,
                unit=one.draft.account.unit,
                units=one.draft.units,
                balance=one.draft.balance_after,
                debt_change=one.debt_change,
            )
            for operation_id, one in zip(operation_ids, event.entries, strict=True)
        ),
        tier=tier[1],
        tier_risen=tier[0] != tier[1],
        discount_minor=discount_minor,
    )


def replayed_event(
    result: OperationResult,
    parts: list[StoredOperation],
    *,
    terms: ProgrammeTerms,
    reward_name: str = "",
) -> OperationResult:
    """The earlier answer with the event's other units."""
    return replace(
        result,
        sentences=reasons.sentences(result.reason, reward_name=reward_name, terms=terms),
        changes=tuple(
            UnitChange(
                operation_id=one.id,
                kind=one.kind,
                unit=one.unit,
                units=one.units,
                balance=one.balance_after,
                debt_change=one.debt_change,
            )
            for one in parts
        ),
        tier=str(result.reason.get("tier", {}).get("to", "")),
        tier_risen=bool(result.reason.get("tier")),
        discount_minor=int(result.reason.get("discount_minor", 0)),
    )
