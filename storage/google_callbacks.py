"""What Google told of saves and deletes: each message once, and per card who holds it.

Not done here: verifying a message (signing), answering it (web).

Rules:
- A nonce counts once for each account, for as long as its signature lasts.
- Messages carry no time of their own. The end of a signature (`expTimeMillis`) lies a fixed while
  after the event, so the newest end of each kind counts: a card is held when its newest save is
  not older than its newest delete, whichever arrives first.
- What Google's own list says (`has_users`) wins over messages that came before it was asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import case, delete, func, literal, or_, select

from storage import tables
from storage.records import columns, maybe_record
from storage.scope import Scope
from storage.types import UtcTime

ID_MAX: Final = 256
KEPT_FOR: Final = timedelta(days=30)
SAVE: Final = "save"
DELETE: Final = "del"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardAtGoogle:
    """Whose card an object is."""

    merchant_id: int
    pass_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is known of one card; moments are ends of signatures, None when never told."""

    pass_id: int
    saves: int = 0
    deletes: int = 0
    saved_until: datetime | None = None
    deleted_until: datetime | None = None
    told_at: datetime | None = None
    has_users: bool | None = None
    checked_at: datetime | None = None

    @property
    def is_held(self) -> bool | None:
        """Whether somebody has the card in Google Wallet; None when nothing was told yet."""
        asked_last = self.checked_at is not None and (
            self.told_at is None or self.checked_at >= self.told_at
        )
        if asked_last:
            return self.has_users
        if self.saved_until is None:
            return None if self.deleted_until is None else False
        return self.deleted_until is None or self.saved_until >= self.deleted_until


class GoogleCallbacks:
    """Messages of the installation and holdings of the scope's merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(
        self,
        account_id: int,
        nonce: str,
        *,
        class_id: str,
        object_id: str,
        event: str,
        known: bool,
        signed_until: datetime,
    ) -> bool:
        """Keep a message; False when this nonce came before."""
        return self._scope.insert_new(
            tables.google_callback,
            account_id=account_id,
            nonce_hash=hashlib.sha256(nonce.encode()).digest(),
            class_id=class_id[:ID_MAX],
            object_id=object_id[:ID_MAX],
            event=event,
            known=known,
            signed_until=signed_until,
            received_at=self._scope.clock.now(),
        )

    def card_of(self, object_id: str, *, issuer_id: str) -> CardAtGoogle | None:
        """The card of an object, among the merchants this issuer serves; over all merchants."""
        card, shop, account = tables.wallet_pass, tables.merchant, tables.google_account
        query = (
            select(card.c.merchant_id, card.c.id.label("pass_id"))
            .join(shop, shop.c.id == card.c.merchant_id)
            .join(account, account.c.id == shop.c.google_account_id)
            .where(card.c.google_object_id == object_id, account.c.issuer_id == issuer_id)
            .order_by(card.c.id.desc())
            .limit(1)
        )
        return maybe_record(CardAtGoogle, self._scope.execute(query).first())

    def cards_of(self, object_ids: Sequence[str]) -> dict[str, int]:
        """The merchant's cards (pass ids) of these objects; others are left out."""
        card = tables.wallet_pass
        rows = self._scope.execute(
            self._scope.select(card, card.c.google_object_id, card.c.id).where(
                card.c.google_object_id.in_(object_ids)
            )
        )
        return {str(row.google_object_id): int(row.id) for row in rows}

    def note(self, pass_id: int, event: str, signed_until: datetime) -> None:
        """A card of the merchant was saved or deleted."""
        table = tables.google_holding
        self._ensure(pass_id)
        newest, count = (
            (table.c.saved_until, table.c.saves)
            if event == SAVE
            else (table.c.deleted_until, table.c.deletes)
        )
        later = or_(newest.is_(None), newest < signed_until)
        self._scope.execute(
            self._scope.update(table)
            .where(table.c.pass_id == pass_id)
            .values(
                {
                    count: count + 1,
                    newest: case((later, literal(signed_until, UtcTime)), else_=newest),
                    table.c.told_at: self._scope.clock.now(),
                }
            )
        )

    def note_listed(self, pass_id: int, *, has_users: bool) -> None:
        """Google's own list said whether anybody holds the card."""
        table = tables.google_holding
        self._ensure(pass_id)
        self._scope.execute(
            self._scope.update(table)
            .where(table.c.pass_id == pass_id)
            .values(has_users=has_users, checked_at=self._scope.clock.now())
        )

    def holding(self, pass_id: int) -> Holding:
        """What is known of a card."""
        table = tables.google_holding
        query = self._scope.select(table, *columns(table, Holding))
        row = self._scope.execute(query.where(table.c.pass_id == pass_id)).one_or_none()
        return maybe_record(Holding, row) or Holding(pass_id=pass_id)

    def drop_old(self) -> int:
        """Forget messages whose signature ended, which would be refused anyway."""
        table, now = tables.google_callback, self._scope.clock.now()
        gone = delete(table).where(table.c.received_at < now - KEPT_FOR, table.c.signed_until < now)
        return int(self._scope.execute(gone).rowcount)

    def count(self, account_id: int) -> int:
        """How many messages of an account are kept."""
        table = tables.google_callback
        query = select(func.count()).where(table.c.account_id == account_id)
        return int(self._scope.execute(query).scalar_one())

    def _ensure(self, pass_id: int) -> None:
        self._scope.insert_new(
            tables.google_holding,
            merchant_id=self._scope.merchant,
            pass_id=pass_id,
            saves=0,
            deletes=0,
        )
