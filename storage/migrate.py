"""Bring a database to this release's schema, all of it or none of it.

Rules:
- One explicit transaction holds every step, on SQLite too: kill -9 in the middle leaves nothing,
  and a second try starts from the same place.
- Several processes may upgrade at once: the first does the work, the others wait and find it done
  (an advisory lock on PostgreSQL, the write lock on SQLite).
- A database of a newer release is refused before anything is read from it.
Source: alembic.sqlalchemy.org/en/latest/cookbook.html (sharing a connection)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from common.errors import ConfigurationError, Unavailable
from storage.engine import Database, is_locked

MIGRATIONS: Final = Path(__file__).with_name("migrations")
# Any number will do as long as nobody else uses it: "regulars" in ASCII.
ADVISORY_LOCK: Final = 0x726567756C617273
WAIT_S: Final = 120
# Every try waits for the write lock as long as any writer would (engine.BUSY_TIMEOUT_S).
TRIES_MAX: Final = 24


def upgrade(database: Database) -> None:
    """Bring the schema to this release; nothing happens when it is there already.

    Raises:
        ConfigurationError: the database belongs to a newer release or to another program.
        Unavailable: it stayed locked by another process, or is full or away.
    """
    for _attempt in range(TRIES_MAX - 1):
        try:
            return _upgrade_once(database)
        except Unavailable as error:
            if not database.is_sqlite or not is_locked(error):
                raise
    return _upgrade_once(database)


def check_current(database: Database) -> None:
    """Raise unless the schema is exactly this release's.

    Raises:
        ConfigurationError: it is older, newer or not ours; the sentence says what to do.
        Unavailable: the database is away.
    """
    with database.connection(writing=False) as connection:
        found = _acceptable(connection)
    if found != head():
        raise ConfigurationError(
            "The database is empty; run `regulars init` first."
            if found is None
            else f"The database is at revision {found} and needs {head()}; "
            "stop the server and start it again to upgrade it."
        )


def revision(connection: Connection) -> str | None:
    """The revision of the schema, None where there is none."""
    return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The revision this release works with."""
    return str(_scripts().get_current_head())


def _upgrade_once(database: Database) -> None:
    with database.connection(writing=False) as connection:
        if _acceptable(connection) == head():
            return
    with _alone(database) as connection:
        _acceptable(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _check_references(connection)
        connection.commit()


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    """A writing transaction that no other upgrade shares."""
    with database.schema_connection() as connection:
        if not database.is_sqlite:
            connection.execute(text("set local statement_timeout = 0"))
            connection.execute(text(f"set local lock_timeout = '{WAIT_S}s'"))
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            # A migration moves everyone's rows; see the policy on merchant tables.
            connection.execute(text("select set_config('regulars.merchant', '*', true)"))
        yield connection


def _acceptable(connection: Connection) -> str | None:
    """The revision found, if this release knows it."""
    found = revision(connection)
    known = {script.revision for script in _scripts().walk_revisions()}
    if found is not None and found not in known:
        raise ConfigurationError(
            f"This database belongs to a newer Regulars (revision {found}; this one knows up to "
            f"{head()}). Install that release again, or restore a backup made by this one."
        )
    if found is None and inspect(connection).get_table_names():
        raise ConfigurationError(
            "This database holds tables of another program; give Regulars a database of its own."
        )
    return found


def _check_references(connection: Connection) -> None:
    """SQLite rebuilds tables with foreign keys off; nothing may dangle afterwards."""
    if connection.dialect.name != "sqlite":
        return
    dangling = connection.execute(text("pragma foreign_key_check")).first()
    if dangling is not None:
        raise ConfigurationError(
            f"The upgrade was undone: a row of {dangling[0]} names a row of {dangling[2]} "
            "that does not exist. Run `regulars verify`."
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
