"""Promises: what a member has for a later purchase, who kept it, and what becomes of it in a refund.

Read and written under the lock of the member's first account, as storage.rule_states.

Rule: a promise is open until it is kept, withdrawn or over; a refund or an undo opens it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from common.clock import from_micros, to_micros
from common.ids import new_id
from ledger.member_state import Promise
from storage import rule_statements as sql
from storage.book_rows import moment
from storage.rule_records import micros, promise_of
from storage.scope import Scope

_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPromise:
    """A promise, the rule that made it, and the operation that kept it."""

    id: int
    rule: str
    kept_by_id: int


class Promises:
    """The promises of one merchant's members."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def open(self, member_id: int, *, now: datetime) -> tuple[Promise, ...]:
        """What was promised and is open."""
        rows = self._run(sql.PROMISES, member_id, to_micros(now))
        return tuple(
            promise_of(
                json.loads(row[2]),
                promise_id=row[0],
                rule=row[1],
                granted_at=from_micros(row[3]),
                expires_at=moment(row[4]),
            )
            for row in rows
        )

    def add(self, member_id: int, promised: Sequence[Promise], *, made_by: int | None) -> None:
        """Keep what an operation, or joining, promised."""
        merchant = self._scope.merchant
        for one in promised:
            document = {
                "kind": str(one.kind),
                "amount": one.amount,
                "unit": one.unit,
                "min_sale_minor": one.min_sale_minor,
                "terms_version": one.terms_version,
                "welcome": one.welcome,
            }
            row = (
                merchant,
                new_id(),
                member_id,
                one.rule,
                _JSON.encode(document),
                to_micros(one.granted_at),
                micros(one.expires_at),
                made_by,
            )
            self._scope.run_sql(sql.ADD_PROMISE, row)

    def keep(self, member_id: int, promise_ids: Iterable[int], *, kept_by: int) -> None:
        """Note which operation kept promises."""
        for promise_id in promise_ids:
            self._run_for(sql.KEEP_PROMISE, kept_by, member_id, promise_id)

    def reopen(self, promise_ids: Iterable[int], *, until: datetime | None = None) -> None:
        """Open kept promises again; one that would be over lives on `until` then."""
        for promise_id in promise_ids:
            self._scope.run_sql(sql.REOPEN_PROMISE, (self._scope.merchant, promise_id))
            if until is not None:
                end = to_micros(until)
                self._scope.run_sql(
                    sql.PROLONG_PROMISE, (end, self._scope.merchant, promise_id, end)
                )

    def kept_by(self, operation_id: int) -> list[int]:
        """The promises an operation kept."""
        return [int(row[0]) for row in self._run(sql.PROMISES_KEPT, operation_id)]

    def withdraw(self, member_id: int, rules: Iterable[str], *, made_by: int) -> list[int]:
        """Take the open promises of an operation back; which were taken is returned."""
        wanted = set(rules)
        rows = self._run(sql.PROMISES_OF, member_id, made_by).fetchall() if wanted else ()
        found = [int(row[0]) for row in rows if row[1] in wanted and row[2] is None]
        now = to_micros(self._scope.clock.now())
        for promise_id in found:
            self._run_for(sql.WITHDRAW_PROMISE, now, member_id, promise_id)
        return found

    def put_back(self, member_id: int, promise_ids: Iterable[int]) -> None:
        """Open withdrawn promises again."""
        for promise_id in promise_ids:
            self._run_for(sql.WITHDRAW_PROMISE, None, member_id, promise_id)

    def used(self, member_id: int, *, made_by: int) -> list[KeptPromise]:
        """The promises of an operation that another kept meanwhile."""
        rows = self._run(sql.PROMISES_OF, member_id, made_by)
        return [
            KeptPromise(id=int(row[0]), rule=row[1], kept_by_id=int(row[2]))
            for row in rows
            if row[2] is not None
        ]

    def keepers(self, member_id: int, promise_ids: Iterable[int]) -> list[int]:
        """The operations that keep any of these promises now."""
        wanted = set(promise_ids)
        rows = self._run(sql.PROMISE_KEEPERS, member_id).fetchall() if wanted else ()
        return [int(row[1]) for row in rows if row[0] in wanted]

    def _run(self, statement: str, *values: Any) -> Any:
        return self._scope.run_sql(statement, (self._scope.merchant, *values))

    def _run_for(self, statement: str, value: int | None, member_id: int, promise_id: int) -> None:
        self._scope.run_sql(statement, (value, self._scope.merchant, member_id, promise_id))
