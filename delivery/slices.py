"""Move the next slices of mass changes, unless the last ones are still on their way.

Slices are small and seconds apart: phones that are pushed together fetch together.
"""

from __future__ import annotations

from typing import Final

from delivery.desk import Desk
from storage.claims import Claims
from storage.deliveries import MASS, Deliveries
from storage.mass_changes import MassChange, MassChanges
from storage.message_steps import MessageSteps
from storage.scope import Scope
from storage.unit_of_work import UnitOfWork, open_work, run_work

MERCHANTS_MAX: Final = 100
"""Merchants looked at in one turn."""
SLICES_MAX: Final = 10
"""Slices moved in one turn: tills come in between, each is a transaction of its own."""


def move_slice(desk: Desk) -> int:
    """Move a slice of each merchant's change that moved least; returns how many cards."""
    return sum(_move_of(desk, merchant_id) for merchant_id in _ready(desk))


def _ready(desk: Desk) -> list[int]:
    """Merchants with something to move whose last slice has left; the others wait for nobody."""
    with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
        claims = Claims(work.scope)
        waiting = MassChanges(work.scope).open_merchants(limit=MERCHANTS_MAX)
        return [
            merchant_id
            for merchant_id in waiting
            if claims.backlog(merchant_id, priority=MASS) < desk.settings.slice_cards
        ][:SLICES_MAX]


def _move_of(desk: Desk, merchant_id: int) -> int:
    limit = desk.settings.slice_cards
    return run_work(
        desk.database,
        None,
        lambda work: _move(work, merchant_id, limit=limit),
        clock=desk.clock,
    )


def _move(work: UnitOfWork, merchant_id: int, *, limit: int) -> int:
    changes = MassChanges(work.scope)
    change = changes.take(merchant_id)
    if change is None:
        return 0
    deliveries = Deliveries(_scope_of(work, change))
    if (
        change.cursor_id == 0
        and change.message_id is None
        and deliveries.has_google_class(change.programme_id)
    ):
        deliveries.want_google_class(change.programme_id)
    moved = changes.move(change, limit=limit)
    if change.message_id is not None:
        MessageSteps(work.scope).moved(change, count=moved)
    deliveries.wake()
    return moved


def _scope_of(work: UnitOfWork, change: MassChange) -> Scope:
    return Scope(connection=work.scope.connection, merchant_id=change.merchant_id, clock=work.clock)
