"""Merges: two cards of one person made one, with what is needed to take it back.

Not done here: what moves (loyalty/merge_members.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_

from storage.records import columns, maybe_record, record_of, values_of
from storage.scope import Scope
from storage.tables import lot, member_merge


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """One merge. `document` names operations and tokens that moved, by id."""

    id: int
    kept_id: int
    merged_id: int
    document: Mapping[str, Any]
    created_at: datetime
    undone_at: datetime | None = None


class MemberMerges:
    """The merges of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, new: Merge) -> None:
        """Keep what moved."""
        self._scope.execute(self._scope.insert(member_merge, **values_of(new)))

    def get(self, merge_id: int) -> Merge | None:
        """A merge."""
        query = self._scope.select(member_merge, *columns(member_merge, Merge)).where(
            member_merge.c.id == merge_id
        )
        return maybe_record(Merge, self._scope.execute(query).one_or_none())

    def of_member(self, member_id: int) -> list[Merge]:
        """The merges a member was part of and that stand, the newest first."""
        query = self._scope.select(member_merge, *columns(member_merge, Merge)).where(
            or_(member_merge.c.kept_id == member_id, member_merge.c.merged_id == member_id),
            member_merge.c.undone_at.is_(None),
        )
        rows = self._scope.execute(query.order_by(member_merge.c.id.desc()))
        return [record_of(Merge, row) for row in rows]

    def set_undone(self, merge_id: int) -> bool:
        """Note that it was taken back; False when somebody was quicker."""
        mine = self._scope.update(member_merge).where(
            member_merge.c.id == merge_id, member_merge.c.undone_at.is_(None)
        )
        done = self._scope.execute(mine.values(undone_at=self._scope.clock.now()))
        return bool(done.rowcount == 1)

    def is_spent(self, operation_ids: list[int]) -> bool:
        """Whether something of the lots that these operations made was taken since."""
        query = (
            self._scope.select(lot, lot.c.id)
            .where(lot.c.operation_id.in_(operation_ids), lot.c.remaining != lot.c.amount)
            .limit(1)
        )
        return self._scope.execute(query).first() is not None
