"""The database engine: SQLite embedded, PostgreSQL for more than one machine.

Not done here: which rows a merchant may see (unit_of_work, scope), the schema (migrate).

Rules:
- SQLite: WAL, synchronous FULL, foreign keys; a writing transaction starts with BEGIN IMMEDIATE (a
  deferred one that reads and then writes fails at once) and holds one fair lock per process,
  because SQLite's own waiting lets a writer starve. A reading transaction cannot write.
- pysqlite3 is used where it is installed: the system's SQLite may carry the WAL-reset fault, and
  is then kept safe by a lock across processes (storage.locks); `doctor` tells.
- PostgreSQL: READ COMMITTED with row locks; statement and lock time-outs, and a network that went
  silent is given up on.
- What waiting can mend is Unavailable (faults); what only a programmer can mend is raised as it
  came.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import (
    AbstractContextManager,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from common.errors import ConfigurationError, Unavailable
from storage.faults import is_away, is_write_refusal
from storage.group_commit import GroupCommit, Result
from storage.locks import FairLock, FileLock
from storage.wal_reset import has_wal_reset_fix

BUSY_TIMEOUT_S: Final = 5
STATEMENT_TIMEOUT_S: Final = 15
# A connection that nobody answers on is given up after this long (half-open, dropped packets).
SILENT_NETWORK_S: Final = 10
IDLE_TRANSACTION_S: Final = 60
POOL_SIZE: Final = 12
RECYCLE_S: Final = 1800
# pysqlite's cache keeps the statements used most: once it is full, every new one is compiled each
# time. So it must hold all that a process ever says.
CACHED_STATEMENTS: Final = 2000
# SQLite's own page cache, per connection, in KiB: the one that writes walks the ledger's indexes
# again and again; readers have the system's cache behind them.
WRITER_CACHE_KIB: Final = 32 * 1024
READER_CACHE_KIB: Final = 4 * 1024


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


class Database:
    """An engine with its locks; one per process, never carried over a fork."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.url = settings.url
        self.engine = _create(settings)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        # SQLite's readers have connections of their own: turning one from reading to writing is a
        # pragma, and a pragma makes SQLite compile every statement of the connection anew.
        self._readers = _create(settings) if self.is_sqlite else self.engine
        self._process = os.getpid()
        self._turn = FairLock()
        self._here = threading.local()
        self._file_lock = _file_lock(self.engine) if self.is_sqlite else None
        self._groups = GroupCommit(self._turn, self._group_transaction)

    @contextmanager
    def connection(self, *, writing: bool) -> Iterator[Connection]:
        """A connection inside one transaction, rolled back unless the caller commits.

        Raises:
            Unavailable: the database is locked, full or away; nothing was changed.
            RuntimeError: a writing transaction was opened inside another one, a reading one
                wrote, or the process was forked; these are mistakes of the program.
        """
        if not writing:
            with self._transaction(_READING) as connection:
                yield connection
            return
        with self._one_writer(), self._transaction(_WRITING) as connection:
            yield connection

    def write(self, action: Callable[[Connection], Result], *, shares: bool = False) -> Result:
        """Run `action` in a writing transaction and commit.

        Args:
            action: only database work.
            shares: on SQLite others that wait may go into the same commit; the action must be
                short, for they wait for each other, and bear being run twice.

        Raises:
            Unavailable: the database is locked, full or away, or the commit is unknown.
            RuntimeError: as `connection`.
        """
        if not self.is_sqlite:
            with self.connection(writing=True) as connection:
                result = action(connection)
                connection.commit()
                return result

        def marked(connection: Connection) -> Result:
            with self._marked():
                return action(connection)

        self._demand_no_writing()
        try:
            return self._groups.run(marked, timeout_s=BUSY_TIMEOUT_S, shares=shares)
        except DBAPIError as error:
            # A member's error comes past the shared transaction, which would have told it.
            if is_away(error):
                raise Unavailable from error
            raise

    @contextmanager
    def schema_connection(self) -> Iterator[Connection]:
        """A writing transaction in which SQLite may rebuild tables: it checks no foreign keys."""
        with self._one_writer(), self._transaction(_REBUILDING) as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A reading transaction that sees one moment throughout, however long it takes."""
        with self._transaction(_SNAPSHOT) as connection:
            yield connection

    def close(self) -> None:
        """Close every pooled connection."""
        # The last connection to close writes the log back, which is a checkpoint like any other.
        with self._file_lock.held(timeout_s=BUSY_TIMEOUT_S) if self._file_lock else nullcontext():
            self._readers.dispose()
            self.engine.dispose()

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        self._demand_no_writing()
        with self._fair_turn(), self._marked():
            yield

    def _demand_no_writing(self) -> None:
        if getattr(self._here, "writing", False):
            raise RuntimeError("a writing transaction was opened inside another one")

    @contextmanager
    def _marked(self) -> Iterator[None]:
        """This thread writes; a mark of the thread, for a shared transaction changes threads."""
        self._here.writing = True
        try:
            yield
        finally:
            self._here.writing = False

    @contextmanager
    def _group_transaction(self) -> Iterator[Connection]:
        with self._file_turn(), self._transaction(_WRITING) as connection:
            yield connection

    def _fair_turn(self) -> AbstractContextManager[None]:
        return self._sqlite_turn() if self.is_sqlite else nullcontext()

    @contextmanager
    def _sqlite_turn(self) -> Iterator[None]:
        with self._turn.held(timeout_s=BUSY_TIMEOUT_S), self._file_turn():
            yield

    def _file_turn(self) -> AbstractContextManager[None]:
        return self._file_lock.held(timeout_s=BUSY_TIMEOUT_S) if self._file_lock else nullcontext()

    @contextmanager
    def _transaction(self, kind: _Kind) -> Iterator[Connection]:
        if os.getpid() != self._process:
            raise RuntimeError("this Database was made before a fork; make one in each process")
        try:
            with (self.engine if kind.writes else self._readers).connect() as connection:
                if self.is_sqlite:
                    _prepare_sqlite(connection, kind)
                else:
                    _prepare_postgresql(connection, kind)
                try:
                    with connection.begin() as transaction:
                        if kind.patient and not self.is_sqlite:
                            connection.exec_driver_sql(_NO_TIME_OUTS)
                        yield connection
                        if transaction.is_active:
                            transaction.rollback()
                finally:
                    if self.is_sqlite:
                        _leave_nothing_open(connection)
        except PoolTimeout as error:
            raise Unavailable from error
        except DBAPIError as error:
            if not kind.writes and is_write_refusal(error):
                raise RuntimeError("a reading transaction tried to write") from error
            if is_away(error):
                raise Unavailable from error
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How a transaction begins; a patient one sees one moment and is not timed out."""

    writes: bool
    patient: bool = False
    foreign_keys: bool = True


