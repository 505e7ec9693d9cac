"""Taking due deliveries and giving them back settled, for any number of workers on both engines.

One statement claims on both: PostgreSQL skips rows another worker holds (FOR UPDATE SKIP LOCKED),
SQLite's writing transaction is alone anyway. Not here: which rows come first (due.py), what to
send, what an answer means.
Rules:
- a claim is a lease; settling works only while the lease is ours, so a late worker changes nothing,
  and what it may have changed at Google is sent again;
- the clock may jump: a lease or a due time further away than any we give counts as run out;
- merchants take turns: each one's first row comes before anyone's second (a till's scan first);
- a merchant whose channel is broken (breaker) is passed over and burns no attempt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from common.clock import to_micros
from storage import tables
from storage.deliveries import Channel
from storage.doubts import doubt
from storage.due import DUE_MAX, LEASE_MAX, DueRow, due_rows
from storage.lag_counts import Lag, LagStep, add_lags
from storage.records import columns, record_of
from storage.scope import Scope
from storage.types import UtcTime

__all__ = [
    "CLAIM_MAX",
    "DUE_MAX",
    "LEASE",
    "LEASE_MAX",
    "Claim",
    "Claims",
    "DueRow",
    "Settlement",
    "delivered",
    "given_back",
    "later",
    "merged",
    "parked",
    "waits",
    "wallet_of",
]

LEASE: Final = timedelta(seconds=60)
CLAIM_MAX: Final = 200
_LOOK_AHEAD: Final = 4
_ERROR_MAX: Final = 300
_SETTLE_TOLD: Final = """
update delivery set lease = null, lease_until = null, attempts = 0, last_error = null,
  delivered_revision = case when delivered_revision > ? then delivered_revision else ? end,
  delivered_at = ?,
  wanted_at = case when wanted_revision > ? then ? else wanted_at end,
  due_at = case when wanted_revision > ? then ? else due_at end
where merchant_id = ? and id = ? and lease = ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A due delivery that is ours until the lease runs out."""

    merchant_id: int
    id: int
    channel: Channel
    pass_id: int | None
    target_id: int
    device_id: int | None
    wanted_revision: int
    delivered_revision: int
    priority: int
    wanted_at: datetime
    due_at: datetime
    attempts: int
    facts: Mapping[str, Any]
    lease: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of a claim: made by `delivered`, `later`, `parked` or `given_back`."""

    claim: Claim
    delivered_revision: int = 0
    due_at: datetime | None = None
    attempts: int = 0
    error: str | None = None
    park: bool = False
    facts: Mapping[str, Any] | None = None


def delivered(claim: Claim, revision: int, *, facts: Mapping[str, Any] | None = None) -> Settlement:
    """The target was told `revision`."""
    return Settlement(claim=claim, delivered_revision=revision, facts=facts)


def later(claim: Claim, due_at: datetime, *, error: str, attempt: bool) -> Settlement:
    """Try again at `due_at`; `attempt` False (pace, breaker, quota) does not count as a failure."""
    attempts = claim.attempts + (1 if attempt else 0)
    return Settlement(claim=claim, due_at=due_at, attempts=attempts, error=error)


def waits(claim: Claim, due_at: datetime) -> Settlement:
    """Not yet, for a reason nobody need see; what is shown about the row stays."""
    return Settlement(claim=claim, attempts=claim.attempts, due_at=due_at)


def parked(claim: Claim, *, error: str) -> Settlement:
    """Nothing more is tried until a person or a mass change opens the row."""
    return Settlement(claim=claim, attempts=claim.attempts + 1, error=error, park=True)


def given_back(claim: Claim) -> Settlement:
    """Not worked on; due as before."""
    return Settlement(claim=claim, attempts=claim.attempts, due_at=claim.due_at)


