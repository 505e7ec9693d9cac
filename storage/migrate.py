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

VERSION_TABLE: Final = "alembic_version"
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


def known_revisions() -> frozenset[str]:
    """Every revision this release can work its way up from."""
    return frozenset(script.revision for script in _scripts().walk_revisions())


@contextmanager
def alone(database: Database) -> Iterator[Connection]:
    """A writing transaction that no other upgrade or restore shares, over all merchants."""
    with database.schema_connection() as connection:
        if not database.is_sqlite:
            connection.execute(text("set local statement_timeout = 0"))
            connection.execute(text(f"set local lock_timeout = '{WAIT_S}s'"))
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        see_everyone(connection)
        yield connection


def see_everyone(connection: Connection) -> None:
    """Let this transaction see every merchant's rows; see the policy on merchant tables."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("select set_config('regulars.merchant', '*', true)"))


def rebuild(connection: Connection, wanted: str) -> None:
    """Make an empty place have the schema of `wanted`, in the caller's transaction."""
    if _acceptable(connection) not in {None, wanted}:
        command.downgrade(_config(connection), "base")
    command.upgrade(_config(connection), wanted)


def finish(connection: Connection) -> None:
    """Bring the schema to this release in the caller's transaction."""
    command.upgrade(_config(connection), "head")


def dangling_reference(connection: Connection) -> str | None:
    """Where a row names a row that does not exist; SQLite is rebuilt with foreign keys off."""
    if connection.dialect.name != "sqlite":
        return None
    found = connection.execute(text("pragma foreign_key_check")).first()
    return None if found is None else f"a row of {found[0]} names a {found[2]}"


def _upgrade_once(database: Database) -> None:
    with database.connection(writing=False) as connection:
        if _acceptable(connection) == head():
            return
    with alone(database) as connection:
        _acceptable(connection)
        finish(connection)
        dangling = dangling_reference(connection)
        if dangling is not None:
            raise ConfigurationError(
                f"The upgrade was undone: {dangling} that does not exist. Run `regulars verify`."
            )
        connection.commit()


def _acceptable(connection: Connection) -> str | None:
    """The revision found, if this release knows it."""
    found = revision(connection)
    if found is not None and found not in known_revisions():
        raise ConfigurationError(
            f"This database belongs to a newer Regulars (revision {found}; this one knows up to "
            f"{head()}). Install that release again, or restore a backup made by this one."
        )
    if found is None and set(inspect(connection).get_table_names()) - {VERSION_TABLE}:
        raise ConfigurationError(
            "This database holds tables of another program; give Regulars a database of its own."
        )
    return found


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
