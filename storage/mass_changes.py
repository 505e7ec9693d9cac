"""Moving many cards at once, a slice per transaction, so that no till waits for it.

A mass change is one row; each slice raises the revision of the next cards and what their targets
must show, and remembers how far it came, so a killed worker goes on where it stopped. Parked rows
open again: a new design may be the mend.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, case, exists, literal, select, update

from storage import tables
from storage.deliveries import MASS
from storage.records import columns, record_of
from storage.scope import Scope
from storage.types import UtcTime

SLICE_MAX: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class MassChange:
    """A change of many cards that is not done: `cursor_id` is the last card that was moved.

    With a `message_id` it moves only the cards that message is for.
    """

    merchant_id: int
    id: int
    programme_id: int
    reason: str
    cursor_id: int
    moved: int
    message_id: int | None


class MassChanges:
    """The mass changes of the installation; the scope names no merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def any_open(self) -> bool:
        """Whether there is something to move."""
        table = tables.mass_change
        found = select(table.c.id).where(table.c.done_at.is_(None)).limit(1)
        return self._scope.execute(found).first() is not None

    def take(self) -> MassChange | None:
        """The open change that moved least, held until the transaction ends."""
        table = tables.mass_change
        row = self._scope.execute(
            select(*columns(table, MassChange))
            .where(table.c.done_at.is_(None))
            .order_by(table.c.moved, table.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        return None if row is None else record_of(MassChange, row)

    def move(self, change: MassChange, *, limit: int) -> int:
        """Move the next cards; returns how many. The change is done when fewer than `limit`."""
        ids = self._next_cards(change, min(limit, SLICE_MAX))
        if ids:
            self._raise_cards(change, ids[0], ids[-1])
            self._raise_targets(change, ids[0], ids[-1])
        table = tables.mass_change
        done = len(ids) < min(limit, SLICE_MAX)
        self._scope.execute(
            update(table)
            .where(table.c.merchant_id == change.merchant_id, table.c.id == change.id)
            .values(
                cursor_id=ids[-1] if ids else change.cursor_id,
                moved=change.moved + len(ids),
                done_at=self._scope.clock.now() if done else None,
            )
        )
        return len(ids)

    def _next_cards(self, change: MassChange, limit: int) -> list[int]:
        table = tables.wallet_pass
        rows = self._scope.execute(
            select(table.c.id)
            .where(
                table.c.merchant_id == change.merchant_id,
                table.c.programme_id == change.programme_id,
                table.c.id > change.cursor_id,
                *_meant(table, change),
            )
            .order_by(table.c.id)
            .limit(limit)
        )
        return [int(card_id) for card_id in rows.scalars()]

    def _raise_cards(self, change: MassChange, first: int, last: int) -> None:
        table = tables.wallet_pass
        self._scope.execute(
            update(table)
            .where(_cards(table, change, first, last))
            # Somebody may have fetched the change before its slice came: stamp in any case.
            .values(revision=table.c.revision + 1, stamped_face=None)
        )

    def _raise_targets(self, change: MassChange, first: int, last: int) -> None:
        delivery, card = tables.delivery, tables.wallet_pass
        now = self._scope.clock.now()
        behind = delivery.c.wanted_revision > delivery.c.delivered_revision
        present = (
            select(card.c.revision)
            .where(card.c.merchant_id == delivery.c.merchant_id, card.c.id == delivery.c.pass_id)
            .scalar_subquery()
        )
        self._scope.execute(
            update(delivery)
            .where(
                delivery.c.merchant_id == change.merchant_id,
                delivery.c.pass_id.in_(select(card.c.id).where(_cards(card, change, first, last))),
            )
            .values(
                wanted_revision=present,
                wanted_at=case((behind, delivery.c.wanted_at), else_=literal(now, UtcTime)),
                due_at=case((behind, delivery.c.due_at), else_=literal(now, UtcTime)),
                priority=case((behind, delivery.c.priority), else_=MASS),
                attempts=case((delivery.c.state == "parked", 0), else_=delivery.c.attempts),
                state="open",
            )
        )


def _cards(table: Any, change: MassChange, first: int, last: int) -> Any:
    return and_(
        table.c.merchant_id == change.merchant_id,
        table.c.programme_id == change.programme_id,
        table.c.id.between(first, last),
        *_meant(table, change),
    )


def _meant(table: Any, change: MassChange) -> list[Any]:
    """What narrows a message's change to its cards."""
    if change.message_id is None:
        return []
    card = tables.message_card
    return [
        exists().where(
            card.c.merchant_id == change.merchant_id,
            card.c.message_id == change.message_id,
            card.c.pass_id == table.c.id,
        )
    ]
