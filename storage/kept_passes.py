"""Cards that were in phones before Regulars, and what must not change about them.

An installed Apple pass keeps its serial number, its pass type and its authentication token for
ever: an update may change everything else. A kept card is one of ours that took these three over.
Not here: who may hand them in, and judging them (loyalty/keep_passes.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Table, and_

from storage import tables
from storage.records import columns, maybe_record, record_of
from storage.scope import Scope

TOKEN_COLUMN: Final = "kept_pass.token"  # noqa: S105 - the name its seal is bound to


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPass:
    """A kept card by its id; the token is sealed with column `kept_pass.token`.

    `web_service_url` is what its phones call where that is not our own address, without a slash at
    the end.
    """

    id: int
    token_sealed: bytes
    web_service_url: str | None

    def __repr__(self) -> str:
        return f"KeptPass(id={self.id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassOut:
    """A card that is out, on one phone or on none, as an export tells it; secrets stay sealed."""

    pass_id: int
    generation: int
    serial_number: str
    pass_type: str
    member_number: str
    balance: int
    library_identifier: str | None
    push_token: str | None
    token_sealed: bytes | None
    web_service_url: str | None


class KeptPasses:
    """Kept cards of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def take_over(self, kept: KeptPass, *, serial_number: str, pass_type_id: int) -> None:
        """Make a card that nobody has yet the one that is in phones already."""
        card = tables.wallet_pass
        self._scope.execute(
            self._scope.update(card)
            .where(card.c.id == kept.id)
            .values(serial_number=serial_number, pass_type_id=pass_type_id)
        )
        self._scope.execute(
            self._scope.insert(
                tables.kept_pass,
                id=kept.id,
                token_sealed=kept.token_sealed,
                web_service_url=kept.web_service_url,
                created_at=self._scope.clock.now(),
            )
        )

    def get(self, pass_id: int) -> KeptPass | None:
        """What is kept of a card; None for a card that began here."""
        table = tables.kept_pass
        query = self._scope.select(table, *columns(table, KeptPass)).where(table.c.id == pass_id)
        return maybe_record(KeptPass, self._scope.execute(query).one_or_none())

    def out(self, *, after: int, limit: int) -> Sequence[PassOut]:
        """Living cards with an Apple pass beyond an id, each with every phone it is on."""
        card, kept, kind = tables.wallet_pass, tables.kept_pass, tables.pass_type
        member, account, programme = tables.member, tables.account, tables.programme
        cards = (
            self._scope.select(card, card.c.id)
            .where(card.c.id > after, card.c.pass_type_id.is_not(None), card.c.voided_at.is_(None))
            .order_by(card.c.id)
            .limit(limit)
        )
        query = self._scope.select(
            card,
            card.c.id.label("pass_id"),
            card.c.generation,
            card.c.serial_number,
            kind.c.identifier.label("pass_type"),
            member.c.number.label("member_number"),
            account.c.balance,
            tables.device.c.library_identifier,
            tables.device.c.push_token,
            kept.c.token_sealed,
            kept.c.web_service_url,
        )
        query = (
            query.join(kind, _same(kind, kind.c.id == card.c.pass_type_id))
            .join(member, _same(member, member.c.id == card.c.member_id))
            .join(programme, _same(programme, programme.c.id == card.c.programme_id))
            .join(
                account,
                _same(
                    account,
                    and_(
                        account.c.member_id == card.c.member_id, account.c.unit == programme.c.unit
                    ),
                ),
            )
            .outerjoin(kept, _same(kept, kept.c.id == card.c.id))
            .outerjoin(
                tables.registration,
                _same(tables.registration, tables.registration.c.pass_id == card.c.id),
            )
            .outerjoin(
                tables.device,
                _same(tables.device, tables.device.c.id == tables.registration.c.device_id),
            )
        )
        rows = self._scope.execute(
            query.where(card.c.id.in_(cards)).order_by(card.c.id, tables.registration.c.id)
        )
        return [record_of(PassOut, row) for row in rows]


def _same(table: Table, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """A join that stays within the card's merchant."""
    return and_(table.c.merchant_id == tables.wallet_pass.c.merchant_id, condition)
