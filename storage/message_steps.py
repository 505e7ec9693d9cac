"""What a worker does for messages: begin those that are due, choose cards, note who was told.

Each step is one short transaction over at most a thousand cards, so that no till waits; the cards
themselves are moved by the slices of a mass change (mass_changes.py). A killed worker goes on where
it stopped.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, func, insert, select

from common.ids import new_id
from storage import tables
from storage.deliveries import Channel
from storage.mass_changes import MassChange
from storage.messages import Message, Messages, MessageState
from storage.outbox import NewRow, Outbox, OutboxKind
from storage.records import columns, record_of
from storage.scope import Scope
from storage.segments import cards_of

CHOOSE_MAX: Final = 1000
_SHOWN_TO_THE_END: Final = (MessageState.SENT, MessageState.STOPPED)
_WORKING: Final = (MessageState.WAITS, MessageState.CHOOSES, MessageState.SENDS)


class MessageSteps:
    """The messages of the installation; the scope names no merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def any_due(self) -> bool:
        """Whether a step would find something; reads only."""
        return self._scope.execute(self._due().limit(1)).first() is not None

    def step(self) -> bool:
        """Do one step of one message; False when there is nothing to do."""
        row = self._scope.execute(
            self._due().limit(1).with_for_update(skip_locked=True, of=tables.message)
        ).first()
        if row is None:
            return False
        scope = self._scope_of(row.merchant_id)
        message = record_of(Message, row)
        if message.state in _SHOWN_TO_THE_END:
            self._end(scope, message)
        elif message.state == MessageState.SENDS:
            Messages(scope).set(
                message.id, state=MessageState.SENT, ended_at=self._scope.clock.now()
            )
        elif message.state == MessageState.WAITS:
            Messages(scope).set(
                message.id, state=MessageState.CHOOSES, started_at=self._scope.clock.now()
            )
        else:
            self._choose(scope, message)
        return True

    def moved(self, change: MassChange, *, count: int) -> None:
        """A slice of a message's change was moved: note its cards, and what Google is told."""
        scope = self._scope_of(change.merchant_id)
        message = Messages(scope).find(change.message_id or 0)
        if message is None or not count or message.state == MessageState.OVER:
            return  # Google hides its entry by itself when its days are over
        card, wallet = tables.message_card, tables.wallet_pass
        ids = list(
            scope.execute(
                scope.select(card, card.c.pass_id)
                .where(card.c.message_id == message.id, card.c.pass_id > change.cursor_id)
                .order_by(card.c.pass_id)
                .limit(count)
            ).scalars()
        )
        if message.state == MessageState.WITHDRAWN:
            self._tell_google(scope, message, ids, kind=OutboxKind.WITHDRAWAL)
            return
        present = (
            select(wallet.c.revision)
            .where(wallet.c.merchant_id == card.c.merchant_id, wallet.c.id == card.c.pass_id)
            .scalar_subquery()
        )
        scope.execute(
            scope.update(card)
            .where(
                card.c.message_id == message.id,
                card.c.pass_id.between(ids[0], ids[-1]),
                card.c.told_at.is_(None),
            )
            .values(revision=present, told_at=self._scope.clock.now())
        )
        if message.loud:
            self._tell_google(scope, message, ids, kind=OutboxKind.MESSAGE)

    def _end(self, scope: Scope, message: Message) -> None:
        """Its days are over: phones come once more, and show it no longer. Nothing rings."""
        Messages(scope).set(message.id, state=MessageState.OVER)
        if message.cards:
            Messages(scope).begin_change(message, new_id())

    def _choose(self, scope: Scope, message: Message) -> None:
        """Choose the next cards; the last slice lets the telling begin."""
        found = cards_of(scope, message.programme_id, message.meant)
        wallet = tables.wallet_pass
        rows = scope.execute(
            found.where(wallet.c.id > message.cursor_id).order_by(wallet.c.id).limit(CHOOSE_MAX)
        ).all()
        if rows:
            scope.execute(
                insert(tables.message_card),
                [
                    {
                        "merchant_id": scope.merchant,
                        "message_id": message.id,
                        "pass_id": row.pass_id,
                        "member_id": row.member_id,
                    }
                    for row in rows
                ],
            )
        cards = message.cards + len(rows)
        Messages(scope).set(
            message.id, cards=cards, cursor_id=rows[-1].pass_id if rows else message.cursor_id
        )
        if len(rows) < CHOOSE_MAX:
            Messages(scope).set(message.id, state=MessageState.SENDS)
            begun = Messages(scope).find(message.id)
            if begun is not None and cards:
                Messages(scope).begin_change(begun, new_id())

    def _tell_google(
        self, scope: Scope, message: Message, ids: list[Any], *, kind: OutboxKind
    ) -> None:
        """One outbox row for each of these cards that Google has."""
        delivery = tables.delivery
        rows = scope.execute(
            scope.select(delivery, delivery.c.pass_id, tables.message_card.c.member_id)
            .join(
                tables.message_card,
                and_(
                    tables.message_card.c.merchant_id == delivery.c.merchant_id,
                    tables.message_card.c.pass_id == delivery.c.pass_id,
                    tables.message_card.c.message_id == message.id,
                    tables.message_card.c.told_at.is_not(None),
                ),
            )
            .where(
                delivery.c.channel == Channel.GOOGLE_OBJECT,
                delivery.c.delivered_revision > 0,
                delivery.c.state == "open",
                delivery.c.pass_id.in_(ids),
            )
        )
        outbox = Outbox(scope)
        life = message.ends_at - self._scope.clock.now()
        for row in rows:
            outbox.add(
                NewRow(
                    kind=kind,
                    receiver=f"pass|{row.pass_id}".encode(),
                    member_id=row.member_id,
                    message_id=message.id,
                    life=life,
                )
            )

    def _due(self) -> Any:
        """Messages with something to do: their time has come, cards to choose, or all were told."""
        message, change = tables.message, tables.mass_change
        still = (
            select(change.c.id)
            .where(
                change.c.merchant_id == message.c.merchant_id,
                change.c.message_id == message.c.id,
                change.c.done_at.is_(None),
            )
            .exists()
        )
        now = self._scope.clock.now()
        over = and_(
            message.c.state.in_([str(one) for one in _SHOWN_TO_THE_END]), message.c.ends_at <= now
        )
        waits = and_(message.c.state == MessageState.WAITS, message.c.send_at <= now)
        told = and_(message.c.state == MessageState.SENDS, ~still)
        return (
            select(message.c.merchant_id, *columns(message, Message))
            .where(waits | told | over | (message.c.state == MessageState.CHOOSES))
            .order_by(message.c.cursor_id, message.c.id)
        )

    def _scope_of(self, merchant_id: int) -> Scope:
        return Scope(
            connection=self._scope.connection, merchant_id=merchant_id, clock=self._scope.clock
        )


def count_working(scope: Scope) -> int:
    """How many messages are on their way, of the whole installation."""
    table = tables.message
    query = select(func.count()).where(table.c.state.in_([str(one) for one in _WORKING]))
    return int(scope.execute(query).scalar_one())
