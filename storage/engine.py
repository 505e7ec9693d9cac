"""The database engine: SQLite embedded, PostgreSQL for more than one machine.

SQLite: WAL, synchronous FULL, foreign keys, every writing transaction starts with BEGIN IMMEDIATE
(a deferred one that reads and then writes fails at once), and one fair lock per process, because
SQLite's own waiting lets a writer starve. pysqlite3 is used where it is installed: the system's
SQLite may carry the WAL-reset fault (fixed in 3.51.3), which `doctor` tells.
PostgreSQL: READ COMMITTED with row locks; statement and lock time-outs.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from common.errors import ConfigurationError, Unavailable

BUSY_TIMEOUT_S: Final = 5
STATEMENT_TIMEOUT_S: Final = 15
POOL_SIZE: Final = 12
FIXED_SQLITE: Final = (3, 51, 3)


def sqlite_module() -> Any:
    """pysqlite3 where a wheel brought it, else the standard library's module."""
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        return sqlite3
    return dbapi2


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """`url` is `sqlite:////absolute/path.db` or `postgresql://user:pw@host/name`."""

    url: str
    pool_size: int = POOL_SIZE


class FairLock:
    """A lock that serves waiters in the order they came."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._held = False

    def acquire(self, *, timeout_s: float) -> bool:
        """True when the lock is ours; False when `timeout_s` went by."""
        with self._guard:
            if not self._held:
                self._held = True
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(timeout_s):
            return True
        with self._guard:
            if turn.is_set():  # it came between the time-out and here
                return True
            self._waiting.remove(turn)
            return False

    def release(self) -> None:
        """Hand over to whoever waits longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False


class Database:
    """An engine with its locks; one per process. Not to be carried over a fork."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.url = settings.url
        self.engine = _create(settings)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._write_lock = FairLock()

    @contextmanager
    def connection(self, *, writing: bool) -> Iterator[Connection]:
        """A connection inside one transaction, rolled back unless the caller commits.

        Raises:
            Unavailable: the database is locked, full or away; nothing was changed.
        """
        if writing and self.is_sqlite:
            with self._fair_turn(), self._transaction(writing=True) as connection:
                yield connection
        else:
            with self._transaction(writing=writing) as connection:
                yield connection

    @contextmanager
    def _fair_turn(self) -> Iterator[None]:
        if not self._write_lock.acquire(timeout_s=BUSY_TIMEOUT_S):
            raise Unavailable
        try:
            yield
        finally:
            self._write_lock.release()

    @contextmanager
    def _transaction(self, *, writing: bool) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except OperationalError as error:
            raise Unavailable from error
        try:
            if self.is_sqlite:
                connection.info["begin"] = "BEGIN IMMEDIATE" if writing else "BEGIN"
            with connection.begin() as transaction:
                yield connection
                if transaction.is_active:
                    transaction.rollback()
        except OperationalError as error:
            if is_retryable(error):
                raise
            raise Unavailable from error
        finally:
            connection.close()

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def is_retryable(error: BaseException) -> bool:
    """Whether running the whole use case again may succeed.

    A deadlock or serialization failure on PostgreSQL, or two processes that drew one id.
    """
    if isinstance(error, IntegrityError):
        return "pk_" in str(error.orig) or ".id" in str(error.orig)
    if isinstance(error, DBAPIError):
        return getattr(error.orig, "sqlstate", None) in {"40001", "40P01"}
    return False


def _create(settings: DatabaseSettings) -> Engine:
    if settings.url.startswith("sqlite:"):
        return _create_sqlite(settings)
    if settings.url.startswith(("postgresql:", "postgresql+psycopg:")):
        return _create_postgresql(settings)
    raise ConfigurationError(
        "REGULARS_DATABASE_URL must start with sqlite:/// or postgresql://, "
        f"not {settings.url.split(':', 1)[0]!r}."
    )


def _create_sqlite(settings: DatabaseSettings) -> Engine:
    engine = create_engine(
        settings.url,
        module=sqlite_module(),
        connect_args={"isolation_level": None, "check_same_thread": False},
        pool_size=settings.pool_size,
        max_overflow=4,
        pool_timeout=BUSY_TIMEOUT_S,
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_S * 1000}",
            "cache_size=-65536",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.info.get("begin", "BEGIN"))

    return engine


def _create_postgresql(settings: DatabaseSettings) -> Engine:
    url = settings.url.replace("postgresql://", "postgresql+psycopg://", 1)
    options = f"-c statement_timeout={STATEMENT_TIMEOUT_S}s -c lock_timeout={BUSY_TIMEOUT_S}s"
    return create_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=4,
        pool_timeout=BUSY_TIMEOUT_S,
        pool_pre_ping=True,
        connect_args={"options": options, "connect_timeout": BUSY_TIMEOUT_S},
    )


def sqlite_version(database: Database) -> tuple[int, ...]:
    """The version of the SQLite that runs, for `doctor`."""
    with database.connection(writing=False) as connection:
        version = connection.execute(text("select sqlite_version()")).scalar_one()
    return tuple(int(part) for part in version.split("."))
