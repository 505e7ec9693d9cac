"""Phones and the cards registered on them: what Apple's web service asks and what pushes leave.

Not here: tokens and answers (loyalty/devices.py), sending (the delivery room).
Rules:
- a registration's target row is committed with wanted = present, delivered = 0, together with a
  fresh stamp of the card, before the phone gets its answer: no change in between falls through;
- registering takes the pass type's turn, so two phones, or one phone twice, come one by one;
- a phone that was answered "what changed?" knows what was stamped by then: nothing is pushed for it;
- nothing is purged by age: phones register again only when their token changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from common.clock import to_micros
from common.errors import LimitReached
from common.ids import new_id
from storage import tables
from storage.deliveries import Channel, Deliveries
from storage.records import columns, record_of
from storage.scope import Scope
from storage.stamps import Stamps
from storage.wallet_passes import Device, WalletPass

REGISTRATIONS_MAX: Final = 20
"""Phones and watches one card may be registered on."""
LOG_LINES_KEPT: Final = 1000
_NOTE_PUSHED: Final = """
update device set push_score_milli = ?, pushed_at = ? where merchant_id = ? and id = ?
"""
TAG_EPOCH: Final = "tag_epoch"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCard:
    """A card registered on a phone, with its place in the order of changes."""

    serial_number: str
    stamp: int
    stamped_revision: int
    delivered_revision: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Everything registered on one phone for one pass type, read in one statement."""

    device_id: int | None
    epoch: str
    cards: tuple[ListedCard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushTarget:
    """A phone to push, with how many cards of its type it holds."""

    device: Device
    cards: int


class Devices:
    """Phones of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def register(
        self,
        card: WalletPass,
        *,
        pass_type_id: int,
        library_identifier: str,
        push_token: str,
        due_at: datetime,
    ) -> bool:
        """Register the card on the phone; True when it was not registered before.

        `due_at` leaves the phone time to ask by itself, as it does after registering.

        Raises:
            LimitReached: the card is on `REGISTRATIONS_MAX` phones already.
        """
        stamps = Stamps(self._scope)
        stamps.lock(pass_type_id)
        device_id, same_token = self._keep_device(pass_type_id, library_identifier, push_token)
        known = self._registration(device_id, card.id)
        if known is not None:
            self._want(known, card, device_id=device_id, due_at=due_at, fresh=not same_token)
            return False
        self._check_room(card.id)
        registration_id = new_id()
        self._scope.execute(
            self._scope.insert(
                tables.registration,
                id=registration_id,
                device_id=device_id,
                pass_id=card.id,
                created_at=self._scope.clock.now(),
            )
        )
        stamps.stamp_registered(pass_type_id, card.id)
        self._want(registration_id, card, device_id=device_id, due_at=due_at, fresh=True)
        return True

    def unregister(self, pass_id: int, *, pass_type_id: int, library_identifier: str) -> bool:
        """End one registration; False when there was none."""
        device, registration = tables.device, tables.registration
        row = self._scope.execute(
            self._scope.select(registration, registration.c.id)
            .join(device, _device_of(registration))
            .where(
                registration.c.pass_id == pass_id,
                device.c.pass_type_id == pass_type_id,
                device.c.library_identifier == library_identifier,
            )
        ).first()
        if row is None:
            return False
        self._end(registration.c.id == row.id)
        return True

    def listing(self, *, pass_type_id: int, library_identifier: str) -> Listing:
        """What is registered on a phone; serials, stamps and tag epoch come from one statement."""
        device, registration = tables.device, tables.registration
        wallet_pass, delivery = tables.wallet_pass, tables.delivery
        epoch = (
            select(tables.installation.c.value)
            .where(tables.installation.c.name == TAG_EPOCH)
            .scalar_subquery()
        )
        rows = self._scope.execute(
            self._scope.select(
                device,
                device.c.id,
                epoch.label("epoch"),
                wallet_pass.c.serial_number,
                wallet_pass.c.stamp,
                wallet_pass.c.stamped_revision,
                delivery.c.delivered_revision,
            )
            .join(registration, _device_of(registration))
            .join(
                wallet_pass,
                and_(
                    wallet_pass.c.merchant_id == registration.c.merchant_id,
                    wallet_pass.c.id == registration.c.pass_id,
                ),
            )
            .outerjoin(
                delivery,
                and_(
                    delivery.c.merchant_id == registration.c.merchant_id,
                    delivery.c.channel == Channel.APPLE,
                    delivery.c.target_id == registration.c.id,
                ),
            )
            .where(
                device.c.pass_type_id == pass_type_id,
                device.c.library_identifier == library_identifier,
            )
            .order_by(wallet_pass.c.stamp)
        ).all()
        return Listing(
            device_id=rows[0].id if rows else None,
            epoch=(rows[0].epoch if rows else None) or "0",
            cards=tuple(record_of(ListedCard, row) for row in rows),
        )

    def note_listed(self, device_id: int, highest: int) -> None:
        """The phone was told every stamp up to `highest`: nothing need be pushed for those."""
        device, delivery, wallet_pass = tables.device, tables.delivery, tables.wallet_pass
        now = self._scope.clock.now()
        self._scope.execute(
            self._scope.update(device).where(device.c.id == device_id).values(listed_at=now)
        )
        told = (
            select(wallet_pass.c.stamped_revision)
            .where(
                wallet_pass.c.merchant_id == delivery.c.merchant_id,
                wallet_pass.c.id == delivery.c.pass_id,
                wallet_pass.c.stamp <= highest,
                wallet_pass.c.stamped_revision > delivery.c.delivered_revision,
            )
            .scalar_subquery()
        )
        self._scope.execute(
            self._scope.update(delivery)
            .where(
                delivery.c.channel == Channel.APPLE,
                delivery.c.device_id == device_id,
                told.is_not(None),
            )
            .values(delivered_revision=told, delivered_at=now, attempts=0, last_error=None)
        )

    def push_targets(self, device_ids: list[int]) -> list[PushTarget]:
        """The phones, with the number of cards each holds."""
        device, registration = tables.device, tables.registration
        count = (
            select(func.count())
            .where(
                registration.c.merchant_id == device.c.merchant_id,
                registration.c.device_id == device.c.id,
            )
            .scalar_subquery()
        )
        rows = self._scope.execute(
            self._scope.select(device, *columns(device, Device), count.label("cards")).where(
                device.c.id.in_(device_ids)
            )
        )
        return [PushTarget(device=record_of(Device, row), cards=row.cards) for row in rows]

    def note_pushed(self, device_id: int, *, score_milli: int) -> None:
        """A push was accepted: the score the phone keeps of us, in thousandths, and when."""
        now = to_micros(self._scope.clock.now())
        self._scope.run_sql(_NOTE_PUSHED, (score_milli, now, self._scope.merchant, device_id))

    def end_device(self, device_id: int, *, push_token: str, token_before: datetime | None) -> bool:
        """The push service says the token is dead: its registrations end, no other's.

        Args:
            device_id: the phone.
            push_token: the token that was pushed to; a phone that has another one now lives.
            token_before: when the service saw the token die; one that was stored again later
                lives. A time ahead of now was written by a wrong clock and proves nothing.

        Returns:
            False when the phone has registered again since, so that nothing was ended.
        """
        device, registration = tables.device, tables.registration
        now = self._scope.clock.now()
        dead = self._scope.update(device).where(
            device.c.id == device_id, device.c.push_token == push_token
        )
        if token_before is not None:
            stored = device.c.push_token_at
            dead = dead.where(or_(stored <= token_before, stored > now))
        ended = self._scope.execute(dead.values(gone_at=now))
        if not ended.rowcount:
            return False
        self._end(registration.c.device_id == device_id)
        return True

    def add_log_lines(self, lines: list[str]) -> None:
        """Keep what phones complain about, the newest `LOG_LINES_KEPT` lines."""
        table = tables.apple_log
        now = self._scope.clock.now()
        for line in lines:
            self._scope.execute(self._scope.insert(table, id=new_id(), line=line, received_at=now))
        oldest = (
            self._scope.select(table, table.c.id)
            .order_by(table.c.id.desc())
            .offset(LOG_LINES_KEPT)
            .limit(1)
            .scalar_subquery()
        )
        self._scope.execute(
            table.delete().where(table.c.merchant_id == self._scope.merchant, table.c.id <= oldest)
        )

    def log_lines(self, *, limit: int = 100) -> list[tuple[datetime, str]]:
        """The newest complaints first; hostile text, to be shown escaped and never as markup."""
        table = tables.apple_log
        rows = self._scope.execute(
            self._scope.select(table, table.c.received_at, table.c.line)
            .order_by(table.c.id.desc())
            .limit(min(limit, LOG_LINES_KEPT))
        )
        return [(row.received_at, row.line) for row in rows]

    def _keep_device(
        self, pass_type_id: int, library_identifier: str, push_token: str
    ) -> tuple[int, bool]:
        """The phone's id, and whether it held this very token before."""
        table = tables.device
        before = self._scope.execute(
            self._scope.select(table, table.c.push_token).where(
                table.c.pass_type_id == pass_type_id,
                table.c.library_identifier == library_identifier,
                table.c.gone_at.is_(None),
            )
        ).scalar_one_or_none()
        now = self._scope.clock.now()
        insert: Any = sqlite.insert if self._is_sqlite else postgresql.insert
        kept = self._scope.execute(
            insert(table)
            .values(
                merchant_id=self._scope.merchant,
                id=new_id(),
                pass_type_id=pass_type_id,
                library_identifier=library_identifier,
                push_token=push_token,
                push_token_at=now,
                push_score_milli=0,
                created_at=now,
            )
            .on_conflict_do_update(
                index_elements=["merchant_id", "pass_type_id", "library_identifier"],
                set_={"push_token": push_token, "push_token_at": now, "gone_at": None},
            )
            .returning(table.c.id)
        ).scalar_one()
        return int(kept), before == push_token

    @property
    def _is_sqlite(self) -> bool:
        return self._scope.connection.dialect.name == "sqlite"

    def _registration(self, device_id: int, pass_id: int) -> int | None:
        table = tables.registration
        found = self._scope.execute(
            self._scope.select(table, table.c.id).where(
                table.c.device_id == device_id, table.c.pass_id == pass_id
            )
        ).scalar_one_or_none()
        return None if found is None else int(found)

    def _check_room(self, pass_id: int) -> None:
        table = tables.registration
        taken = self._scope.execute(
            self._scope.select(table, func.count()).where(table.c.pass_id == pass_id)
        ).scalar_one()
        if taken >= REGISTRATIONS_MAX:
            raise LimitReached(limit="registrations_of_a_pass")

    def _want(
        self,
        registration_id: int,
        card: WalletPass,
        *,
        device_id: int,
        due_at: datetime,
        fresh: bool,
    ) -> None:
        """The target row exists; with `fresh` it starts again from nothing delivered."""
        Deliveries(self._scope).want_apple(
            registration_id=registration_id, pass_id=card.id, device_id=device_id, due_at=due_at
        )
        if fresh:
            table = tables.delivery
            self._scope.execute(
                self._scope.update(table)
                .where(table.c.channel == Channel.APPLE, table.c.target_id == registration_id)
                .values(delivered_revision=0, state="open", attempts=0, due_at=due_at)
            )

    def _end(self, which: Any) -> None:
        registration, delivery = tables.registration, tables.delivery
        mine = and_(registration.c.merchant_id == self._scope.merchant, which)
        self._scope.execute(
            delivery.delete().where(
                delivery.c.merchant_id == self._scope.merchant,
                delivery.c.channel == Channel.APPLE,
                delivery.c.target_id.in_(select(registration.c.id).where(mine)),
            )
        )
        self._scope.execute(registration.delete().where(mine))


def _device_of(registration: Any) -> Any:
    device = tables.device
    return and_(
        registration.c.merchant_id == device.c.merchant_id,
        registration.c.device_id == device.c.id,
    )
