"""Who brought whom: the links members share, the friends that came, and what became of them.

Not done here: what it gives (loyalty/referrals.py). Rules: a member is a friend once; a referral
leaves the state `waiting` once; browsers are known by hash alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import and_, delete, func, or_

from storage.records import columns, maybe_record, record_of, values_of
from storage.scope import Scope
from storage.tables import (
    device,
    member_device,
    operation,
    referral,
    referral_link,
    referral_rule,
    registration,
    sale,
    wallet_pass,
)

PAGE_MAX: Final = 200


class ReferralState(StrEnum):
    """What became of a referral."""

    WAITING = "waiting"
    REWARDED = "rewarded"
    LAPSED = "lapsed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """A friend who came; `document` is the rule that was promised."""

    id: int
    programme_id: int
    referrer_id: int
    friend_id: int
    state: str
    why: str = ""
    document: dict[str, Any]
    ends_at: datetime | None
    settled_at: datetime | None = None
    referrer_operation_id: int | None = None
    friend_operation_id: int | None = None
    created_at: datetime


class Referrals:
    """The referrals of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    # --- the rule and the links ---------------------------------------------------------------

    def rule(self, programme_id: int) -> tuple[dict[str, Any], bool] | None:
        """The document and whether it is on; None where there never was one."""
        row = self._scope.execute(
            self._scope.select(
                referral_rule, referral_rule.c.document, referral_rule.c.active
            ).where(referral_rule.c.programme_id == programme_id)
        ).one_or_none()
        return None if row is None else (row.document, bool(row.active))

    def put_rule(self, programme_id: int, document: dict[str, Any], *, active: bool) -> None:
        """Let it be so from now on; friends who came before keep what they were promised."""
        values = {"document": document, "active": active, "changed_at": self._scope.clock.now()}
        fresh = self._scope.insert_new(
            referral_rule, merchant_id=self._scope.merchant, programme_id=programme_id, **values
        )
        if not fresh:
            self._scope.execute(
                self._scope.update(referral_rule)
                .where(referral_rule.c.programme_id == programme_id)
                .values(**values)
            )

    def link_of(self, member_id: int) -> str:
        """The code of a member's link, empty before they asked for one."""
        found = self._scope.execute(
            self._scope.select(referral_link, referral_link.c.code).where(
                referral_link.c.member_id == member_id
            )
        ).scalar_one_or_none()
        return found or ""

    def add_link(self, member_id: int, code: str) -> bool:
        """Give a member a link; False where they have one, or the code is another's."""
        return self._scope.insert_new(
            referral_link,
            merchant_id=self._scope.merchant,
            member_id=member_id,
            code=code,
            created_at=self._scope.clock.now(),
        )

    def member_of_link(self, code: str) -> int | None:
        """Whose link it is."""
        found: int | None = self._scope.execute(
            self._scope.select(referral_link, referral_link.c.member_id).where(
                referral_link.c.code == code
            )
        ).scalar_one_or_none()
        return found

    # --- browsers and phones ------------------------------------------------------------------

    def note_device(self, member_id: int, device_hash: bytes) -> None:
        """A member's card was open in this browser."""
        self._scope.insert_new(
            member_device,
            merchant_id=self._scope.merchant,
            member_id=member_id,
            device_hash=device_hash,
            seen_at=self._scope.clock.now(),
        )

    def is_known_device(self, device_hash: bytes) -> bool:
        """Whether some member's card was open in this browser before."""
        found = self._scope.execute(
            self._scope.select(member_device, member_device.c.member_id)
            .where(member_device.c.device_hash == device_hash)
            .limit(1)
        )
        return found.first() is not None

    def share_phone(self, one_id: int, other_id: int) -> bool:
        """Whether cards of both members are in one iPhone's wallet."""
        phones = [
            {row.library_identifier for row in self._scope.execute(_phones(self._scope, its))}
            for its in (one_id, other_id)
        ]
        return not phones[0].isdisjoint(phones[1])

    # --- the friends --------------------------------------------------------------------------

    def add(self, new: Referral) -> bool:
        """Keep a friend who came; False when they came before."""
        return self._scope.insert_new(referral, merchant_id=self._scope.merchant, **values_of(new))

    def of_friend(self, friend_id: int) -> Referral | None:
        """How a member came, None when by nobody."""
        query = self._scope.select(referral, *columns(referral, Referral))
        row = self._scope.execute(query.where(referral.c.friend_id == friend_id)).one_or_none()
        return maybe_record(Referral, row)

    def of_referrer(self, referrer_id: int, limit: int = 50) -> list[Referral]:
        """Whom a member brought, the newest first."""
        query = self._scope.select(referral, *columns(referral, Referral)).where(
            referral.c.referrer_id == referrer_id
        )
        rows = self._scope.execute(query.order_by(referral.c.id.desc()).limit(limit))
        return [record_of(Referral, row) for row in rows]

    def settle(self, referral_id: int, state: ReferralState, **values: Any) -> bool:
        """End a referral that still waits; False when somebody was quicker."""
        statement = (
            self._scope.update(referral)
            .where(referral.c.id == referral_id, referral.c.state == ReferralState.WAITING)
            .values(state=state, settled_at=self._scope.clock.now(), **values)
        )
        return bool(self._scope.execute(statement).rowcount == 1)

    def note_operations(self, referral_id: int, **operation_ids: int | None) -> None:
        """Which operations it became."""
        self._scope.execute(
            self._scope.update(referral).where(referral.c.id == referral_id).values(**operation_ids)
        )

    def rewarded_since(self, referrer_id: int, since: datetime) -> int:
        """How many friends of a member were rewarded to them since then."""
        return int(
            self._scope.execute(
                self._scope.select(referral, func.count()).where(
                    referral.c.referrer_id == referrer_id,
                    referral.c.state == ReferralState.REWARDED,
                    referral.c.why == "",
                    referral.c.settled_at >= since,
                )
            ).scalar_one()
        )

    def bought(self, friend_id: int, least_minor: int, until: datetime | None) -> bool:
        """Whether a member made a purchase of that much that stands, in time."""
        undone = operation.alias("undone")
        query = (
            self._scope.select(sale, sale.c.id)
            .join(
                operation,
                and_(
                    operation.c.merchant_id == sale.c.merchant_id,
                    operation.c.sale_id == sale.c.id,
                    operation.c.kind == "earn",
                ),
            )
            .outerjoin(
                undone,
                and_(
                    undone.c.merchant_id == operation.c.merchant_id,
                    undone.c.reverses_id == operation.c.id,
                ),
            )
            .where(
                operation.c.member_id == friend_id,
                undone.c.id.is_(None),
                sale.c.net_minor >= least_minor,
            )
            .limit(1)
        )
        if until is not None:
            query = query.where(sale.c.created_at < until)
        return self._scope.execute(query).first() is not None

    def waiting(self, after_id: int = 0, limit: int = PAGE_MAX) -> list[Referral]:
        """Referrals that wait, in their order."""
        query = self._scope.select(referral, *columns(referral, Referral)).where(
            referral.c.state == ReferralState.WAITING, referral.c.id > after_id
        )
        rows = self._scope.execute(query.order_by(referral.c.id).limit(limit))
        return [record_of(Referral, row) for row in rows]

    def counts(self, programme_id: int) -> dict[str, int]:
        """How many referrals of each state there are."""
        rows = self._scope.execute(
            self._scope.select(referral, referral.c.state, func.count().label("number"))
            .where(referral.c.programme_id == programme_id)
            .group_by(referral.c.state)
        )
        return {str(state): 0 for state in ReferralState} | {
            row.state: int(row.number) for row in rows
        }

    def forget_member(self, member_id: int) -> None:
        """Erase a member's link and browsers; that somebody came stays, and names nobody."""
        for table in (referral_link, member_device):
            self._scope.execute(
                delete(table).where(
                    table.c.merchant_id == self._scope.merchant, table.c.member_id == member_id
                )
            )
        self.end_waiting([member_id])

    def end_waiting(self, member_ids: Iterable[int]) -> None:
        """Nobody is rewarded for what involves these members any more."""
        ids = list(member_ids)
        self._scope.execute(
            self._scope.update(referral)
            .where(
                referral.c.state == ReferralState.WAITING,
                or_(referral.c.friend_id.in_(ids), referral.c.referrer_id.in_(ids)),
            )
            .values(state=ReferralState.LAPSED, settled_at=self._scope.clock.now())
        )


def _phones(scope: Scope, member_id: int) -> Any:
    return (
        scope.select(registration, device.c.library_identifier)
        .join(
            wallet_pass,
            and_(
                wallet_pass.c.merchant_id == registration.c.merchant_id,
                wallet_pass.c.id == registration.c.pass_id,
            ),
        )
        .join(
            device,
            and_(
                device.c.merchant_id == registration.c.merchant_id,
                device.c.id == registration.c.device_id,
            ),
        )
        .where(wallet_pass.c.member_id == member_id)
    )
