"""Archives and places to restore them to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.clock import ManualClock
from signing.keyring import Keyring
from storage.archive import write_archive
from storage.engine import Database, DatabaseSettings
from tests.support.archives import Sample, everything
from tests.support.builders import CAFE, START, a_context
from tests.support.database import PostgresqlTemplates, SqliteTemplates
from tests.support.shop import a_busy_shop


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(
    request: pytest.FixtureRequest,
    sqlite_templates: SqliteTemplates,
    postgresql_templates: PostgresqlTemplates,
) -> Iterator[Database]:
    """An empty place on each engine, whatever the backup came from."""
    templates = sqlite_templates if request.param == "sqlite" else postgresql_templates
    url = templates.empty()
    place = Database(DatabaseSettings(url=url))
    yield place
    place.close()
    if isinstance(templates, PostgresqlTemplates):
        templates.drop(url)


@pytest.fixture(scope="session")
def sample(
    tmp_path_factory: pytest.TempPathFactory, sqlite_templates: SqliteTemplates, keyring: Keyring
) -> Sample:
    """An archive made once, with what it must bring back."""
    database = Database(DatabaseSettings(url=sqlite_templates.filled()))
    clock = ManualClock(START)
    a_busy_shop(a_context(database, clock, keyring), CAFE.id)
    path = tmp_path_factory.mktemp("sample") / "backup.zip"
    write_archive(database, path, clock=clock)
    whole = everything(database)
    database.close()
    return Sample(data=path.read_bytes(), whole=whole)


@pytest.fixture
def sample_path(sample: Sample, tmp_path: Path) -> Path:
    """A copy of the archive to spoil."""
    path = tmp_path / "sample.zip"
    path.write_bytes(sample.data)
    return path
