"""What is wrong with a merchant's channels now, and which of it was told already.

Not done here: writing the mails (delivery/alarms.py), showing it in the console. Rules: an alarm is
told once as long as its cause lasts; when the cause is gone it may be told again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from storage import tables
from storage.breakers import Breakers
from storage.lagging import Channel, channel_lags
from storage.outbox import OutboxState
from storage.outbox_claims import TOO_LATE
from storage.scope import Scope
from storage.signs_of_life import last_beat
from storage.unit_of_work import UnitOfWork

ALARM_DAYS: Final = (1, 7, 30, 60)
STOPPED_AFTER: Final = timedelta(minutes=5)
SLOW_AFTER: Final = timedelta(minutes=30)
WORKER: Final = "worker"
"""The alarm that no worker lives: a web process tells it, and a worker forgets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something an owner must know; `name` is the same as long as it lasts."""

    name: str
    facts: Mapping[str, str]


def alarm_days(ends: datetime | None, *, now: datetime) -> int | None:
    """The smallest of `ALARM_DAYS` that has come, 0 after the end, None while there is time."""
    if ends is None:
        return None
    left = ends - now
    if left <= timedelta():
        return 0
    return next((days for days in ALARM_DAYS if left <= timedelta(days=days)), None)


def present_alarms(work: UnitOfWork) -> list[Alarm]:
    """Everything that is wrong for the merchant of this transaction."""
    return [*_channels(work), *_parked(work), *_dead_mails(work), *_certificates(work)]


def no_worker_since(scope: Scope, *, silent_after: timedelta) -> datetime | None:
    """Since when no worker of the installation lives; None while one does, or is not missed.

    One that ended as it was asked left no sign of life: it is missed when something waits.
    """
    now = scope.clock.now()
    seen = last_beat(scope)
    if seen is not None:
        return seen if timedelta() <= now - seen >= silent_after else None
    waits = [
        select(func.min(tables.delivery.c.wanted_at)).where(
            tables.delivery.c.wanted_revision > tables.delivery.c.delivered_revision,
            tables.delivery.c.state == "open",
        ),
        select(func.min(tables.outbox.c.created_at)).where(
            tables.outbox.c.state == OutboxState.OPEN
        ),
    ]
    oldest = [since for query in waits if (since := scope.execute(query).scalar_one())]
    return min(oldest) if oldest and now - min(oldest) >= silent_after else None


def was_told(scope: Scope, name: str) -> bool:
    """Whether the merchant was told of this and it is not over."""
    table = tables.alarm
    query = scope.select(table, table.c.name).where(table.c.name == name)
    return scope.execute(query).first() is not None


def note_told(scope: Scope, name: str) -> None:
    """The merchant was told."""
    scope.insert_new(tables.alarm, merchant_id=scope.merchant, name=name, told_at=scope.clock.now())


def newly_told(work: UnitOfWork, alarms: Iterable[Alarm]) -> list[Alarm]:
    """Those that were not told yet, noted as told now; what is over is forgotten."""
    table = tables.alarm
    now = work.clock.now()
    present = {alarm.name: alarm for alarm in alarms}
    told = set(work.scope.execute(work.scope.select(table, table.c.name)).scalars())
    over = told - set(present)
    if over:
        work.scope.execute(
            table.delete().where(
                table.c.merchant_id == work.scope.merchant, table.c.name.in_(sorted(over))
            )
        )
    return [
        alarm
        for name, alarm in present.items()
        if name not in told
        and work.scope.insert_new(table, merchant_id=work.scope.merchant, name=name, told_at=now)
    ]


def _channels(work: UnitOfWork) -> list[Alarm]:
    now = work.clock.now()
    stopped = [one for one in Breakers(work.scope).all() if one.channel in {"apple", "google"}]
    found = [
        Alarm(
            name=f"stopped|{one.channel}",
            facts={"alarm": "stopped", "channel": one.channel, "reason": one.reason},
        )
        for one in stopped
        if now - one.opened_at >= STOPPED_AFTER
    ]
    quiet = {one.channel for one in stopped}
    waits = {
        "apple" if lag.channel is Channel.APPLE else "google": now - lag.oldest_at
        for lag in channel_lags(work.scope)
        if lag.oldest_at is not None and now - lag.oldest_at >= SLOW_AFTER
    }
    return found + [
        Alarm(
            name=f"slow|{channel}",
            facts={
                "alarm": "slow",
                "channel": channel,
                "minutes": str(int(since.total_seconds() // 60)),
            },
        )
        for channel, since in waits.items()
        if channel not in quiet
    ]


def _parked(work: UnitOfWork) -> list[Alarm]:
    table = tables.delivery
    row = work.scope.execute(
        work.scope.select(
            table, func.count().label("rows"), func.min(table.c.last_error).label("why")
        ).where(table.c.state == "parked")
    ).one()
    if not row.rows:
        return []
    facts = {"alarm": "parked", "count": str(row.rows), "reason": row.why or "?"}
    return [Alarm(name="parked", facts=facts)]


def _dead_mails(work: UnitOfWork) -> list[Alarm]:
    table = tables.outbox
    row = work.scope.execute(
        work.scope.select(
            table, func.count().label("rows"), func.min(table.c.last_error).label("why")
        ).where(
            table.c.state == OutboxState.DEAD,
            table.c.channel == "mail",
            # An alarm that could not be mailed must not make the next one.
            table.c.kind != "alarm",
            table.c.last_error != TOO_LATE,
        )
    ).one()
    if not row.rows:
        return []
    facts = {"alarm": "dead_mails", "count": str(row.rows), "reason": row.why or "?"}
    return [Alarm(name="dead_mails", facts=facts)]


def _certificates(work: UnitOfWork) -> list[Alarm]:
    now = work.clock.now()
    found = []
    for pass_type in work.passes.pass_types():
        ends = max((one.not_after for one in work.passes.certificates(pass_type.id)), default=None)
        days = alarm_days(ends, now=now)
        if days is None or ends is None or pass_type.sandbox:
            continue
        facts = {
            "alarm": "certificate",
            "name": pass_type.identifier,
            "days": str(days),
            "day": ends.date().isoformat(),
        }
        found.append(Alarm(name=f"certificate|{pass_type.id}|{days}", facts=facts))
    return found
