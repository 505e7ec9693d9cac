"""Taking due outbox rows and giving them back settled, for any number of workers on both engines.

The same leases as for deliveries (claims.py): settling works only while the lease is ours, the
clock may jump, merchants take turns, and a merchant whose channel is stopped burns no attempt. What
is added: a row waits for every earlier open row of its receiver.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, tuple_, update

from storage import tables
from storage.claims import CLAIM_MAX, DUE_MAX, LEASE, LEASE_MAX
from storage.outbox import OutboxChannel, OutboxState
from storage.records import columns, record_of
from storage.scope import Scope

TOO_LATE: Final = "too_late"
_LOOK_AHEAD: Final = 4
_ERROR_MAX: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxClaim:
    """A due row that is ours until the lease runs out."""

    merchant_id: int
    id: int
    channel: str
    kind: str
    receiver: bytes
    member_id: int | None
    message_id: int | None
    payload_sealed: bytes | None
    due_at: datetime
    expires_at: datetime
    attempts: int
    created_at: datetime
    lease: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettlement:
    """What became of a claim: made by `sent`, `later`, `dead` or `given_back`."""

    claim: OutboxClaim
    state: OutboxState = OutboxState.OPEN
    due_at: datetime | None = None
    attempts: int = 0
    error: str | None = None


def sent(claim: OutboxClaim) -> OutboxSettlement:
    """The other side took it."""
    return OutboxSettlement(claim=claim, state=OutboxState.SENT, attempts=claim.attempts)


def later(claim: OutboxClaim, due_at: datetime, *, error: str, attempt: bool) -> OutboxSettlement:
    """Try again at `due_at`; `attempt` False does not count as a failure."""
    attempts = claim.attempts + (1 if attempt else 0)
    return OutboxSettlement(claim=claim, due_at=due_at, attempts=attempts, error=error)


def dead(claim: OutboxClaim, *, error: str) -> OutboxSettlement:
    """Nothing more is tried until a person replays it."""
    return OutboxSettlement(
        claim=claim, state=OutboxState.DEAD, attempts=claim.attempts + 1, error=error
    )


def given_back(claim: OutboxClaim) -> OutboxSettlement:
    """Not worked on; due as before."""
    return OutboxSettlement(claim=claim, attempts=claim.attempts)


class OutboxClaims:
    """Claims over all merchants; the scope is the whole installation's."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def any_due(self, channels: Sequence[OutboxChannel]) -> bool:
        """Whether a claim would find something; reads only."""
        found = select(exists(self._candidates(1, channels)))
        return bool(self._scope.execute(found).scalar_one())

    def claim(
        self, channels: Sequence[OutboxChannel], *, lease: str, limit: int
    ) -> list[OutboxClaim]:
        """Take up to `limit` due rows under `lease`, a name no other batch ever uses."""
        table = tables.outbox
        now = self._scope.clock.now()
        picked = self._picked(min(limit, CLAIM_MAX), channels)
        rows = self._scope.execute(
            update(table)
            .where(tuple_(table.c.merchant_id, table.c.id).in_(select(picked)))
            .values(lease=lease, lease_until=now + LEASE)
            .returning(*columns(table, OutboxClaim), table.c.priority)
            .add_cte(picked)
        ).all()
        ordered = sorted(rows, key=lambda row: (row.priority, row.id))
        return [record_of(OutboxClaim, row) for row in ordered]

    def settle(self, settlements: Iterable[OutboxSettlement]) -> int:
        """Write what became of claims; returns how many were still ours."""
        ordered = sorted(settlements, key=lambda one: (one.claim.merchant_id, one.claim.id))
        return sum(self._settle(one) for one in ordered)

    def any_late(self) -> bool:
        """Whether a row waits past its worth; reads only."""
        table = tables.outbox
        late = (
            select(table.c.id)
            .where(table.c.state == OutboxState.OPEN, table.c.expires_at <= self._scope.clock.now())
            .limit(1)
        )
        return self._scope.execute(late).first() is not None

    def bury_late(self, *, limit: int = CLAIM_MAX) -> int:
        """End rows that came too late to be worth anything; returns how many."""
        table = tables.outbox
        now = self._scope.clock.now()
        late = (
            select(table.c.merchant_id, table.c.id)
            .where(table.c.state == OutboxState.OPEN, table.c.expires_at <= now, _is_free(now))
            .limit(limit)
        )
        buried = self._scope.execute(
            update(table)
            .where(tuple_(table.c.merchant_id, table.c.id).in_(late))
            .values(state=OutboxState.DEAD, last_error=TOO_LATE, ended_at=now)
        )
        return int(buried.rowcount)

    def _picked(self, limit: int, channels: Sequence[OutboxChannel]) -> Any:
        table = tables.outbox
        found = self._candidates(limit * _LOOK_AHEAD, channels).subquery("candidate")
        same = and_(found.c.merchant_id == table.c.merchant_id, found.c.id == table.c.id)
        return (
            select(table.c.merchant_id, table.c.id)
            .join(found, same)
            .where(_is_due(self._scope.clock.now()))
            .order_by(found.c.turn)
            .limit(limit)
            .with_for_update(skip_locked=True, of=table)
            .cte("picked")
        )

    def _candidates(self, limit: int, channels: Sequence[OutboxChannel]) -> Any:
        """Due rows in fair order: `turn` counts each merchant's rows from one."""
        table, breaker = tables.outbox, tables.breaker
        now = self._scope.clock.now()
        stopped = exists().where(
            breaker.c.merchant_id == table.c.merchant_id,
            breaker.c.channel == table.c.channel,
            breaker.c.retry_at > now,
            breaker.c.retry_at <= now + DUE_MAX,
        )
        turn = func.row_number().over(
            partition_by=table.c.merchant_id,
            order_by=(table.c.priority, table.c.due_at, table.c.id),
        )
        ranked = (
            select(table.c.merchant_id, table.c.id, table.c.priority, turn.label("turn"))
            .where(
                _is_due(now),
                table.c.channel.in_([str(one) for one in channels]),
                ~stopped,
                ~_waits_for_an_earlier(),
            )
            .subquery("ranked")
        )
        return (
            select(ranked.c.merchant_id, ranked.c.id, ranked.c.turn)
            .order_by(ranked.c.turn, ranked.c.priority)
            .limit(limit)
        )

    def _settle(self, one: OutboxSettlement) -> int:
        table = tables.outbox
        values: dict[str, Any] = {"lease": None, "lease_until": None, "attempts": one.attempts}
        if one.due_at is not None:
            values["due_at"] = one.due_at
        if one.error is not None:
            values["last_error"] = one.error[:_ERROR_MAX]
        if one.state != OutboxState.OPEN:
            values |= {"state": one.state, "ended_at": self._scope.clock.now()}
        if one.state == OutboxState.SENT:
            values |= {"payload_sealed": None, "last_error": None}
        changed = self._scope.execute(
            update(table)
            .where(
                table.c.merchant_id == one.claim.merchant_id,
                table.c.id == one.claim.id,
                table.c.lease == one.claim.lease,
            )
            .values(values)
        )
        return int(changed.rowcount)


def _waits_for_an_earlier() -> ColumnElement[bool]:
    table = tables.outbox
    earlier = table.alias("earlier")
    return exists().where(
        earlier.c.merchant_id == table.c.merchant_id,
        earlier.c.receiver == table.c.receiver,
        earlier.c.state == OutboxState.OPEN,
        earlier.c.id < table.c.id,
    )


def _is_due(now: datetime) -> ColumnElement[bool]:
    table = tables.outbox
    return and_(
        table.c.state == OutboxState.OPEN,
        table.c.expires_at > now,
        or_(table.c.due_at <= now, table.c.due_at > now + DUE_MAX),
        _is_free(now),
    )


def _is_free(now: datetime) -> ColumnElement[bool]:
    table = tables.outbox
    return or_(
        table.c.lease.is_(None),
        table.c.lease_until <= now,
        table.c.lease_until > now + LEASE_MAX,
    )
