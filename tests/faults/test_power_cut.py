"""The power goes while SQLite writes: what the disk holds then is a whole number of transactions.

A power cut leaves the file as it was and some beginning of the log, the last of it perhaps torn.
So the log of a busy till is cut, and torn, at many places, and each such disk is opened: it must
hold a beginning of what was committed, in order, with no rule of the books broken. What stays
apart from a real cut: a disk that lies about having written.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from common.clock import ManualClock
from loyalty.context import Loyalty
from signing.keyring import Keyring
from storage.engine import Database, DatabaseSettings
from storage.verify import verify
from tests.support.builders import START, a_context
from tests.support.counter import Shop, a_shop, do_earn, do_redeem
from tests.support.database import SqliteTemplates
from tests.support.ledger_proof import broken_rules

EARNS = 40
HEADER = 32


@pytest.fixture
def disk(sqlite_templates: SqliteTemplates, keyring: Keyring, tmp_path: Path) -> Path:
    """A database file and its log, as they lay on the disk in the middle of a day."""
    url = sqlite_templates.filled()
    database = Database(DatabaseSettings(url=url))
    # One log for the whole day: nothing is written back in between.
    event.listen(database.engine, "connect", _write_nothing_back)
    event.listen(database._readers, "connect", _write_nothing_back)
    shop = a_shop(database, ManualClock(START))
    _checkpoint(database)
    _trade(a_context(database, ManualClock(START), keyring), shop)
    copy = tmp_path / "cut.db"
    for ending in ("", "-wal"):
        shutil.copyfile(f"{url.removeprefix('sqlite:///')}{ending}", f"{copy}{ending}")
    database.close()
    return copy


def _trade(ctx: Loyalty, shop: Shop) -> None:
    for number in range(EARNS):
        do_earn(ctx, shop, 1240 + number, idempotency_key=f"k{number:03}")
        if number % 7 == 6:
            do_redeem(ctx, shop, idempotency_key=f"r{number:03}")
        ctx.clock.advance(hours=3)  # type: ignore[attr-defined]


def _write_nothing_back(connection: Any, _record: object) -> None:
    connection.execute("pragma wal_autocheckpoint=0")


def _checkpoint(database: Database) -> None:
    with database.engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.execute("pragma wal_checkpoint(truncate)")


def _check(cuts: int, disk: Path, tmp_path: Path, *, torn: bool) -> set[int]:
    """Open the disk after each cut; returns how many operations the disks held."""
    chance = random.Random(cuts)
    log = disk.with_name(disk.name + "-wal").read_bytes()
    seen = set()
    whole = _keys(disk, log, tmp_path / "whole.db")
    for number in range(cuts):
        place = chance.randrange(HEADER, len(log))
        # A torn log goes on after the tear with what an older log left there.
        tail = bytes(chance.getrandbits(8) for _ in range(64)) + log[place + 64 :] if torn else b""
        found = _keys(disk, log[:place] + tail, tmp_path / f"{number}.db")
        assert found == whole[: len(found)], "not a beginning of what was committed"
        seen.add(len(found))
    return seen


def _keys(disk: Path, log: bytes, path: Path) -> list[str]:
    """What a machine finds that starts again with this log; every rule of the books holds."""
    shutil.copyfile(disk, path)
    path.with_name(path.name + "-wal").write_bytes(log)
    database = Database(DatabaseSettings(url=f"sqlite:///{path}"))
    try:
        assert broken_rules(database) == []
        assert verify(database) == []
        with database.connection(writing=False) as connection:
            rows = connection.exec_driver_sql("select idempotency_key from operation order by id")
            return [row[0] for row in rows]
    finally:
        database.close()
        path.unlink()


@pytest.mark.parametrize("torn", [False, True], ids=["cut", "torn"])
def test_after_a_power_cut_whole_transactions_are_left(
    torn: bool, disk: Path, tmp_path: Path
) -> None:
    seen = _check(20, disk, tmp_path, torn=torn)
    assert len(seen) > 5, "the cuts fell into different transactions"


@pytest.mark.long
@pytest.mark.parametrize("torn", [False, True], ids=["cut", "torn"])
def test_after_each_of_many_power_cuts_whole_transactions_are_left(
    torn: bool, disk: Path, tmp_path: Path
) -> None:
    assert len(_check(300, disk, tmp_path, torn=torn)) > 20


def test_nothing_answered_is_lost_when_the_log_is_whole(disk: Path, tmp_path: Path) -> None:
    """synchronous=FULL: an answer means that the log is on the disk to its end."""
    log = disk.with_name(disk.name + "-wal").read_bytes()

    found = _keys(disk, log, tmp_path / "again.db")

    assert [key for key in found if key.startswith("k")] == [f"k{n:03}" for n in range(EARNS)]


def test_a_long_reading_lets_the_log_grow_and_its_end_stops_that(
    sqlite_templates: SqliteTemplates, keyring: Keyring
) -> None:
    url = sqlite_templates.filled()
    database = Database(DatabaseSettings(url=url))
    ctx = a_context(database, ManualClock(START), keyring)
    shop = a_shop(database, ManualClock(START))
    log = Path(f"{url.removeprefix('sqlite:///')}-wal")

    with database.snapshot() as connection:
        connection.exec_driver_sql("select count(*) from operation").all()
        for number in range(120):
            do_earn(ctx, shop, 1240, idempotency_key=f"k{number}")
            ctx.clock.advance(hours=3)  # type: ignore[attr-defined]
    grown = log.stat().st_size
    for number in range(120, 360):
        do_earn(ctx, shop, 1240, idempotency_key=f"k{number}")
        ctx.clock.advance(hours=3)  # type: ignore[attr-defined]

    assert grown > 1_000_000
    assert log.stat().st_size <= grown + 4_000_000, "the log is written from its start again"
    assert verify(database) == []
    database.close()
