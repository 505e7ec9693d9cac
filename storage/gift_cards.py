"""Gift cards: what was ordered and sold, and how a shop sells them.

The money of a gift card is the account of its holder (books.py); here is what became of the card.
Not done here: numbers and PINs (loyalty/gift_numbers.py), what a state allows (loyalty).

Rules: a state changes only from the one that was read, so of two who pay the same order one wins;
what a person typed is sealed, and gone when the holder is erased.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import and_, func

from common.errors import NotFound
from common.i18n import gettext as _
from storage.records import columns, maybe_record, record_of, values_of
from storage.scope import Scope
from storage.tables import account, gift_card, gift_programme, programme

PAGE_MAX: Final = 200


class GiftState(StrEnum):
    """What became of a gift card."""

    ORDERED = "ordered"  # nobody paid yet, so it is worth nothing
    PAID = "paid"  # alive, and goes out on its day
    SENT = "sent"  # alive, and with whom it is for
    FROZEN = "frozen"  # nothing of it can be spent
    VOID = "void"  # never paid, or taken back


ALIVE: Final = (GiftState.PAID, GiftState.SENT, GiftState.FROZEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftProgramme:
    """How gift cards of a currency are sold; `document` is loyalty/gift_programme.py's."""

    programme_id: int
    currency: str
    code: str
    document: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftCard:
    """A row; `amount_minor` is what it was sold for, `people_sealed` what a person typed."""

    id: int
    programme_id: int
    member_id: int | None = None
    state: str = GiftState.ORDERED
    amount_minor: int
    number_sealed: bytes | None = None
    pin_hash: str | None = None
    people_sealed: bytes | None = None
    email_index: bytes | None = None
    language: str
    source: str
    payment: str = ""
    payment_ref: str | None = None
    counter_code: str | None = None
    order_hash: bytes | None = None
    send_at: datetime | None = None
    paid_at: datetime | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftLine:
    """A gift card in a list, with what is on it."""

    id: int
    member_id: int | None
    state: str
    amount_minor: int
    balance_minor: int
    source: str
    payment: str
    send_at: datetime | None
    paid_at: datetime | None
    created_at: datetime


