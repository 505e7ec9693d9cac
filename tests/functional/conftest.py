"""The whole installation and its other side, as these tests use them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.engine import Database, DatabaseSettings
from storage.verify import verify
from tests.support.world import sandbox, world

__all__ = ["sandbox", "world"]


@pytest.fixture(autouse=True)
def _books_agree(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every story ends with the proof that no invariant was broken on the way."""
    if "database_url" not in request.fixturenames:
        yield
        return
    database = Database(DatabaseSettings(url=request.getfixturevalue("database_url")))
    yield
    found = verify(database)
    database.close()
    assert found == []
