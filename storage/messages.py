"""Messages to many cards: what an owner says, to whom, and what came of it.

Not done here: choosing and telling cards (message_steps.py), who is meant (segments.py), rules of
what may be written (loyalty/messages.py).

States: `waits` for its time, `chooses` its cards, `sends`, then `sent`; `stopped` tells no further
card, `withdrawn` takes the words off those that were told, and so does `over` when its days are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import BigInteger, and_, func, select, type_coerce

from common.i18n import DEFAULT_LANGUAGE
from passes.content import Content
from storage import tables
from storage.deliveries import Channel, MassReason
from storage.mass_changes import MassChange
from storage.records import columns, maybe_record, record_of
from storage.scope import Scope
from storage.segments import Segment, segment_of

PAGE_MAX: Final = 100
VISIT_DAYS: Final = 14
VISIT_SPAN_US: Final = VISIT_DAYS * 86_400 * 1_000_000


class MessageState(StrEnum):
    """How far a message is."""

    WAITS = "waits"
    CHOOSES = "chooses"
    SENDS = "sends"
    SENT = "sent"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"
    OVER = "over"


SHOWN: Final = (MessageState.SENDS, MessageState.SENT, MessageState.STOPPED)
"""States in which a card that was told shows the message."""
GOING: Final = (MessageState.WAITS, MessageState.CHOOSES, MessageState.SENDS)
"""States that a stop ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message. `texts` by language; `cards` were chosen so far."""

    id: int
    programme_id: int
    state: str
    segment: Mapping[str, Any]
    texts: Mapping[str, str]
    loud: bool
    send_at: datetime
    ends_at: datetime
    cursor_id: int
    cards: int
    person_id: int | None
    started_at: datetime | None
    ended_at: datetime | None
    created_at: datetime

    @property
    def meant(self) -> Segment:
        """To whom."""
        return segment_of(dict(self.segment))

    def text(self, language: str) -> str:
        """The words in a language, else in the first that was written."""
        short = language.partition("-")[0]
        found = (self.texts.get(one) for one in (language, short, DEFAULT_LANGUAGE))
        return next((text for text in found if text), next(iter(self.texts.values()), ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageResult:
    """What came of it: cards told, wallets that took it, phones that fetched, members who came."""

    cards: int
    told: int
    delivered: int
    fetched: int
    visited: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The phones of a segment: cards, iPhones and Google cards among them, busy iPhones."""

    cards: int
    iphones: int
    google_cards: int
    busy_iphones: int