class GiftCards:
    """The gift cards of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    # --- how they are sold --------------------------------------------------------------------

    def add_programme(self, new: GiftProgramme) -> bool:
        """Let a programme be the gift cards of a currency; False where there is one already."""
        values = {"merchant_id": self._scope.merchant, **values_of(new)}
        if not self._scope.insert_new(gift_programme, **values):
            return False
        self._scope.execute(
            self._scope.update(programme)
            .where(programme.c.id == new.programme_id)
            .values(kind="gift")
        )
        return True

    def set_document(self, programme_id: int, document: dict[str, Any]) -> None:
        """Sell them another way from now on."""
        self._scope.execute(
            self._scope.update(gift_programme)
            .where(gift_programme.c.programme_id == programme_id)
            .values(document=document)
        )

    def programme(self, currency: str) -> GiftProgramme | None:
        """How gift cards of a currency are sold, None where they are not."""
        return self._one_programme(gift_programme.c.currency == currency)

    def programme_of(self, programme_id: int) -> GiftProgramme | None:
        """The same by the programme's id."""
        return self._one_programme(gift_programme.c.programme_id == programme_id)

    def _one_programme(self, condition: Any) -> GiftProgramme | None:
        query = self._scope.select(gift_programme, *columns(gift_programme, GiftProgramme))
        row = self._scope.execute(query.where(condition)).one_or_none()
        return maybe_record(GiftProgramme, row)

    # --- the cards ----------------------------------------------------------------------------

    def add(self, new: GiftCard) -> bool:
        """Keep a gift card; False when its form, code or payment was seen before."""
        values = {"merchant_id": self._scope.merchant, **values_of(new)}
        return self._scope.insert_new(gift_card, **values)

    def get(self, gift_id: int) -> GiftCard:
        """A gift card.

        Raises:
            NotFound: this merchant has none with that id.
        """
        found = self._one(gift_card.c.id == gift_id)
        if found is None:
            raise NotFound(_("There is no such gift card."))
        return found

    def of_member(self, member_id: int) -> GiftCard | None:
        """The gift card a holder's card is of, None for a person's card."""
        return self._one(gift_card.c.member_id == member_id)

    def by_counter_code(self, code: str) -> GiftCard | None:
        """The order a counter's code means."""
        return self._one(gift_card.c.counter_code == code)

    def by_payment(self, reference: str) -> GiftCard | None:
        """The order a payment's reference means."""
        return self._one(gift_card.c.payment_ref == reference)

    def by_order(self, order_hash: bytes) -> GiftCard | None:
        """The order that a form made before."""
        return self._one(gift_card.c.order_hash == order_hash)

    def due(self, now: datetime, limit: int = PAGE_MAX) -> list[GiftCard]:
        """Paid cards whose day has come."""
        query = self._scope.select(gift_card, *columns(gift_card, GiftCard)).where(
            gift_card.c.state == GiftState.PAID, gift_card.c.send_at <= now
        )
        rows = self._scope.execute(query.order_by(gift_card.c.send_at, gift_card.c.id).limit(limit))
        return [record_of(GiftCard, row) for row in rows]

    def change(self, gift_id: int, *, was: GiftState, **values: Any) -> bool:
        """Change a gift card that is still in the state that was read; False when it is not."""
        statement = (
            self._scope.update(gift_card)
            .where(gift_card.c.id == gift_id, gift_card.c.state == was)
            .values(**values)
        )
        return bool(self._scope.execute(statement).rowcount == 1)

    def lines(self, *, before_id: int | None = None, limit: int = PAGE_MAX) -> list[GiftLine]:
        """Gift cards, the newest first, turned by the last id seen."""
        query = (
            self._scope.select(
                gift_card,
                *(gift_card.c[name] for name in GiftLine.__slots__ if name != "balance_minor"),
                func.coalesce(account.c.balance, 0).label("balance_minor"),
            )
            .select_from(gift_card.outerjoin(account, _of_holder()))
            .order_by(gift_card.c.id.desc())
            .limit(min(limit, PAGE_MAX))
        )
        if before_id is not None:
            query = query.where(gift_card.c.id < before_id)
        return [record_of(GiftLine, row) for row in self._scope.execute(query)]

    def outstanding(self, programme_id: int) -> tuple[int, int]:
        """How many gift cards still hold money, and how much together, in minor units."""
        row = self._scope.execute(
            self._scope.select(
                account, func.count().label("cards"), func.coalesce(func.sum(account.c.balance), 0)
            ).where(
                account.c.programme_id == programme_id,
                account.c.member_id.is_not(None),
                account.c.balance > 0,
            )
        ).one()
        return int(row[0]), int(row[1])

    def forget_people(self, member_id: int) -> None:
        """Erase what was typed about buyer and recipient of a holder's card, and end it."""
        self._scope.execute(
            self._scope.update(gift_card)
            .where(gift_card.c.member_id == member_id)
            .values(
                state=GiftState.VOID,
                people_sealed=None,
                email_index=None,
                number_sealed=None,
                pin_hash=None,
                ended_at=self._scope.clock.now(),
            )
        )

    def forget_orders(self, before: datetime) -> int:
        """End orders that nobody paid, and forget who made them; returns how many."""
        statement = (
            self._scope.update(gift_card)
            .where(gift_card.c.state == GiftState.ORDERED, gift_card.c.created_at < before)
            .values(
                state=GiftState.VOID,
                people_sealed=None,
                email_index=None,
                ended_at=self._scope.clock.now(),
            )
        )
        return int(self._scope.execute(statement).rowcount)

    def _one(self, condition: Any) -> GiftCard | None:
        query = self._scope.select(gift_card, *columns(gift_card, GiftCard)).where(condition)
        return maybe_record(GiftCard, self._scope.execute(query).one_or_none())


def _of_holder() -> Any:
    return and_(
        account.c.merchant_id == gift_card.c.merchant_id,
        account.c.member_id == gift_card.c.member_id,
    )
