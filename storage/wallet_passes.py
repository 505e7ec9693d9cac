"""The cards in wallets, the pass types and certificates they are made with, the phones they are on.

Not here: what a card says (faces.py), which phone is behind (deliveries.py), the order of changes
(stamps.py), registering a phone (devices.py).
Rules: a member has one live card, the others are void; a pass type of a merchant has one owner and
one of them is current; a certificate is never changed, the newest one that is valid signs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, or_, select

from common.errors import NotFound
from common.i18n import gettext as _
from storage import tables
from storage.deliveries import Deliveries
from storage.records import columns, record_of, values_of
from storage.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletPass:
    """One card; `last_modified_s` is in whole seconds since 1970 and only ever grows."""

    id: int
    programme_id: int
    member_id: int
    generation: int
    serial_number: str
    last_modified_s: int
    created_at: datetime
    pass_type_id: int | None = None
    google_object_id: str | None = None
    voided_at: datetime | None = None
    revision: int = 1
    stamped_revision: int = 0
    stamp: int = 0
    stamped_face: bytes | None = None
    fetched_revision: int = 0
    fetched_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassType:
    """A pass type identifier of this merchant; `current` makes new cards."""

    id: int
    identifier: str
    team_identifier: str
    organization: str
    sandbox: bool
    created_at: datetime
    last_stamp: int = 0
    current: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleCertificate:
    """A certificate of a pass type; the key is sealed with column `apple_certificate.key`."""

    id: int
    pass_type_id: int
    certificate_pem: str
    intermediate_pem: str
    key_sealed: bytes
    serial_hex: str
    not_before: datetime
    not_after: datetime
    created_at: datetime

    def __repr__(self) -> str:
        return f"AppleCertificate(id={self.id}, serial_hex={self.serial_hex!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A phone as Wallet names it for one pass type; the push token never goes into a log."""

    id: int
    pass_type_id: int
    library_identifier: str
    push_token: str
    push_token_at: datetime
    created_at: datetime
    push_score_milli: int = 0
    pushed_at: datetime | None = None
    listed_at: datetime | None = None
    gone_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Device(id={self.id}, pass_type_id={self.pass_type_id})"