class Messages:
    """The messages of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, new: Message) -> None:
        """Keep a new message."""
        values = {field.name: getattr(new, field.name) for field in dataclasses.fields(new)}
        self._scope.execute(self._scope.insert(tables.message, **values))

    def find(self, message_id: int, *, lock: bool = False) -> Message | None:
        """A message of this merchant."""
        table = tables.message
        query = self._scope.select(table, *columns(table, Message)).where(table.c.id == message_id)
        row = self._scope.execute(query.with_for_update() if lock else query).one_or_none()
        return maybe_record(Message, row)

    def all(self, *, limit: int = PAGE_MAX) -> list[Message]:
        """The newest first."""
        table = tables.message
        rows = self._scope.execute(
            self._scope.select(table, *columns(table, Message))
            .order_by(table.c.id.desc())
            .limit(min(limit, PAGE_MAX))
        )
        return [record_of(Message, row) for row in rows]

    def set(self, message_id: int, **values: Any) -> None:
        """Change columns of a message."""
        table = tables.message
        self._scope.execute(
            self._scope.update(table).where(table.c.id == message_id).values(**values)
        )

    def open_change(self, message_id: int) -> MassChange | None:
        """The mass change that carries the message now."""
        table = tables.mass_change
        row = self._scope.execute(
            self._scope.select(table, *columns(table, MassChange))
            .where(table.c.message_id == message_id, table.c.done_at.is_(None))
            .order_by(table.c.id.desc())
            .limit(1)
        ).one_or_none()
        return maybe_record(MassChange, row)

    def begin_change(self, message: Message, change_id: int) -> None:
        """Let the worker move the message's cards in slices."""
        self._scope.execute(
            self._scope.insert(
                tables.mass_change,
                id=change_id,
                programme_id=message.programme_id,
                reason=MassReason.MESSAGE,
                cursor_id=0,
                moved=0,
                total=message.cards,
                message_id=message.id,
                created_at=self._scope.clock.now(),
            )
        )

    def end_changes(self, message_id: int) -> None:
        """Tell no further card."""
        table = tables.mass_change
        self._scope.execute(
            self._scope.update(table)
            .where(table.c.message_id == message_id, table.c.done_at.is_(None))
            .values(done_at=self._scope.clock.now(), cancelled_at=self._scope.clock.now())
        )

    def card_of(self, message_id: int, member_id: int) -> int | None:
        """The card of a member that a message was for."""
        table = tables.message_card
        found: int | None = self._scope.execute(
            self._scope.select(table, table.c.pass_id)
            .where(table.c.message_id == message_id, table.c.member_id == member_id)
            .order_by(table.c.pass_id.desc())
            .limit(1)
        ).scalar_one_or_none()
        return found

    def set_wanted(self, member_id: int, *, wanted: bool) -> None:
        """Keep whether a member wants messages on the card."""
        table = tables.member
        off_at = None if wanted else self._scope.clock.now()
        self._scope.execute(
            self._scope.update(table).where(table.c.id == member_id).values(messages_off_at=off_at)
        )

    def is_wanted(self, member_id: int) -> bool:
        """Whether a member wants messages on the card."""
        table = tables.member
        query = self._scope.select(table, table.c.messages_off_at).where(table.c.id == member_id)
        return self._scope.execute(query).scalar_one_or_none() is None

    def result(self, message: Message) -> MessageResult:
        """What came of a message so far."""
        card, found, wallet = tables.message_card, tables.delivery, tables.wallet_pass
        mine = and_(
            card.c.merchant_id == self._scope.merchant,
            card.c.message_id == message.id,
            card.c.told_at.is_not(None),
        )
        of_card = and_(found.c.merchant_id == card.c.merchant_id, found.c.pass_id == card.c.pass_id)
        has_it = found.c.delivered_revision >= card.c.revision
        same = and_(wallet.c.merchant_id == card.c.merchant_id, wallet.c.id == card.c.pass_id)
        return MessageResult(
            cards=message.cards,
            told=self._count(select(card.c.pass_id).where(mine)),
            delivered=self._count(
                select(card.c.pass_id).join(found, of_card).where(mine, has_it).distinct()
            ),
            fetched=self._count(
                select(card.c.pass_id)
                .join(wallet, same)
                .where(mine, wallet.c.fetched_revision >= card.c.revision)
            ),
            visited=self._count(self._visitors(mine)),
        )

    def reach(self, cards: Any, *, push_score_max: float) -> Reach:
        """The phones of `cards`, a selection of (member_id, pass_id).

        Args:
            cards: made by `segments.cards_of`.
            push_score_max: iPhones above it show the next change later.
        """
        found = cards.subquery()
        registration, device = tables.registration, tables.device
        iphones = (
            self._scope.select(registration, device.c.id, device.c.push_score_milli)
            .join(found, found.c.pass_id == registration.c.pass_id)
            .join(
                device,
                and_(
                    device.c.merchant_id == registration.c.merchant_id,
                    device.c.id == registration.c.device_id,
                ),
            )
            .where(device.c.gone_at.is_(None))
            .distinct()
        ).subquery()
        delivery = tables.delivery
        google = (
            self._scope.select(delivery, delivery.c.id)
            .join(found, found.c.pass_id == delivery.c.pass_id)
            .where(delivery.c.channel == Channel.GOOGLE_OBJECT, delivery.c.delivered_revision > 0)
        )
        busy = select(iphones.c.id).where(iphones.c.push_score_milli > int(push_score_max * 1000))
        return Reach(
            cards=self._count(select(found.c.pass_id)),
            iphones=self._count(select(iphones.c.id)),
            google_cards=self._count(google),
            busy_iphones=self._count(busy),
        )

    def _visitors(self, mine: Any) -> Any:
        card, operation = tables.message_card, tables.operation
        told = type_coerce(card.c.told_at, BigInteger)
        at = type_coerce(operation.c.created_at, BigInteger)
        came = and_(
            operation.c.merchant_id == card.c.merchant_id,
            operation.c.member_id == card.c.member_id,
            operation.c.kind == "earn",
            at > told,
            at <= told + VISIT_SPAN_US,
        )
        return select(card.c.member_id).join(operation, came).where(mine).distinct()

    def _count(self, query: Any) -> int:
        return int(
            self._scope.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        )


def present_texts(scope: Scope, pass_ids: Sequence[int]) -> dict[int, Message]:
    """The newest message that each of these cards shows now; cards without one are left out."""
    message, card, member = tables.message, tables.message_card, tables.member
    rows = scope.execute(
        scope.select(card, card.c.pass_id, *columns(message, Message))
        .join(
            message,
            and_(message.c.merchant_id == card.c.merchant_id, message.c.id == card.c.message_id),
        )
        .join(
            member,
            and_(member.c.merchant_id == card.c.merchant_id, member.c.id == card.c.member_id),
        )
        .where(
            card.c.pass_id.in_(pass_ids),
            card.c.told_at.is_not(None),
            message.c.state.in_([str(state) for state in SHOWN]),
            message.c.ends_at > scope.clock.now(),
            member.c.messages_off_at.is_(None),
        )
        .order_by(message.c.send_at, message.c.id)
    )
    return {int(row.pass_id): record_of(Message, row) for row in rows}


def said_by(message: Message | None, content: Content) -> Content:
    """The content with the message's words in the card's language."""
    if message is None or content.erased or content.voided:
        return content
    return dataclasses.replace(content, message=message.text(content.language))