class Claims:
    """Claims over all merchants; the scope is the whole installation's."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def any_due(self, channels: Sequence[Channel]) -> bool:
        """Whether a claim would find something; reads only, so no writer waits for it."""
        return bool(self.due(channels, limit=1))

    def due(
        self, channels: Sequence[Channel], *, limit: int, without: Collection[int] = ()
    ) -> list[DueRow]:
        """Rows a claim may take, in fair order; reads only.

        Args:
            channels: which ways out.
            limit: how many.
            without: merchants that have enough in hand already.
        """
        return due_rows(self._scope, channels, limit=limit, without=without)

    def claim(
        self,
        channels: Sequence[Channel],
        *,
        lease: str,
        limit: int,
        due: Sequence[DueRow] | None = None,
    ) -> list[Claim]:
        """Take up to `limit` due rows under `lease`, a name no other batch ever uses.

        `due` are rows that were found in another transaction; those that are not due any more, or
        that another worker holds, are passed over.
        """
        most = min(limit, CLAIM_MAX)
        found = self.due(channels, limit=most * _LOOK_AHEAD) if due is None else due
        claims: list[Claim] = []
        while found and len(claims) < most:
            wanted, found = found[: most - len(claims)], found[most - len(claims) :]
            claims += self._take(wanted, lease=lease)
        claims += self._of_same_phones(claims, lease=lease)
        return sorted(claims, key=lambda claim: (claim.priority, claim.wanted_at, claim.id))

    def _take(self, wanted: Sequence[DueRow], *, lease: str) -> list[Claim]:
        table = tables.delivery
        now = self._scope.clock.now()
        picked = (
            select(table.c.merchant_id, table.c.id)
            .where(tuple_(table.c.merchant_id, table.c.id).in_(wanted), _is_due(now))
            .with_for_update(skip_locked=True, of=table)
            .cte("picked")
        )
        rows = self._scope.execute(
            update(table)
            .where(tuple_(table.c.merchant_id, table.c.id).in_(select(picked)))
            .values(lease=lease, lease_until=now + LEASE)
            .returning(*columns(table, Claim))
            .add_cte(picked)
        )
        return [_claim_of(row) for row in rows]

    def take(self, channel: Channel, target_id: int, *, lease: str) -> Claim | None:
        """Take one row of the scope's merchant now, due or not; None while another holds it.

        For a person who waits (the save click): a parked row opens again.
        """
        table = tables.delivery
        now = self._scope.clock.now()
        row = self._scope.execute(
            self._scope.update(table)
            .where(table.c.channel == channel, table.c.target_id == target_id, _is_free(now))
            .values(lease=lease, lease_until=now + LEASE, state="open")
            .returning(*columns(table, Claim))
        ).one_or_none()
        return None if row is None else _claim_of(row)

    def settle(self, settlements: Iterable[Settlement]) -> int:
        """Write what became of claims; returns how many were still ours."""
        ordered = sorted(settlements, key=lambda one: (one.claim.merchant_id, one.claim.id))
        ours: list[Settlement] = []
        for one in ordered:
            if self._settle(one):
                ours.append(one)
            elif _may_have_overwritten(one):
                doubt(self._scope, one.claim.merchant_id, one.claim.id)
        now = self._scope.clock.now()
        add_lags(self._scope, [_lag_of(one.claim, now) for one in ours if _is_change_told(one)])
        return len(ours)

    def backlog(self, merchant_id: int, *, priority: int) -> int:
        """How many of a merchant's open rows of this priority wait to be sent now."""
        table = tables.delivery
        now = self._scope.clock.now()
        waiting = (
            select(table.c.id)
            .where(_is_due(now), table.c.merchant_id == merchant_id, table.c.priority == priority)
            .limit(CLAIM_MAX * _LOOK_AHEAD)
        )
        return int(
            self._scope.execute(select(func.count()).select_from(waiting.subquery())).scalar_one()
        )

    def _of_same_phones(self, due: Sequence[Claim], *, lease: str) -> list[Claim]:
        """What else waits for the phones of these claims, though it is not due yet.

        One push makes a phone ask about all its cards: those not stamped by then would miss it and
        wait for the next one, later than their page said.
        """
        table = tables.delivery
        phones = {(claim.merchant_id, claim.device_id) for claim in due if claim.device_id}
        if not phones:
            return []
        now = self._scope.clock.now()
        others = (
            select(table.c.merchant_id, table.c.id)
            .where(
                # Only Apple's rows have a device. The channel is not named, or SQLite would read
                # all that the merchant's channel has to send instead of these phones' rows.
                tuple_(table.c.merchant_id, table.c.device_id).in_(sorted(phones)),
                table.c.wanted_revision > table.c.delivered_revision,
                table.c.state == "open",
                table.c.attempts == 0,
                table.c.due_at > now,
                _is_free(now),
            )
            .limit(CLAIM_MAX)
            .with_for_update(skip_locked=True, of=table)
            .cte("others")
        )
        rows = self._scope.execute(
            update(table)
            .where(tuple_(table.c.merchant_id, table.c.id).in_(select(others)))
            .values(lease=lease, lease_until=now + LEASE)
            .returning(*columns(table, Claim))
            .add_cte(others)
        )
        return [_claim_of(row) for row in rows]

    def _settle(self, one: Settlement) -> int:
        if one.delivered_revision and one.facts is None:
            return self._settle_told(one)
        table = tables.delivery
        values: dict[str, Any] = {"lease": None, "lease_until": None}
        values |= self._told(one) if one.delivered_revision else _not_told(one)
        if one.facts is not None:
            values["facts"] = dict(one.facts)
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

    def _settle_told(self, one: Settlement) -> int:
        """What `_told` says, in driver SQL: most of a mass change's work, and tills wait for it."""
        claim, revision = one.claim, one.delivered_revision
        now = to_micros(self._scope.clock.now())
        values = (revision, revision, now, revision, now, revision, now)
        whose = (claim.merchant_id, claim.id, claim.lease)
        return int(self._scope.run_sql(_SETTLE_TOLD, values + whose).rowcount)

    def _told(self, one: Settlement) -> dict[str, Any]:
        table = tables.delivery
        now = self._scope.clock.now()
        newest = case(
            (table.c.delivered_revision > one.delivered_revision, table.c.delivered_revision),
            else_=one.delivered_revision,
        )
        # A change that came after the claim: its commit time is not known, ours is close.
        newer = table.c.wanted_revision > one.delivered_revision
        return {
            "delivered_revision": newest,
            "delivered_at": now,
            "attempts": 0,
            "last_error": None,
            "wanted_at": case((newer, literal(now, UtcTime)), else_=table.c.wanted_at),
            "due_at": case((newer, literal(now, UtcTime)), else_=table.c.due_at),
        }