class WalletPasses:
    """Reads and writes cards, pass types and certificates of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, wallet_pass: WalletPass) -> None:
        """Store a new card."""
        self._scope.execute(
            self._scope.insert(tables.wallet_pass, **values_of(wallet_pass)),
        )

    def get(self, pass_id: int) -> WalletPass:
        """The card.

        Raises:
            NotFound: this merchant has no such card.
        """
        found = self._one(self._passes().where(tables.wallet_pass.c.id == pass_id))
        if found is None:
            raise NotFound(_("There is no such card."))
        return found

    def current_of_member(self, member_id: int) -> WalletPass:
        """The member's newest card, void or not.

        Raises:
            NotFound: the member has none.
        """
        table = tables.wallet_pass
        wanted = self._passes().where(table.c.member_id == member_id)
        found = self._one(wanted.order_by(table.c.generation.desc()).limit(1))
        if found is None:
            raise NotFound(_("This member has no card."))
        return found

    def of_member(self, member_id: int) -> list[WalletPass]:
        """Every card the member ever had, newest first."""
        table = tables.wallet_pass
        wanted = self._passes().where(table.c.member_id == member_id)
        rows = self._scope.execute(wanted.order_by(table.c.generation.desc()))
        return [record_of(WalletPass, row) for row in rows]

    def by_serial(self, serial_number: str) -> WalletPass | None:
        """The card of a serial number."""
        return self._one(self._passes().where(tables.wallet_pass.c.serial_number == serial_number))

    def void(self, pass_id: int) -> None:
        """Make the card void for ever, and its phones come and see."""
        table = tables.wallet_pass
        now = self._scope.clock.now()
        self._scope.execute(
            self._scope.update(table)
            .where(table.c.id == pass_id, table.c.voided_at.is_(None))
            .values(voided_at=now)
        )
        Deliveries(self._scope).bump_pass(pass_id)

    def revive(self, pass_id: int) -> None:
        """Let a void card be valid again, and its phones come and see."""
        table = tables.wallet_pass
        self._scope.execute(
            self._scope.update(table).where(table.c.id == pass_id).values(voided_at=None)
        )
        Deliveries(self._scope).bump_pass(pass_id)

    def set_pass_type(self, pass_id: int, pass_type_id: int) -> None:
        """Give the card its pass type, once; it is part of the card's name on every phone."""
        table = tables.wallet_pass
        self._scope.execute(
            self._scope.update(table)
            .where(table.c.id == pass_id, table.c.pass_type_id.is_(None))
            .values(pass_type_id=pass_type_id)
        )

    def by_google_object(self, google_object_id: str) -> WalletPass | None:
        """The merchant's card of an object at Google."""
        table = tables.wallet_pass
        row = self._scope.execute(
            self._scope.select(table, *columns(table, WalletPass)).where(
                table.c.google_object_id == google_object_id
            )
        ).first()
        return None if row is None else record_of(WalletPass, row)

    def use_code_step(self, pass_id: int, step: int) -> bool:
        """Mark a rotating code's step as used; False when it, or a newer one, was used before."""
        table = tables.wallet_pass
        used = self._scope.execute(
            self._scope.update(table)
            .where(
                table.c.id == pass_id,
                or_(table.c.totp_last_step.is_(None), table.c.totp_last_step < step),
            )
            .values(totp_last_step=step)
        )
        return bool(used.rowcount == 1)

    def set_google_object(self, pass_id: int, google_object_id: str) -> None:
        """Remember the card's object id at Google; the first one stays."""
        table = tables.wallet_pass
        self._scope.execute(
            self._scope.update(table)
            .where(table.c.id == pass_id, table.c.google_object_id.is_(None))
            .values(google_object_id=google_object_id)
        )

    def note_fetched(self, pass_id: int, revision: int) -> None:
        """Remember that a phone was given `revision`."""
        table = tables.wallet_pass
        now = self._scope.clock.now()
        self._scope.execute(
            self._scope.update(table)
            .where(table.c.id == pass_id, table.c.fetched_revision <= revision)
            .values(fetched_revision=revision, fetched_at=now)
        )

    def add_pass_type(self, pass_type: PassType) -> None:
        """Store a pass type; when it is current, no other one of the merchant is."""
        table = tables.pass_type
        if pass_type.current:
            self._scope.execute(self._scope.update(table).values(current=False))
        self._scope.execute(self._scope.insert(table, **values_of(pass_type)))

    def make_current(self, pass_type_id: int) -> None:
        """Make this pass type the one new cards are made for."""
        table = tables.pass_type
        self._scope.execute(self._scope.update(table).values(current=table.c.id == pass_type_id))

    def current_pass_type(self) -> PassType | None:
        """The pass type new cards are made for."""
        wanted = self._pass_types().where(tables.pass_type.c.current)
        row = self._scope.execute(wanted).first()
        return None if row is None else record_of(PassType, row)

    def pass_type(self, pass_type_id: int) -> PassType:
        """The pass type.

        Raises:
            NotFound: this merchant has no such pass type.
        """
        row = self._scope.execute(
            self._pass_types().where(tables.pass_type.c.id == pass_type_id)
        ).first()
        if row is None:
            raise NotFound(_("There is no such pass type."))
        return record_of(PassType, row)

    def pass_type_by_identifier(self, identifier: str) -> PassType | None:
        """This merchant's pass type of that identifier."""
        row = self._scope.execute(
            self._pass_types().where(tables.pass_type.c.identifier == identifier)
        ).first()
        return None if row is None else record_of(PassType, row)

    def add_certificate(self, certificate: AppleCertificate) -> None:
        """Store a certificate beside the older ones; it signs, and pushes flow again."""
        self._scope.execute(self._scope.insert(tables.apple_certificate, **values_of(certificate)))
        Deliveries(self._scope).let_flow("apple")

    def newest_certificate(self, pass_type_id: int) -> AppleCertificate | None:
        """The certificate that signs and pushes: the one handed in last of those valid now.

        Without a valid one it is the last of all, so that its end can be told.
        """
        return next(iter(self.certificates(pass_type_id)), None)

    def certificates(self, pass_type_id: int) -> list[AppleCertificate]:
        """Every certificate of a pass type: the one that signs now, then the others, newest first."""
        table = tables.apple_certificate
        now = self._scope.clock.now()
        valid = (table.c.not_before <= now) & (table.c.not_after > now)
        rows = self._scope.execute(
            self._scope.select(table, *columns(table, AppleCertificate))
            .where(table.c.pass_type_id == pass_type_id)
            .order_by(case((valid, 0), else_=1), table.c.id.desc())
        )
        return [record_of(AppleCertificate, row) for row in rows]

    def drop_certificate(self, certificate_id: int) -> bool:
        """Forget a certificate and its key; False when there was none."""
        table = tables.apple_certificate
        dropped = self._scope.execute(
            table.delete().where(
                table.c.merchant_id == self._scope.merchant, table.c.id == certificate_id
            )
        )
        return bool(dropped.rowcount)

    def pass_types(self) -> list[PassType]:
        """Every pass type of this merchant, the current one first, then the newest."""
        table = tables.pass_type
        rows = self._scope.execute(
            self._pass_types().order_by(table.c.current.desc(), table.c.id.desc())
        )
        return [record_of(PassType, row) for row in rows]

    def adopt_unassigned(self, pass_type_id: int) -> int:
        """Give every card without a pass type this one; returns how many."""
        table = tables.wallet_pass
        adopted = self._scope.execute(
            self._scope.update(table)
            .where(table.c.pass_type_id.is_(None))
            .values(pass_type_id=pass_type_id)
        )
        return int(adopted.rowcount)

    def devices_of_pass(self, pass_id: int) -> list[Device]:
        """The phones the card is registered on, oldest registration first."""
        device, registration = tables.device, tables.registration
        rows = self._scope.execute(
            self._scope.select(device, *columns(device, Device))
            .join(
                registration,
                (registration.c.merchant_id == device.c.merchant_id)
                & (registration.c.device_id == device.c.id),
            )
            .where(registration.c.pass_id == pass_id)
            .order_by(registration.c.id)
        )
        return [record_of(Device, row) for row in rows]

    def count(self) -> int:
        """How many live cards this merchant has."""
        table = tables.wallet_pass
        return int(
            self._scope.execute(
                select(func.count())
                .select_from(table)
                .where(table.c.merchant_id == self._scope.merchant, table.c.voided_at.is_(None))
            ).scalar_one()
        )

    def count_google(self) -> int:
        """How many live cards have an object at Google."""
        table = tables.wallet_pass
        return int(
            self._scope.execute(
                self._scope.select(table, func.count()).where(
                    table.c.voided_at.is_(None), table.c.google_object_id.is_not(None)
                )
            ).scalar_one()
        )

    def _passes(self) -> Select[Any]:
        table = tables.wallet_pass
        return self._scope.select(table, *columns(table, WalletPass))

    def _pass_types(self) -> Select[Any]:
        table = tables.pass_type
        return self._scope.select(table, *columns(table, PassType))

    def _one(self, wanted: Select[Any]) -> WalletPass | None:
        row = self._scope.execute(wanted).first()
        return None if row is None else record_of(WalletPass, row)
