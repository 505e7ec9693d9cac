"""Moving many cards at once, a slice per transaction, so that no till waits for it.

A mass change is one row; each slice raises the revision of the next cards and what their targets
must show, and remembers how far it came, so a killed worker goes on where it stopped. Parked rows
open again: a new design may be the mend. A paused or cancelled change moves no further cards; what
was moved before still goes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)

from storage import tables
from storage.deliveries import MASS, MassReason
from storage.records import columns, record_of
from storage.scope import Scope
from storage.types import UtcTime

FETCHED_AGAIN: Final = frozenset({MassReason.CERTIFICATE.value, MassReason.RESTORE.value})
"""Changes of what no face shows: phones fetch in any case."""
SLICE_MAX: Final = 1000
LINES_MAX: Final = 20


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


class MassState(StrEnum):
    """Where a mass change stands."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class MassChangeLine:
    """A mass change for its owner; `total` is how many cards it had before it when it began."""

    id: int
    programme_id: int
    reason: str
    message_id: int | None
    moved: int
    total: int | None
    state: MassState
    created_at: datetime
    not_before: datetime | None
    done_at: datetime | None


class MassChanges:
    """The mass changes of the installation, where the scope names no merchant, or of one."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def any_open(self) -> bool:
        """Whether there is something to move."""
        return bool(self.open_merchants(limit=1))

    def open_merchants(self, *, limit: int) -> list[int]:
        """Merchants with something to move, the one whose change moved least first."""
        table = tables.mass_change
        rows = self._scope.execute(
            select(table.c.merchant_id)
            .where(*self._moves())
            .group_by(table.c.merchant_id)
            .order_by(func.min(table.c.moved), table.c.merchant_id)
            .limit(limit)
        )
        return [int(merchant_id) for merchant_id in rows.scalars()]

    def take(self, merchant_id: int | None = None) -> MassChange | None:
        """The open change (of this merchant) that moved least, held until the transaction ends."""
        table = tables.mass_change
        mine = [] if merchant_id is None else [table.c.merchant_id == merchant_id]
        row = self._scope.execute(
            select(*columns(table, MassChange))
            .where(*self._moves(), *mine)
            .order_by(table.c.moved, table.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        return None if row is None else record_of(MassChange, row)

    def is_moving(self, programme_id: int) -> bool:
        """Whether a change of this programme's cards is under way."""
        table = tables.mass_change
        query = self._scope.select(table, table.c.id).where(
            table.c.programme_id == programme_id, self._is_open()
        )
        return self._scope.execute(query.limit(1)).first() is not None

    def has(self, change_id: int) -> bool:
        """Whether the merchant has it, over or not."""
        table = tables.mass_change
        query = self._scope.select(table, table.c.id).where(table.c.id == change_id)
        return self._scope.execute(query).first() is not None

    def pause(self, change_id: int) -> bool:
        """Move no further cards for now; False when it is not under way."""
        return self._set(change_id, self._is_open(), paused_at=self._scope.clock.now())

    def resume(self, change_id: int) -> bool:
        """Go on where it stopped; False when it was not paused."""
        return self._set(change_id, tables.mass_change.c.paused_at.is_not(None), paused_at=None)

    def cancel(self, change_id: int) -> bool:
        """Move no further cards ever; False when it is not under way."""
        now = self._scope.clock.now()
        return self._set(change_id, self._is_open(paused=True), cancelled_at=now, done_at=now)

    def lines(self, *, limit: int = LINES_MAX) -> list[MassChangeLine]:
        """The merchant's newest mass changes."""
        table = tables.mass_change
        rows = self._scope.execute(
            self._scope.select(table).order_by(table.c.id.desc()).limit(min(limit, LINES_MAX))
        )
        return [self._line(row) for row in rows]

    def move(self, change: MassChange, *, limit: int) -> int:
        """Move the next cards; returns how many. The change is done when fewer than `limit`."""
        ids = self._next_cards(change, min(limit, SLICE_MAX))
        if ids:
            self._raise_cards(change, ids[0], ids[-1])
            self._raise_targets(change, ids[0], ids[-1])
        table = tables.mass_change
        done = len(ids) < min(limit, SLICE_MAX)
        counted = {"total": self._count(change)} if change.cursor_id == 0 else {}
        self._scope.execute(
            update(table)
            .where(table.c.merchant_id == change.merchant_id, table.c.id == change.id)
            .values(
                cursor_id=ids[-1] if ids else change.cursor_id,
                moved=change.moved + len(ids),
                done_at=self._scope.clock.now() if done else None,
                **counted,
            )
        )
        return len(ids)

    def _count(self, change: MassChange) -> int:
        table = tables.wallet_pass
        counted = select(func.count()).where(
            table.c.merchant_id == change.merchant_id,
            table.c.programme_id == change.programme_id,
            *_meant(table, change),
        )
        return int(self._scope.execute(counted).scalar_one())

    def _moves(self) -> list[ColumnElement[bool]]:
        """What can be moved now."""
        table = tables.mass_change
        now = self._scope.clock.now()
        return [self._is_open(), or_(table.c.not_before.is_(None), table.c.not_before <= now)]

    def _is_open(self, *, paused: bool = False) -> ColumnElement[bool]:
        table = tables.mass_change
        waits = [] if paused else [table.c.paused_at.is_(None)]
        return and_(table.c.done_at.is_(None), *waits)

    def _set(self, change_id: int, when: ColumnElement[bool], **values: datetime | None) -> bool:
        table = tables.mass_change
        changed = self._scope.execute(
            self._scope.update(table)
            .where(table.c.id == change_id, table.c.done_at.is_(None), when)
            .values(**values)
        )
        return bool(changed.rowcount)

    def _line(self, row: Row[Any]) -> MassChangeLine:
        return MassChangeLine(
            id=row.id,
            programme_id=row.programme_id,
            reason=row.reason,
            message_id=row.message_id,
            moved=row.moved,
            total=row.total,
            state=self._state(row),
            created_at=row.created_at,
            not_before=row.not_before,
            done_at=row.done_at,
        )

    def _state(self, row: Row[Any]) -> MassState:
        if row.cancelled_at is not None:
            return MassState.CANCELLED
        if row.done_at is not None:
            return MassState.DONE
        if row.paused_at is not None:
            return MassState.PAUSED
        early = row.not_before is not None and row.not_before > self._scope.clock.now()
        return MassState.WAITING if early or row.cursor_id == 0 else MassState.RUNNING

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
        # A card that says the same as before is only fetched again where that is what is wanted.
        again = {"stamped_face": None} if change.reason in FETCHED_AGAIN else {}
        self._scope.execute(
            update(table)
            .where(_cards(table, change, first, last))
            .values(revision=table.c.revision + 1, **again)
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
