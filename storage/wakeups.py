"""Waking a worker when something was committed, and its sign of life.

A wake-up is only a hint: the caller asks the tables at least once a second anyway. SQLite has no
messages between processes, but `PRAGMA data_version` changes on a connection when another one
commits, and asking costs microseconds; PostgreSQL has LISTEN.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import Connection, select, text

from storage import tables
from storage.deliveries import WAKE_CHANNEL
from storage.engine import Database
from storage.scope import Scope

LOOK_EVERY_S: Final = 0.02


class Wakeups(Protocol):
    """Something that waits for commits of others."""

    def wait(self, timeout_s: float) -> bool:
        """True as soon as somebody committed, False after `timeout_s` or when told to stop."""
        ...


@contextmanager
def open_wakeups(database: Database, *, stop: threading.Event) -> Iterator[Wakeups]:
    """Wake-ups over a connection of their own; waiting ends early when `stop` is set."""
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        if database.is_sqlite:
            yield _DataVersion(connection, stop)
        else:
            connection.execute(text(f"LISTEN {WAKE_CHANNEL}"))
            yield _Listen(connection, stop)


class _DataVersion:
    def __init__(self, connection: Connection, stop: threading.Event) -> None:
        self._cursor: Any = connection.connection.cursor()
        self._stop = stop
        self._last = self._version()

    def _version(self) -> int:
        ((version,),) = self._cursor.execute("PRAGMA data_version").fetchall()
        return int(version)

    def wait(self, timeout_s: float) -> bool:
        for _look in range(max(1, int(timeout_s / LOOK_EVERY_S))):
            present = self._version()
            if present != self._last:
                self._last = present
                return True
            if self._stop.wait(LOOK_EVERY_S):
                return False
        return False


class _Listen:
    """psycopg's notifications, looked for in short waits so that a stop is heard."""

    def __init__(self, connection: Connection, stop: threading.Event) -> None:
        self._driver: Any = connection.connection.driver_connection
        self._stop = stop

    def wait(self, timeout_s: float) -> bool:
        for _look in range(max(1, int(timeout_s / 0.25))):
            if self._stop.is_set():
                return False
            if any(True for _message in self._driver.notifies(timeout=0.25, stop_after=1)):
                return True
        return False


def beat(scope: Scope, name: str, facts: Mapping[str, Any]) -> None:
    """Write a worker's sign of life."""
    table = tables.worker_heartbeat
    now = scope.clock.now()
    changed = scope.execute(
        table.update().where(table.c.name == name).values(seen_at=now, facts=dict(facts))
    )
    if not changed.rowcount:
        scope.insert_new(table, name=name, seen_at=now, facts=dict(facts))


def last_beat(scope: Scope) -> datetime | None:
    """When any worker was seen last."""
    table = tables.worker_heartbeat
    row = scope.execute(select(table.c.seen_at).order_by(table.c.seen_at.desc()).limit(1)).first()
    return None if row is None else row.seen_at
