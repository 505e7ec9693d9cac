"""The few fixtures every test may use: a clock, keys, a database of either engine, a context.

Two merchants stand in every test database: `cafe` and `gym`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.clock import ManualClock
from loyalty.context import Loyalty
from signing.keyring import Keyring, new_keyring
from storage.engine import Database, DatabaseSettings
from storage.migrate import upgrade
from storage.unit_of_work import open_work
from tests.support import quick
from tests.support.builders import CAFE, GYM, START, Merchants, a_context
from tests.support.database import PostgresqlTemplates, SqliteTemplates

ENGINES = ("sqlite", "postgresql")

quick.install()


def fill(database: Database) -> None:
    """What every test database holds."""
    upgrade(database)
    with open_work(database, None, clock=ManualClock(START)) as work:
        work.merchants.add(CAFE)
        work.merchants.add(GYM)
        work.commit()


@pytest.fixture
def clock() -> ManualClock:
    """22 November 2026, noon UTC, until the test moves it."""
    return ManualClock(START)


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    return new_keyring()


@pytest.fixture(scope="session")
def sqlite_templates(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplates:
    return SqliteTemplates(tmp_path_factory.mktemp("sqlite"), fill=fill)


@pytest.fixture(scope="session")
def postgresql_templates() -> PostgresqlTemplates:
    return PostgresqlTemplates(fill=fill)


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """`sqlite`, then `postgresql`."""
    return str(request.param)


@pytest.fixture
def database_url(
    engine_name: str,
    sqlite_templates: SqliteTemplates,
    postgresql_templates: PostgresqlTemplates,
) -> Iterator[str]:
    """The address of a migrated database with both merchants."""
    if engine_name == "sqlite":
        yield sqlite_templates.filled()
    else:
        url = postgresql_templates.filled()
        yield url
        postgresql_templates.drop(url)


@pytest.fixture
def empty_database_url(
    engine_name: str,
    sqlite_templates: SqliteTemplates,
    postgresql_templates: PostgresqlTemplates,
) -> Iterator[str]:
    """The address of a database of the same engine without any table."""
    if engine_name == "sqlite":
        yield sqlite_templates.empty()
    else:
        url = postgresql_templates.empty()
        yield url
        postgresql_templates.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database with both merchants, on each engine in turn."""
    database = Database(DatabaseSettings(url=database_url))
    yield database
    database.close()


@pytest.fixture
def empty_database(empty_database_url: str) -> Iterator[Database]:
    """A database without any table, on each engine in turn."""
    database = Database(DatabaseSettings(url=empty_database_url))
    yield database
    database.close()


@pytest.fixture
def merchants() -> Merchants:
    """The two merchants of every test database."""
    return Merchants(cafe=CAFE, gym=GYM)


@pytest.fixture
def ctx(database: Database, clock: ManualClock, keyring: Keyring) -> Loyalty:
    """What every use case is given; Google is not wired."""
    return a_context(database, clock, keyring)
