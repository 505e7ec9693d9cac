"""Phones that were told of a change and never fetched it: pushed again a few times, then listed.

A push may be lost on its way, and nobody tells us. Walked in slices, so that a million cards cost
a look each and no more. Not here: the push itself, its pace.
Rules:
- at most `len(WAITS)` reminders for one revision of one card on one phone, each later than the last;
- a phone that fetched, or a card that changed, begins anew;
- a reminder is no scan: it goes with the priority of mass changes and is not measured as lag.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, and_, case, func, select, tuple_, update

from storage import tables
from storage.deliveries import MASS
from storage.lagging import Channel
from storage.scope import Scope

WAITS: Final = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""How long after the last push each reminder comes."""
WALK_MAX: Final = 500
COUNT_MAX: Final = 1000

Place = tuple[int, int]
"""How far a walk came: merchant and delivery."""
START: Final[Place] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfetched:
    """Phones told at least an hour ago that did not fetch; `given_up` had their last reminder.

    Counts stop at `COUNT_MAX`.
    """

    phones: int
    given_up: int


def look(scope: Scope, *, after: Place) -> tuple[list[Row[Any]], Place]:
    """The next targets of the installation that were told and never fetched; reads only.

    Returns:
        What to remind, and where to go on; `START` when the walk is through.
    """
    rows = _next(scope, after)
    late = [row for row in rows if _is_due(row, scope.clock.now())]
    done = len(rows) < WALK_MAX
    return late, START if done else (rows[-1].merchant_id, rows[-1].id)


def remind(scope: Scope, late: Sequence[Row[Any]]) -> int:
    """Want these again, unless they changed since they were looked at; returns how many."""
    return sum(_remind(scope, row) for row in late)


def unfetched(scope: Scope) -> Unfetched:
    """How many of the merchant's phones were told and did not fetch."""
    delivery = tables.delivery
    given_up = and_(
        delivery.c.reminded_revision == delivery.c.wanted_revision,
        delivery.c.reminders >= len(WAITS),
    )
    found = (
        scope.select(delivery, case((given_up, 1), else_=0).label("given_up"))
        .join(tables.wallet_pass, _card_of(delivery))
        .where(
            delivery.c.channel == Channel.APPLE,
            delivery.c.delivered_revision >= delivery.c.wanted_revision,
            delivery.c.delivered_at < scope.clock.now() - WAITS[0],
            tables.wallet_pass.c.fetched_revision < tables.wallet_pass.c.stamped_revision,
        )
        .limit(COUNT_MAX)
        .subquery()
    )
    row = scope.execute(
        select(func.count(), func.coalesce(func.sum(found.c.given_up), 0)).select_from(found)
    ).one()
    return Unfetched(phones=int(row[0]), given_up=int(row[1]))


def _next(scope: Scope, after: Place) -> list[Row[Any]]:
    delivery, card = tables.delivery, tables.wallet_pass
    rows = scope.execute(
        select(
            delivery.c.merchant_id,
            delivery.c.id,
            delivery.c.channel,
            delivery.c.state,
            delivery.c.wanted_revision,
            delivery.c.delivered_revision,
            delivery.c.delivered_at,
            delivery.c.reminders,
            delivery.c.reminded_revision,
            card.c.fetched_revision,
            card.c.stamped_revision,
        )
        .outerjoin(card, _card_of(delivery))
        .where(tuple_(delivery.c.merchant_id, delivery.c.id) > tuple_(*after))
        .order_by(delivery.c.merchant_id, delivery.c.id)
        .limit(WALK_MAX)
    )
    return list(rows)


def _is_due(row: Row[Any], now: datetime) -> bool:
    if row.channel != Channel.APPLE or row.state != "open" or row.delivered_at is None:
        return False
    if row.delivered_revision < row.wanted_revision:
        return False
    if row.fetched_revision is None or row.fetched_revision >= row.stamped_revision:
        return False
    times = _times(row)
    return times < len(WAITS) and now - row.delivered_at >= WAITS[times]


def _times(row: Row[Any]) -> int:
    return int(row.reminders or 0) if row.reminded_revision == row.wanted_revision else 0


def _remind(scope: Scope, row: Row[Any]) -> int:
    table = tables.delivery
    now = scope.clock.now()
    changed = scope.execute(
        update(table)
        .where(
            table.c.merchant_id == row.merchant_id,
            table.c.id == row.id,
            table.c.wanted_revision == row.wanted_revision,
            table.c.delivered_revision == row.delivered_revision,
            table.c.lease.is_(None),
        )
        .values(
            # Nothing at all counts as told: this is no change whose lag is measured.
            delivered_revision=0,
            priority=MASS,
            wanted_at=now,
            due_at=now,
            reminders=_times(row) + 1,
            reminded_revision=row.wanted_revision,
        )
    )
    return int(changed.rowcount)


def _card_of(delivery: Any) -> Any:
    card = tables.wallet_pass
    return and_(card.c.merchant_id == delivery.c.merchant_id, card.c.id == delivery.c.pass_id)