def wallet_of(channel: Any) -> ColumnElement[str]:
    """The breaker's name of a delivery's channel: both of Google's share one credential."""
    return case((channel == Channel.APPLE, "apple"), else_="google")


def merged(claims: Sequence[Claim]) -> dict[int, list[Claim]]:
    """Apple's claims by phone: one push serves all cards of a type on it."""
    found: dict[int, list[Claim]] = {}
    for claim in claims:
        if claim.device_id is not None:
            found.setdefault(claim.device_id, []).append(claim)
    return found


def _claim_of(row: Row[Any]) -> Claim:
    claim = record_of(Claim, row)
    return replace(claim, channel=Channel(claim.channel))


def _is_change_told(one: Settlement) -> bool:
    return 0 < one.claim.delivered_revision < one.delivered_revision


def _lag_of(claim: Claim, now: datetime) -> Lag:
    return Lag(
        merchant_id=claim.merchant_id,
        channel=claim.channel,
        step=LagStep.TOLD,
        priority=claim.priority,
        took=now - claim.wanted_at,
    )


def _may_have_overwritten(one: Settlement) -> bool:
    """A push only says "come and ask"; a letter to Google carries the state of its time."""
    was_sent = one.delivered_revision > 0 or one.error is not None
    return one.claim.channel != Channel.APPLE and was_sent


def _not_told(one: Settlement) -> dict[str, Any]:
    values: dict[str, Any] = {"attempts": one.attempts}
    if one.due_at is not None:
        values["due_at"] = one.due_at
    if one.error is not None:
        values["last_error"] = one.error[:_ERROR_MAX]
    if one.park:
        values["state"] = "parked"
    return values


def _is_due(now: datetime) -> ColumnElement[bool]:
    table = tables.delivery
    return and_(
        table.c.wanted_revision > table.c.delivered_revision,
        table.c.state == "open",
        or_(table.c.due_at <= now, table.c.due_at > now + DUE_MAX),
        _is_free(now),
    )


def _is_free(now: datetime) -> ColumnElement[bool]:
    table = tables.delivery
    return or_(
        table.c.lease.is_(None),
        table.c.lease_until <= now,
        table.c.lease_until > now + LEASE_MAX,
    )
