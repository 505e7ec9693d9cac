"""Bring a database to this release's schema, all of it or none of it.

Rules:
- One explicit transaction holds every step, on SQLite too: kill -9 in the middle leaves nothing,
  and a second try starts from the same place.
- Several processes may upgrade at once: the first does the work, the others wait and find it done
  (an advisory lock on PostgreSQL, the write lock on SQLite).
- A step either expands (adds what older releases do not miss) or contracts: then it names in
  WORKS_FROM the oldest revision whose code no longer uses what goes. The database keeps the
  highest of these, so that an older release can tell whether it may still work there.
- New code on an older schema is refused until it was upgraded; a schema that a newer release
  contracted past this one is refused before anything is read from it.
Source: alembic.sqlalchemy.org/en/latest/cookbook.html (sharing a connection)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, delete, inspect, select, text

from common.errors import ConfigurationError, Unavailable
from storage.engine import Database
from storage.faults import is_locked
from storage.moved import refuse_left_place
from storage.tables import installation

FLOOR: Final = "schema_works_from"
"""The installation's row `<revision> <works from>`: true only beside the revision it names."""
BASE: Final = "0001"
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
    """Raise unless this release may work on the schema: its own, or one that only has more.

    Raises:
        ConfigurationError: it is older, contracted by a newer release or not ours; the sentence
            says what to do.
        Unavailable: the database is away.
    """
    with database.connection(writing=False) as connection:
        found = _acceptable(connection)
        if found is not None:
            refuse_left_place(connection)
    if found is None:
        raise ConfigurationError("The database is empty; run `regulars init` first.")
    if found in known_revisions() and found != head():
        raise ConfigurationError(
            f"The database is at revision {found} and needs {head()}; run `regulars upgrade`. "
            "Processes of the older release may go on meanwhile."
        )


def check_exact(database: Database) -> None:
    """Raise unless the schema is exactly this release's: what copies every row must know them all.

    Raises:
        ConfigurationError: see `check_current`; or a newer release upgraded it.
        Unavailable: the database is away.
    """
    check_current(database)
    with database.connection(writing=False) as connection:
        _known(connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an upgrade would do: from where, the steps in order, and what it leaves behind.

    `contracts` are the steps after which releases older than `works_from` must not run.
    """

    found: str | None
    wanted: str
    steps: tuple[str, ...]
    contracts: tuple[str, ...]
    works_from: str


def plan(database: Database) -> Plan:
    """What `upgrade` would do now.

    Raises:
        ConfigurationError: the database belongs to a newer release or to another program.
        Unavailable: the database is away.
    """
    with database.connection(writing=False) as connection:
        found = _acceptable(connection)
    missing: list[Script] = []
    if found is None or found in known_revisions():
        missing = list(_scripts().iterate_revisions("head", found or "base"))[::-1]
    return Plan(
        found=found,
        wanted=head(),
        steps=tuple(step.revision for step in missing),
        contracts=tuple(step.revision for step in missing if _works_from(step)),
        works_from=works_from(),
    )


def works_from() -> str:
    """The oldest revision whose release may work on this release's schema."""
    floors = [_works_from(step) for step in _scripts().walk_revisions()]
    return max((floor for floor in floors if floor), default=BASE)


def revision(connection: Connection) -> str | None:
    """The revision of the schema, None where there is none."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def head() -> str:
    """The revision this release works with; asked once, before newer files may take its place."""
    return str(_scripts().get_current_head())


@cache
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
    if _known(connection) not in {None, wanted}:
        command.downgrade(_config(connection), "base")
    command.upgrade(_config(connection), wanted)


def finish(connection: Connection) -> None:
    """Bring the schema to this release in the caller's transaction, and say who may work on it."""
    command.upgrade(_config(connection), "head")
    connection.execute(delete(installation).where(installation.c.name == FLOOR))
    connection.execute(installation.insert().values(name=FLOOR, value=f"{head()} {works_from()}"))


def clear(connection: Connection) -> None:
    """Drop every table of ours in the caller's transaction, with all they hold."""
    _known(connection)
    command.downgrade(_config(connection), "base")


def dangling_reference(connection: Connection) -> str | None:
    """Where a row names a row that does not exist; SQLite is rebuilt with foreign keys off."""
    if connection.dialect.name != "sqlite":
        return None
    found = connection.execute(text("pragma foreign_key_check")).first()
    return None if found is None else f"a row of {found[0]} names a {found[2]}"


def _upgrade_once(database: Database) -> None:
    with database.connection(writing=False) as connection:
        found = _acceptable(connection)
        if found is not None:
            refuse_left_place(connection)
        if _is_done(found):
            return
    with alone(database) as connection:
        if _is_done(_acceptable(connection)):
            return
        finish(connection)
        dangling = dangling_reference(connection)
        if dangling is not None:
            raise ConfigurationError(
                f"The upgrade was undone: {dangling} that does not exist. Run `regulars verify`."
            )
        connection.commit()


def _is_done(found: str | None) -> bool:
    """Whether the schema is this release's, or a later one that it may work on."""
    return found is not None and (found == head() or found not in known_revisions())


def _acceptable(connection: Connection) -> str | None:
    """The revision found, if this release can upgrade it or may work on it as it is."""
    found = revision(connection)
    if found is not None and found not in known_revisions() and not _still_serves(connection):
        raise _newer(found)
    if found is None and set(inspect(connection).get_table_names()) - {VERSION_TABLE}:
        raise ConfigurationError(
            "This database holds tables of another program; give Regulars a database of its own."
        )
    return found


def _known(connection: Connection) -> str | None:
    """The revision found, if this release knows every table and column of it."""
    found = _acceptable(connection)
    if found is not None and found not in known_revisions():
        raise _newer(found)
    return found


def _newer(found: str) -> ConfigurationError:
    return ConfigurationError(
        f"This database belongs to a newer Regulars (revision {found}; this one knows up to "
        f"{head()}). Install that release, or restore a backup made by this one."
    )


def _still_serves(connection: Connection) -> bool:
    """Whether the newer release that upgraded this schema said that this one may go on."""
    if not inspect(connection).has_table(installation.name):
        return False
    query = select(installation.c.value).where(installation.c.name == FLOOR)
    said = str(connection.execute(query).scalar() or "").split()
    return said[:1] == [revision(connection)] and said[-1] in known_revisions()


def _works_from(step: Script) -> str | None:
    floor: str | None = getattr(step.module, "WORKS_FROM", None)
    return floor


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
