"""Move the next slice of a mass change, unless the last one is still on its way.

Slices are small and seconds apart: phones that are pushed together fetch together.
"""

from __future__ import annotations

from delivery.desk import Desk
from storage.claims import Claims
from storage.deliveries import MASS, Deliveries
from storage.mass_changes import MassChange, MassChanges
from storage.message_steps import MessageSteps
from storage.scope import Scope
from storage.unit_of_work import UnitOfWork, open_work, run_work


def move_slice(desk: Desk) -> int:
    """Move one slice of the change that moved least; returns how many cards."""
    with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
        if not MassChanges(work.scope).any_open():
            return 0
    return run_work(
        desk.database, None, lambda work: _move(work, desk.settings.slice_cards), clock=desk.clock
    )


def _move(work: UnitOfWork, limit: int) -> int:
    changes = MassChanges(work.scope)
    change = changes.take()
    if change is None or Claims(work.scope).backlog(change.merchant_id, priority=MASS) >= limit:
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
