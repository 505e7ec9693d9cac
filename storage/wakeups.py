"""Waking a worker when something was committed.

A wake-up is only a hint: the caller asks the tables at least once a second anyway. SQLite has no
messages between processes, but `PRAGMA data_version` changes on a connection when another one
commits, and asking costs microseconds; PostgreSQL has LISTEN.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol

from sqlalchemy import Connection, text

from common.clock import Clock
from common.errors import Unavailable
from storage import tables
from storage.deliveries import WAKE_CHANNEL
from storage.engine import Database
from storage.unit_of_work import run_work

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
        # While the pool still knows it: how a detached connection commits can no longer be set.
        connection.execution_options(isolation_level="AUTOCOMMIT")
        # Kept for as long as the worker lives: not one of those its transactions share, and what
        # it listens to must not go back to the pool with it.
        connection.detach()
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
        # The raw connection: a detached one no longer knows it by its other name.
        self._driver: Any = connection.connection.dbapi_connection
        self._stop = stop

    def wait(self, timeout_s: float) -> bool:
        for _look in range(max(1, int(timeout_s / 0.25))):
            if self._stop.is_set():
                return False
            if any(True for _message in self._driver.notifies(timeout=0.25, stop_after=1)):
                return True
        return False


def take_leave(database: Database, name: str, *, clock: Clock) -> None:
    """Take a process's sign of life away: it ended as it was asked to."""
    table = tables.worker_heartbeat
    # A database that is away by now learns it from the silence.
    with suppress(Unavailable):
        run_work(
            database,
            None,
            lambda work: work.scope.execute(table.delete().where(table.c.name == name)),
            clock=clock,
        )
