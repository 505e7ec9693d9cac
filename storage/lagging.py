"""Which targets do not show the present yet, since when and why: for the console and its members.

Reads only. Not here: what makes a target lag and what mends it (deliveries.py, claims.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Table, and_, case, func

from storage import tables
from storage.scope import Scope

BEHIND_MAX: Final = 200


class Channel(StrEnum):
    """The ways out."""

    APPLE = "apple"
    GOOGLE_OBJECT = "google_object"
    GOOGLE_CLASS = "google_class"


@dataclass(frozen=True, slots=True, kw_only=True)
class BehindLine:
    """A target that does not show the present yet, for the console.

    `since` is the commit time of the oldest change it lacks, `due_at` the next try; `why` is the
    code of what held it up last (`pace`, an outcome's reason), empty when nothing did;
    `breaker` says why nothing is sent on this merchant's channel at all.
    """

    delivery_id: int
    channel: Channel
    pass_id: int | None
    member_id: int | None
    since: datetime
    due_at: datetime
    parked: bool
    attempts: int
    why: str
    breaker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextUpdate:
    """When a card's phones are told next: `waits` is `pace`, `retry`, `breaker` or `soon`."""

    channel: Channel
    due_at: datetime
    waits: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLag:
    """How far a merchant's channel lags; `oldest_at` is the commit of the oldest waiting change."""

    channel: Channel
    waiting: int
    parked: int
    oldest_at: datetime | None


def behind(scope: Scope, *, limit: int = BEHIND_MAX) -> list[BehindLine]:
    """Targets that do not show the present, the longest waiting first."""
    delivery, wallet_pass, breaker = tables.delivery, tables.wallet_pass, tables.breaker
    rows = scope.execute(
        scope.select(
            delivery,
            delivery.c.id,
            delivery.c.channel,
            delivery.c.pass_id,
            wallet_pass.c.member_id,
            delivery.c.wanted_at,
            delivery.c.due_at,
            delivery.c.state,
            delivery.c.attempts,
            delivery.c.last_error,
            breaker.c.reason,
        )
        .outerjoin(wallet_pass, _same(delivery, wallet_pass, "pass_id"))
        .outerjoin(breaker, _breaks(delivery, breaker))
        .where(delivery.c.wanted_revision > delivery.c.delivered_revision)
        .order_by(delivery.c.wanted_at)
        .limit(min(limit, BEHIND_MAX))
    )
    return [
        BehindLine(
            delivery_id=row.id,
            channel=Channel(row.channel),
            pass_id=row.pass_id,
            member_id=row.member_id,
            since=row.wanted_at,
            due_at=row.due_at,
            parked=row.state == "parked",
            attempts=row.attempts,
            why=row.last_error or "",
            breaker=row.reason or "",
        )
        for row in rows
    ]


def channel_lags(scope: Scope) -> list[ChannelLag]:
    """Per channel what waits, what is parked, and since when the oldest waits."""
    delivery = tables.delivery
    parked = case((delivery.c.state == "parked", 1), else_=0)
    rows = scope.execute(
        scope.select(
            delivery,
            delivery.c.channel,
            func.count().label("behind"),
            func.sum(parked).label("parked"),
            func.min(case((delivery.c.state == "open", delivery.c.wanted_at))).label("oldest"),
        )
        .where(delivery.c.wanted_revision > delivery.c.delivered_revision)
        .group_by(delivery.c.channel)
        .order_by(delivery.c.channel)
    )
    return [
        ChannelLag(
            channel=Channel(row.channel),
            waiting=int(row.behind) - int(row.parked),
            parked=int(row.parked),
            oldest_at=row.oldest,
        )
        for row in rows
    ]


def next_update(scope: Scope, pass_id: int) -> NextUpdate | None:
    """The next message about this card, with what it waits for; None when none is due."""
    delivery, breaker = tables.delivery, tables.breaker
    row = scope.execute(
        scope.select(
            delivery,
            delivery.c.channel,
            delivery.c.due_at,
            delivery.c.last_error,
            breaker.c.reason,
        )
        .outerjoin(breaker, _breaks(delivery, breaker))
        .where(
            delivery.c.pass_id == pass_id,
            delivery.c.wanted_revision > delivery.c.delivered_revision,
            delivery.c.state == "open",
        )
        .order_by(delivery.c.due_at)
        .limit(1)
    ).first()
    if row is None:
        return None
    return NextUpdate(
        channel=Channel(row.channel),
        due_at=row.due_at,
        waits=_waits(row.last_error, row.reason),
        why=row.reason or row.last_error or "",
    )


def _same(delivery: Table, other: Table, column: str) -> Any:
    return and_(other.c.merchant_id == delivery.c.merchant_id, other.c.id == delivery.c[column])


def _breaks(delivery: Table, breaker: Table) -> Any:
    wallet = case((delivery.c.channel == Channel.APPLE, "apple"), else_="google")
    return and_(breaker.c.merchant_id == delivery.c.merchant_id, breaker.c.channel == wallet)


def _waits(last_error: str | None, breaker: str | None) -> str:
    if breaker:
        return "breaker"
    if last_error == "pace":
        return "pace"
    return "retry" if last_error else "soon"
