"""What the till, the console and the command line are told about an operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger import reasons
from ledger.accounts import OperationKind
from storage.book_records import StoredOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitChange:
    """What an event did to one unit; `debt_change` below zero was paid off what was owed."""

    operation_id: int
    kind: OperationKind
    unit: str
    units: int
    balance: int
    debt_change: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationResult:
    """One operation, as it was and stays.

    `units` is the signed change; `balance` and `carry_minor` are those right after it. `carried`
    is a sentence about the carry, empty when there is none; `sentences` explain the operation,
    headline first, in the current language. `replayed` tells that the same key had done it before.
    `changes` are all units of an event under many rules, `tier` the tier after it, `discount_minor`
    what the till takes off.
    """

    operation_id: int
    kind: OperationKind
    member_id: int
    unit: str
    units: int
    balance: int
    carry_minor: int
    carried: str
    reason: Mapping[str, Any]
    sentences: tuple[str, ...]
    replayed: bool
    created_at: datetime
    changes: tuple[UnitChange, ...] = ()
    tier: str = ""
    tier_risen: bool = False
    discount_minor: int = 0


def carried_words(reason: Mapping[str, Any]) -> str:
    """The sentence about an operation's carry; empty for stamps and for nothing."""
    if "currency" not in reason or "points" not in reason:
        return ""
    return reasons.carried(reason["carry_minor"], reason["currency"], reason["points"])


def replayed_result(operation: StoredOperation) -> OperationResult:
    """The answer that was given when the operation was made."""
    return OperationResult(
        operation_id=operation.id,
        kind=operation.kind,
        member_id=operation.member_id,
        unit=operation.unit,
        units=operation.units,
        balance=operation.balance_after,
        carry_minor=operation.reason.get("carry_minor", 0),
        carried=carried_words(operation.reason),
        reason=operation.reason,
        sentences=reasons.sentences(operation.reason, reward_name=operation.reward_name),
        replayed=True,
        created_at=operation.created_at,
    )
