"""Who works on the database now: each worker and web process says so every few seconds.

Not here: who misses them (alarms.py), waking them (wakeups.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select

from storage import tables
from storage.migrate import head
from storage.scope import Scope

# A worker shows itself every few seconds; one that was silent for so long is gone.
ALIVE: Final = timedelta(seconds=60)
WEB: Final = "web "
"""How the name of a web process begins; every other name is a worker's."""


def beat(scope: Scope, name: str, facts: Mapping[str, Any]) -> None:
    """Write a process's sign of life, with the revision its release was written for."""
    table = tables.worker_heartbeat
    now = scope.clock.now()
    told = {"schema": head(), **facts}
    changed = scope.execute(
        table.update().where(table.c.name == name).values(seen_at=now, facts=told)
    )
    if not changed.rowcount:
        scope.insert_new(table, name=name, seen_at=now, facts=told)


def last_beat(scope: Scope) -> datetime | None:
    """When any worker was seen last."""
    table = tables.worker_heartbeat
    newest = select(func.max(table.c.seen_at)).where(~table.c.name.startswith(WEB))
    found: datetime | None = scope.execute(newest).scalar_one()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process that was seen lately, and the revision its release was written for."""

    name: str
    schema: str


def running(scope: Scope) -> list[Running]:
    """Every worker and web process of the installation that was seen lately."""
    table = tables.worker_heartbeat
    rows = scope.execute(
        select(table.c.name, table.c.facts)
        .where(table.c.seen_at > scope.clock.now() - ALIVE)
        .order_by(table.c.name)
    )
    return [Running(name=row.name, schema=str(row.facts.get("schema", ""))) for row in rows]


def older_workers(scope: Scope, *, than: str) -> list[str]:
    """The names of processes seen lately whose release is older than revision `than`."""
    return [one.name for one in running(scope) if one.schema < than]
