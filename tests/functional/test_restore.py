"""A phone that is ahead of the backup is brought back to what the books say, on both engines."""

from __future__ import annotations

import socket
from pathlib import Path

from storage.archive import read_archive, write_archive
from storage.engine import Database, DatabaseSettings
from storage.verify import verify
from tests.support.world import World


def move_to(world: World, database: Database) -> None:
    """The same address, served from another database, as after a move to another machine."""
    port = int(world.url.rsplit(":", 1)[1])
    world.stop_web()
    world.google.close()
    world.database.close()
    world.database = database
    world._socket = socket.create_server(("127.0.0.1", port))
    world.ctx = world._context()
    world._server = world._serve()


def test_a_phone_ahead_of_the_backup_comes_back_by_itself(
    world: World, empty_database_url: str, tmp_path: Path
) -> None:
    card = world.join()
    world.spend(card, 500)
    world.start_worker()
    world.put_on_iphone(card)
    world.settled()
    write_archive(world.database, tmp_path / "backup.zip", clock=world.clock)
    after = world.sandbox.last_event()
    world.spend(card, 700)
    world.sandbox.wait_for_kind("phone.notified", after=after)
    world.settled()
    world.stop_workers()

    restored = Database(DatabaseSettings(url=empty_database_url))
    read_archive(restored, tmp_path / "backup.zip", clock=world.clock)
    move_to(world, restored)
    after = world.sandbox.last_event()
    world.start_worker()

    notified = world.sandbox.wait_for_kind("phone.notified", after=after)
    assert notified["text"] == "You now have 5 points"
    world.settled()
    assert verify(restored) == []

    after = world.sandbox.last_event()
    world.spend(card, 100)
    notified = world.sandbox.wait_for_kind("phone.notified", after=after)
    assert notified["text"] == "You now have 6 points"
