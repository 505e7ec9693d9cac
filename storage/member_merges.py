"""Merges: two cards of one person made one, with what is needed to take it back.

Not done here: what moves (loyalty/merge_members.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, or_, select

from storage.records import columns, maybe_record, record_of, values_of
from storage.rule_records import DaySum, day_of
from storage.scope import Scope
from storage.tables import coupon, directory_token, lot, member_day, member_merge, promise


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

    def days(self, member_id: int, *, sign: int) -> list[DaySum]:
        """A member's sums of every day, as they count for another (1) or no longer do (-1)."""
        query = self._scope.select(member_day).where(member_day.c.member_id == member_id)
        return [
            DaySum(
                unit=row.unit,
                day=day_of(row.day),
                earns=sign * row.earns,
                sales=sign * row.sales,
                net_minor=sign * row.net_minor,
                counted_minor=sign * row.counted_minor,
                units=sign * row.units,
            )
            for row in self._scope.execute(query)
        ]

    def move_offers(self, from_id: int, to_id: int) -> dict[str, list[str]]:
        """Let promises that are open and coupons of one member be another's; which they were."""
        return {
            "promises": self._move(
                promise,
                from_id,
                to_id,
                promise.c.kept_by_id.is_(None),
                promise.c.withdrawn_at.is_(None),
            ),
            "coupons": self._move(coupon, from_id, to_id),
        }

    def give_back_offers(
        self, document: Mapping[str, Any], *, kept_id: int, merged_id: int
    ) -> None:
        """What was moved and not used since is the other's again."""
        for table, ids, *conditions in (
            (promise, document["promises"], promise.c.kept_by_id.is_(None)),
            (coupon, document["coupons"]),
        ):
            wanted = [int(one) for one in ids]
            self._move(table, kept_id, merged_id, table.c.id.in_(wanted), *conditions)

    def _move(self, table: Table, from_id: int, to_id: int, *conditions: Any) -> list[str]:
        query = self._scope.select(table, table.c.id).where(
            table.c.member_id == from_id, *conditions
        )
        ids = [int(row.id) for row in self._scope.execute(query)]
        if ids:
            mine = self._scope.update(table).where(table.c.id.in_(ids))
            self._scope.execute(mine.values(member_id=to_id))
        return [str(one) for one in ids]

    def move_tokens(self, kind: str, from_id: int, to_id: int) -> list[bytes]:
        """Let codes of one card lead to another; their hashes."""
        table = directory_token
        mine = (
            table.c.merchant_id == self._scope.merchant,
            table.c.kind == kind,
            table.c.subject_id == from_id,
        )
        found = [
            bytes(row.token_hash)
            for row in self._scope.execute(select(table.c.token_hash).where(*mine))
        ]
        if found:
            self._scope.execute(table.update().where(*mine).values(subject_id=to_id))
        return found

    def give_back_tokens(self, kind: str, hashes: list[bytes], to_id: int) -> None:
        """Let these codes lead to a card; those that died meanwhile stay dead."""
        table = directory_token
        self._scope.execute(
            table.update()
            .where(
                table.c.merchant_id == self._scope.merchant,
                table.c.kind == kind,
                table.c.token_hash.in_(hashes),
            )
            .values(subject_id=to_id)
        )