_READING: Final = _Kind(writes=False)
_SNAPSHOT: Final = _Kind(writes=False, patient=True)
_WRITING: Final = _Kind(writes=True)
_REBUILDING: Final = _Kind(writes=True, foreign_keys=False)
_NO_TIME_OUTS: Final = (
    "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0"
)


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
    if _sqlite_path(settings.url) is None:
        raise ConfigurationError(
            "REGULARS_DATABASE_URL must name a file, as in sqlite:////var/lib/regulars/data.db."
        )
    engine = create_engine(
        settings.url,
        module=sqlite_module(),
        connect_args={
            "isolation_level": None,
            "check_same_thread": False,
            "cached_statements": CACHED_STATEMENTS,
        },
        pool_size=settings.pool_size,
        max_overflow=4,
        # The busiest few are used again and again: each has a cache of its own.
        pool_use_lifo=True,
        pool_timeout=BUSY_TIMEOUT_S,
        # A statement that fails is logged; what it carried are names, contacts and secrets.
        hide_parameters=True,
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "commit", _refuse_lost_transaction)
    return engine


def _sqlite_path(url: str) -> Path | None:
    try:
        name = make_url(url).database
    except ArgumentError as error:
        raise ConfigurationError("REGULARS_DATABASE_URL cannot be read as an address.") from error
    if not name or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(name)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The waiting time comes first: the change to WAL waits too.
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_S * 1000}", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise ConfigurationError(
            "SQLite cannot keep its write-ahead log here (a network folder?). "
            "Put the data folder on a local disk, or use PostgreSQL."
        )
    for pragma in (
        # So that INSERT OR REPLACE cannot slip past the triggers of append-only tables.
        "recursive_triggers=ON",
        "trusted_schema=OFF",
        # A long backup lets the log grow; afterwards it shrinks to this again.
        "journal_size_limit=67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_sqlite(connection: Connection, kind: _Kind) -> None:
    """Bring a pooled connection into the state its next transaction wants."""
    connection.info["begin"] = "BEGIN IMMEDIATE" if kind.writes else "BEGIN"
    wanted = {
        "query_only": "OFF" if kind.writes else "ON",
        "foreign_keys": "ON" if kind.foreign_keys else "OFF",
        "cache_size": -WRITER_CACHE_KIB if kind.writes else -READER_CACHE_KIB,
    }
    if connection.info.get("pragmas") == wanted:
        return  # saying them again would make SQLite compile every cached statement anew
    driver: Any = connection.connection.dbapi_connection
    for name, value in wanted.items():
        driver.execute(f"PRAGMA {name}={value}")
    connection.info["pragmas"] = wanted


def _leave_nothing_open(connection: Connection) -> None:
    """After a commit that was refused, SQLite's transaction is still there, and its lock."""
    driver: Any = connection.connection.dbapi_connection
    if driver is not None and driver.in_transaction:
        driver.rollback()


def _prepare_postgresql(connection: Connection, kind: _Kind) -> None:
    """The same; the pool takes both options back. They ride on BEGIN and cost no round trip."""
    if not kind.writes:
        connection.execution_options(postgresql_readonly=True)
    if kind.patient:
        connection.execution_options(isolation_level="REPEATABLE READ")


def _begin_sqlite(connection: Connection) -> None:
    how = connection.info.get("begin", "BEGIN")
    driver: Any = connection.connection.dbapi_connection
    if how == "BEGIN" and driver is not None:
        driver.execute(how)  # reads begin most often, and this waits for nothing
    else:
        connection.exec_driver_sql(how)


def _refuse_lost_transaction(connection: Connection) -> None:
    """SQLite rolls back by itself after some errors; a commit then would be a lie."""
    driver: Any = connection.connection.dbapi_connection
    if not driver.in_transaction:
        raise Unavailable


def _create_postgresql(settings: DatabaseSettings) -> Engine:
    url = settings.url.replace("postgresql://", "postgresql+psycopg://", 1)
    options = {
        "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
        "lock_timeout": f"{BUSY_TIMEOUT_S}s",
        "idle_in_transaction_session_timeout": f"{IDLE_TRANSACTION_S}s",
        "default_transaction_isolation": "read\\ committed",
    }
    return create_engine(
        url,
        # An exact limit: the server's max_connections is shared out over processes by it.
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_S,
        pool_pre_ping=True,
        # The busiest few are used again and again; the rest go when they get old.
        pool_use_lifo=True,
        pool_recycle=RECYCLE_S,
        hide_parameters=True,
        connect_args={
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
            "connect_timeout": BUSY_TIMEOUT_S,
            "tcp_user_timeout": SILENT_NETWORK_S * 1000,
            "keepalives_idle": SILENT_NETWORK_S,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "application_name": "regulars",
        },
    )


def _file_lock(engine: Engine) -> FileLock | None:
    """The lock across processes that an SQLite with the WAL-reset fault needs."""
    module = sqlite_module()
    path = _sqlite_path(str(engine.url))
    if path is None or has_wal_reset_fix(module.sqlite_version_info):
        return None
    return FileLock(path.with_name(path.name + ".lock"))


def sqlite_version(database: Database) -> tuple[int, ...]:
    """The version of the SQLite that runs, for `doctor`."""
    with database.connection(writing=False) as connection:
        version = connection.execute(text("select sqlite_version()")).scalar_one()
    return tuple(int(part) for part in version.split("."))
