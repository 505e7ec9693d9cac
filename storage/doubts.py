"""What a worker that woke up too late may have done at Google: sent again.

A push only says "come and ask", so a late one harms nobody. A letter to Google carries the state of
its time: sent by a worker that was frozen past its lease, it may have been put over a newer one,
and what we remember of the newer one would keep us from sending it again. Not here: who is late
(claims.py finds out when it settles).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import and_, select, update

from storage import tables
from storage.scope import Scope

DOUBT: Final = timedelta(seconds=20)
"""Longer than a request that is on its way lives."""
_SAID: Final = frozenset({"sent", "classes"})
"""What is remembered of the last letter, so that the same is not sent twice."""


def doubt(scope: Scope, merchant_id: int, delivery_id: int) -> None:
    """Count the row as told nothing; its state goes out again when the late requests are over.

    Whoever holds the row now loses it too: its request may have come before the late one.
    """
    table = tables.delivery
    mine = and_(table.c.merchant_id == merchant_id, table.c.id == delivery_id)
    facts = scope.execute(select(table.c.facts).where(mine).with_for_update()).scalar_one_or_none()
    if facts is None:
        return
    scope.execute(
        update(table)
        .where(mine)
        .values(
            lease=None,
            lease_until=None,
            delivered_revision=0,
            due_at=scope.clock.now() + DOUBT,
            facts={name: fact for name, fact in facts.items() if name not in _SAID},
        )
    )
