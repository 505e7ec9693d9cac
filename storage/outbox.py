"""What waits to be said once: e-mails and Google messages, each at least once, with a stable id.

Where a card must show a state, `deliveries` tells it; here are events. Not done here: sealing what
they say (loyalty, delivery), sending (delivery).
Rules:
- a row is written in the transaction of what it tells, and leaves after that commit;
- rows of one receiver leave in the order they were written; a dead one holds up nobody;
- whom it went to and what it said is gone as soon as it was handed over;
- what came too late to be worth anything is dead, not sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import func, select

from common.errors import NotFound
from common.i18n import gettext as _
from common.ids import new_id
from storage import tables
from storage.deliveries import Deliveries
from storage.records import columns, record_of
from storage.scope import Scope

PAGE_MAX: Final = 200
KEPT_SENT: Final = timedelta(days=7)
KEPT_DEAD: Final = timedelta(days=60)
REPLAY_LIFE: Final = timedelta(days=2)


class OutboxChannel(StrEnum):
    """How a row leaves."""

    MAIL = "mail"
    GOOGLE = "google"


class OutboxKind(StrEnum):
    """What a row says."""

    WELCOME = "welcome"
    KNOWN = "known"  # somebody joined again with a contact that has a card
    NEW_CARD_CODE = "new_card_code"
    MEMBER_CODE = "member_code"  # proves who changes what is kept of a member
    CONTACT_CHANGED = "contact_changed"  # to the address that was kept before
    OPENED = "opened"  # an announced card takes members now
    SIGN_IN = "sign_in"
    ALARM = "alarm"
    GIFT = "gift"  # a gift card goes to whom it is for
    MESSAGE = "message"  # Google: a message is shown on the card
    WITHDRAWAL = "withdrawal"  # Google: the messages of a card go


class OutboxState(StrEnum):
    """What became of a row."""

    OPEN = "open"
    SENT = "sent"
    DEAD = "dead"


PRIORITIES: Final = {
    OutboxKind.NEW_CARD_CODE: 0,
    OutboxKind.MEMBER_CODE: 0,
    OutboxKind.CONTACT_CHANGED: 1,
    OutboxKind.OPENED: 10,
    OutboxKind.SIGN_IN: 0,
    OutboxKind.ALARM: 2,
    OutboxKind.WELCOME: 1,
    OutboxKind.KNOWN: 1,
    OutboxKind.GIFT: 1,
    OutboxKind.MESSAGE: 10,
    OutboxKind.WITHDRAWAL: 10,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRow:
    """A row to be written.

    `receiver` is a hash or an id's bytes: rows with the same one keep their order. `sealed` is the
    payload under the master key, None where the row's ids say it all. `life` is how long it is
    worth sending.
    """

    kind: OutboxKind
    receiver: bytes
    sealed: bytes | None = None
    member_id: int | None = None
    message_id: int | None = None
    life: timedelta

    @property
    def channel(self) -> OutboxChannel:
        google = {OutboxKind.MESSAGE, OutboxKind.WITHDRAWAL}
        return OutboxChannel.GOOGLE if self.kind in google else OutboxChannel.MAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLine:
    """A row as a list shows it; it names nobody."""

    merchant_id: int
    id: int
    channel: str
    kind: str
    member_id: int | None
    state: str
    attempts: int
    last_error: str | None
    due_at: datetime
    expires_at: datetime
    created_at: datetime
    ended_at: datetime | None


class Outbox:
    """The rows of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, new: NewRow) -> int:
        """Write a row, due now; its id is returned."""
        row_id = new_id()
        now = self._scope.clock.now()
        self._scope.execute(
            self._scope.insert(
                tables.outbox,
                id=row_id,
                channel=new.channel,
                kind=new.kind,
                receiver=new.receiver,
                member_id=new.member_id,
                message_id=new.message_id,
                payload_sealed=new.sealed,
                state=OutboxState.OPEN,
                priority=PRIORITIES[new.kind],
                due_at=now,
                expires_at=now + new.life,
                attempts=0,
                created_at=now,
            )
        )
        Deliveries(self._scope).wake()
        return row_id

    def drop_open(self, kind: OutboxKind, receiver: bytes) -> int:
        """Forget what waits for a receiver: a newer one takes its place."""
        table = tables.outbox
        gone = table.delete().where(
            table.c.merchant_id == self._scope.merchant,
            table.c.kind == kind,
            table.c.receiver == receiver,
            table.c.state == OutboxState.OPEN,
        )
        return int(self._scope.execute(gone).rowcount)

    def drop_member(self, member_id: int) -> int:
        """Forget everything that names a member, sent or not."""
        table = tables.outbox
        gone = table.delete().where(
            table.c.merchant_id == self._scope.merchant, table.c.member_id == member_id
        )
        return int(self._scope.execute(gone).rowcount)

    def drop_message(self, message_id: int) -> int:
        """Forget what of a message was not sent yet."""
        table = tables.outbox
        gone = table.delete().where(
            table.c.merchant_id == self._scope.merchant,
            table.c.message_id == message_id,
            table.c.kind == OutboxKind.MESSAGE,
            table.c.state == OutboxState.OPEN,
        )
        return int(self._scope.execute(gone).rowcount)

    def lines(
        self,
        *,
        state: OutboxState | None = None,
        limit: int = PAGE_MAX,
        before_id: int | None = None,
    ) -> list[OutboxLine]:
        """Rows, the newest first, turned by the last id seen."""
        table = tables.outbox
        query = self._scope.select(table, *columns(table, OutboxLine))
        if state is not None:
            query = query.where(table.c.state == state)
        if before_id is not None:
            query = query.where(table.c.id < before_id)
        rows = self._scope.execute(query.order_by(table.c.id.desc()).limit(min(limit, PAGE_MAX)))
        return [record_of(OutboxLine, row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many rows of each state there are."""
        table = tables.outbox
        rows = self._scope.execute(
            self._scope.select(table, table.c.state, func.count().label("rows")).group_by(
                table.c.state
            )
        )
        return {str(state): 0 for state in OutboxState} | {row.state: int(row.rows) for row in rows}

    def oldest_open(self, channel: OutboxChannel) -> datetime | None:
        """When the oldest row that waits was written."""
        table = tables.outbox
        found: datetime | None = self._scope.execute(
            self._scope.select(table, table.c.created_at)
            .where(table.c.channel == channel, table.c.state == OutboxState.OPEN)
            .order_by(table.c.id)
            .limit(1)
        ).scalar_one_or_none()
        return found

    def replay(self, row_id: int | None = None) -> int:
        """Open one dead row, or all that still say something, due now; returns how many.

        Raises:
            NotFound: there is no such dead row, or what it said is gone.
        """
        table = tables.outbox
        now = self._scope.clock.now()
        dead = self._scope.update(table).where(
            table.c.state == OutboxState.DEAD,
            (table.c.payload_sealed.is_not(None)) | (table.c.message_id.is_not(None)),
        )
        if row_id is not None:
            dead = dead.where(table.c.id == row_id)
        opened = self._scope.execute(
            dead.values(
                state=OutboxState.OPEN,
                attempts=0,
                due_at=now,
                expires_at=now + REPLAY_LIFE,
                ended_at=None,
            )
        )
        if row_id is not None and not opened.rowcount:
            raise NotFound(_("Nothing dead has this number, or it says nothing any more."))
        Deliveries(self._scope).wake()
        return int(opened.rowcount)


def drop_ended(scope: Scope) -> int:
    """Forget rows that were sent or died long ago, of the whole installation."""
    table = tables.outbox
    now = scope.clock.now()
    gone = 0
    for state, kept in ((OutboxState.SENT, KEPT_SENT), (OutboxState.DEAD, KEPT_DEAD)):
        old = table.delete().where(table.c.state == state, table.c.ended_at < now - kept)
        gone += int(scope.execute(old).rowcount)
    return gone


def count_waiting(scope: Scope) -> dict[tuple[str, str], int]:
    """Rows that are open or dead, by channel and state, of the whole installation."""
    table = tables.outbox
    rows: Any = scope.execute(
        select(table.c.channel, table.c.state, func.count())
        .where(table.c.state != OutboxState.SENT)
        .group_by(table.c.channel, table.c.state)
    )
    return {(str(channel), str(state)): int(number) for channel, state, number in rows}
