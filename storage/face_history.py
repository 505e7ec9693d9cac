"""The last movements that a face shows, for one card or a slice, in one statement.

Not here: their sentences (face_words.py), the rest of a face (faces.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, and_, func, or_

from storage import tables
from storage.scope import Scope

HISTORY_LENGTH: Final = 5


def history_of(scope: Scope, member_ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """The last movements of each member, newest first."""
    operation, reward, location = tables.operation, tables.reward, tables.location
    latest = (
        scope.select(
            operation,
            operation.c.id,
            func.row_number()
            .over(partition_by=operation.c.member_id, order_by=operation.c.id.desc())
            .label("place"),
        )
        .where(operation.c.member_id.in_(sorted(set(member_ids))))
        .where(or_(operation.c.part_of_id.is_(None), operation.c.kind == "expire"))
        .subquery()
    )
    rows = scope.execute(
        scope.select(
            operation,
            operation.c.member_id,
            operation.c.reason,
            operation.c.created_at,
            reward.c.name.label("reward_name"),
            location.c.name.label("location_name"),
        )
        .join(latest, latest.c.id == operation.c.id)
        .outerjoin(
            reward,
            and_(
                reward.c.merchant_id == operation.c.merchant_id,
                reward.c.id == operation.c.reward_id,
            ),
        )
        .outerjoin(
            location,
            and_(
                location.c.merchant_id == operation.c.merchant_id,
                location.c.id == operation.c.location_id,
            ),
        )
        .where(latest.c.place <= HISTORY_LENGTH)
        .order_by(operation.c.id.desc())
    )
    found: dict[int, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.member_id, []).append(row)
    return found
