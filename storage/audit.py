"""The audit trail of one merchant: who changed what. Append-only; triggers hold it so.

Rules: `detail` holds ids, versions and names of fields; never a contact, a note or a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from common.actor import Actor
from common.ids import new_id
from storage.records import record_of
from storage.scope import Scope
from storage.tables import audit_entry

LATEST_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One act; `subject_kind` and `subject_id` name what was acted on."""

    id: int
    actor_kind: str
    actor_id: int | None
    action: str
    subject_kind: str
    subject_id: int | None
    detail: Mapping[str, Any]
    created_at: datetime


class Audit:
    """Entries are added and read, never changed."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(
        self,
        *,
        actor: Actor,
        action: str,
        subject_kind: str,
        subject_id: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> int:
        """Write one entry in the caller's transaction and return its id."""
        entry_id = new_id()
        self._scope.execute(
            self._scope.insert(
                audit_entry,
                id=entry_id,
                actor_kind=str(actor.kind),
                actor_id=actor.id,
                action=action,
                subject_kind=subject_kind,
                subject_id=subject_id,
                detail=dict(detail or {}),
                created_at=self._scope.clock.now(),
            )
        )
        return entry_id

    def latest(self, limit: int, before_id: int | None = None) -> list[AuditEntry]:
        """The newest entries first, at most `limit`; `before_id` turns the page."""
        query = self._scope.select(audit_entry).order_by(audit_entry.c.id.desc())
        if before_id is not None:
            query = query.where(audit_entry.c.id < before_id)
        rows = self._scope.execute(query.limit(max(0, min(limit, LATEST_MAX))))
        return [record_of(AuditEntry, row) for row in rows]
