"""Codes on paper: a coupon, a reward or a gift card that somebody holds in the hand, once each.

Only the code's hash is kept. Rule: a code leaves the state `open` once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete

from storage.records import columns, maybe_record, values_of
from storage.scope import Scope
from storage.tables import printed_code


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedCode:
    """A row; `subject_id` is the coupon, the reward or the gift card, as `kind` says."""

    id: int
    kind: str
    subject_id: int
    member_id: int | None
    code_hash: bytes
    state: str = "open"
    ends_at: datetime | None
    used_at: datetime | None = None
    operation_id: int | None = None
    created_at: datetime


class PrintedCodes:
    """The codes of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, new: PrintedCode) -> None:
        """Keep a code."""
        self._scope.execute(self._scope.insert(printed_code, **values_of(new)))

    def by_hash(self, code_hash: bytes) -> PrintedCode | None:
        """The code of a hash, None where there is none."""
        return self._one(printed_code.c.code_hash == code_hash)

    def get(self, code_id: int) -> PrintedCode | None:
        """The code of an id."""
        return self._one(printed_code.c.id == code_id)

    def use(self, code_id: int, *, operation_id: int | None) -> bool:
        """Spend a code; False when it was spent before."""
        statement = (
            self._scope.update(printed_code)
            .where(printed_code.c.id == code_id, printed_code.c.state == "open")
            .values(state="used", used_at=self._scope.clock.now(), operation_id=operation_id)
        )
        return bool(self._scope.execute(statement).rowcount == 1)

    def end_of(self, kind: str, subject_id: int) -> None:
        """Let no open code of a subject work any more."""
        self._scope.execute(
            self._scope.update(printed_code)
            .where(
                printed_code.c.kind == kind,
                printed_code.c.subject_id == subject_id,
                printed_code.c.state == "open",
            )
            .values(state="void")
        )

    def forget_member(self, member_id: int) -> None:
        """Forget the codes of a member who is erased."""
        self._scope.execute(
            delete(printed_code).where(
                printed_code.c.merchant_id == self._scope.merchant,
                printed_code.c.member_id == member_id,
            )
        )

    def _one(self, condition: Any) -> PrintedCode | None:
        query = self._scope.select(printed_code, *columns(printed_code, PrintedCode))
        return maybe_record(PrintedCode, self._scope.execute(query.where(condition)).one_or_none())
