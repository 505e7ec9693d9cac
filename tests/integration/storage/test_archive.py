"""Backup and restore between every pair of engines, under load, and out of hostile files."""

from __future__ import annotations

import resource
import signal
import stat
import threading
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select, text

from common.clock import ManualClock, to_micros
from common.errors import ConfigurationError, Conflict, InvalidInput, Unavailable
from loyalty.context import Loyalty
from storage import archive_format, migrate
from storage.archive import LEFT_OUT, inspect_archive, read_archive, write_archive
from storage.engine import Database, DatabaseSettings
from storage.restored import LAST_MODIFIED_MARGIN_S
from storage.tables import delivery, wallet_pass
from storage.unit_of_work import open_work
from storage.verify import count_open, verify
from tests.support.archives import Sample, everything
from tests.support.builders import Merchants, a_merchant
from tests.support.database import SqliteTemplates
from tests.support.shop import a_busy_shop, buy


@pytest.fixture
def shop_archive(ctx: Loyalty, merchants: Merchants, tmp_path: Path) -> Path:
    """An archive of two busy shops."""
    a_busy_shop(ctx, merchants.cafe.id)
    a_busy_shop(ctx, merchants.gym.id)
    path = tmp_path / "backup.zip"
    write_archive(ctx.database, path, clock=ctx.clock)
    return path


def test_restored_place_holds_what_was_backed_up_and_breaks_no_rule(
    ctx: Loyalty, shop_archive: Path, elsewhere: Database
) -> None:
    restored = read_archive(elsewhere, shop_archive, clock=ctx.clock)

    assert everything(elsewhere) == everything(ctx.database)
    assert restored.rows["operation"] == 16
    assert verify(elsewhere) == []
    migrate.check_current(elsewhere)


def test_restored_place_works_on(
    ctx: Loyalty, merchants: Merchants, tmp_path: Path, elsewhere: Database
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)
    write_archive(ctx.database, tmp_path / "b.zip", clock=ctx.clock)
    read_archive(elsewhere, tmp_path / "b.zip", clock=ctx.clock)

    there = Loyalty(database=elsewhere, clock=ctx.clock, keyring=ctx.keyring, settings=ctx.settings)
    ctx.clock.advance(seconds=1)  # type: ignore[attr-defined]
    buy(there, shop, shop.member_ids[0], amount_minor=999)

    assert verify(elsewhere) == []


def test_phone_ahead_of_the_backup_is_brought_back(
    ctx: Loyalty, merchants: Merchants, tmp_path: Path, elsewhere: Database
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id, members=1)
    with ctx.database.connection(writing=True) as connection:
        migrate.see_everyone(connection)
        connection.execute(text("insert into installation values ('tag_epoch', 'OLD')"))
        connection.commit()
    write_archive(ctx.database, tmp_path / "b.zip", clock=ctx.clock)
    ahead = _ahead(ctx, shop.merchant_id)

    read_archive(elsewhere, tmp_path / "b.zip", clock=ctx.clock)

    with elsewhere.snapshot() as connection:
        migrate.see_everyone(connection)
        card = connection.execute(select(wallet_pass)).one()
        targets = connection.execute(select(delivery)).all()
        epochs = (
            connection.execute(text("select value from installation where name = 'tag_epoch'"))
            .scalars()
            .all()
        )
    assert card.last_modified_s > ahead
    assert card.revision > card.stamped_revision
    assert card.stamped_face is None
    assert {(t.wanted_revision, t.delivered_revision) for t in targets} == {(card.revision, 0)}
    assert len(epochs) == 1
    assert epochs != ["OLD"]
    assert "-" not in epochs[0]
    assert count_open(elsewhere)["undelivered"] == 2


def _ahead(ctx: Loyalty, merchant_id: int) -> int:
    """Change and hand out the card after the backup; the second its phone now knows."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock) as work:
        last = 0
        for _change in range(LAST_MODIFIED_MARGIN_S // 2):
            card = work.passes.current_of_member(work.members.recent(1)[0].id)
            work.scope.execute(
                work.scope.update(wallet_pass).values(
                    revision=card.revision + 1, last_modified_s=card.last_modified_s + 1
                )
            )
            last = card.last_modified_s + 1
        work.commit()
    return max(last, to_micros(ctx.clock.now()) // 1_000_000)


def test_two_restores_of_one_backup_have_two_epochs(
    sample_path: Path, clock: ManualClock, sqlite_templates: SqliteTemplates
) -> None:
    epochs = set()
    for _restore in range(2):
        place = Database(DatabaseSettings(url=sqlite_templates.empty()))
        read_archive(place, sample_path, clock=clock)
        with place.snapshot() as connection:
            query = text("select value from installation where name = 'tag_epoch'")
            epochs.add(connection.execute(query).scalar_one())
        place.close()

    assert len(epochs) == 2


def test_backup_under_load_is_one_moment(
    ctx: Loyalty, merchants: Merchants, tmp_path: Path, elsewhere: Database
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)
    stop = threading.Event()
    sold: list[int] = []

    def till(member_id: int) -> None:
        while not stop.is_set():
            key = f"{member_id}-{len(sold)}-{threading.get_ident()}"
            try:
                sold.append(buy(ctx, shop, member_id, amount_minor=150, key=key))
            except Unavailable:
                continue  # a busy machine: a till sends the same key again
            if len(sold) > 120:
                return

    threads = [threading.Thread(target=till, args=(one,)) for one in shop.member_ids[:2]]
    for thread in threads:
        thread.start()
    for number in range(3):
        write_archive(ctx.database, tmp_path / f"{number}.zip", clock=ctx.clock)
    stop.set()
    for thread in threads:
        thread.join()

    assert sold
    read_archive(elsewhere, tmp_path / "2.zip", clock=ctx.clock)
    assert verify(elsewhere) == []


def test_memory_does_not_grow_with_the_pictures(
    ctx: Loyalty, merchants: Merchants, tmp_path: Path, sqlite_templates: SqliteTemplates
) -> None:
    picture = bytes(range(256)) * 4096
    with open_work(ctx.database, merchants.cafe.id, clock=ctx.clock) as work:
        for number in range(24):
            work.programmes.put_image(number.to_bytes(4, "big") + picture, "image/png", 1, 1)
        work.commit()
    place = Database(DatabaseSettings(url=sqlite_templates.empty()))

    tracemalloc.start()
    write_archive(ctx.database, tmp_path / "b.zip", clock=ctx.clock)
    read_archive(place, tmp_path / "b.zip", clock=ctx.clock)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 20 * len(picture)
    assert everything(place) == everything(ctx.database)
    place.close()


def test_archive_is_readable_by_its_owner_only_and_holds_no_session(
    shop_archive: Path,
) -> None:
    assert stat.S_IMODE(shop_archive.stat().st_mode) == 0o600
    names = zipfile.ZipFile(shop_archive).namelist()
    assert not {f"tables/{name}.jsonl" for name in LEFT_OUT} & set(names)
    assert archive_format.KEYS not in names


def test_keys_travel_only_when_they_are_given(
    ctx: Loyalty, tmp_path: Path, elsewhere: Database
) -> None:
    path = tmp_path / "with-keys.zip"
    write_archive(ctx.database, path, clock=ctx.clock, sealed_keys=b"sealed under a passphrase")

    assert inspect_archive(path).sealed_keys == b"sealed under a passphrase"
    assert read_archive(elsewhere, path, clock=ctx.clock).sealed_keys is not None
    assert "sealed under" not in repr(inspect_archive(path))


def test_second_backup_takes_the_place_of_the_first(ctx: Loyalty, tmp_path: Path) -> None:
    path = tmp_path / "daily.zip"
    write_archive(ctx.database, path, clock=ctx.clock)
    ctx.clock.advance(days=1)  # type: ignore[attr-defined]

    again = write_archive(ctx.database, path, clock=ctx.clock)

    assert inspect_archive(path).created_at == again.created_at
    assert list(tmp_path.iterdir()) == [path]


def test_backup_into_a_folder_that_is_not_there_says_so(ctx: Loyalty, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file") as refused:
        write_archive(ctx.database, tmp_path / "nowhere" / "b.zip", clock=ctx.clock)
    assert refused.value.field == "file"


def test_full_disk_leaves_no_archive(ctx: Loyalty, merchants: Merchants, tmp_path: Path) -> None:
    a_busy_shop(ctx, merchants.cafe.id)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    target = tmp_path / "b.zip"
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, hard))
    try:
        with pytest.raises(Unavailable, match="could not be written"):
            write_archive(ctx.database, target, clock=ctx.clock)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_place_with_a_merchant_is_never_touched(ctx: Loyalty, shop_archive: Path) -> None:
    before = everything(ctx.database)

    with pytest.raises(Conflict, match="new, empty place"):
        read_archive(ctx.database, shop_archive, clock=ctx.clock)

    assert everything(ctx.database) == before


def test_migrated_place_without_a_merchant_counts_as_empty(
    sample: Sample, sample_path: Path, clock: ManualClock, elsewhere: Database
) -> None:
    migrate.upgrade(elsewhere)
    with elsewhere.connection(writing=True) as connection:
        connection.execute(text("insert into installation values ('tag_epoch', 'FRESH')"))
        connection.commit()

    read_archive(elsewhere, sample_path, clock=clock)

    assert everything(elsewhere) == sample.whole


def test_backup_of_a_place_without_tables_is_refused(
    elsewhere: Database, tmp_path: Path, clock: ManualClock
) -> None:
    with pytest.raises(ConfigurationError, match="init"):
        write_archive(elsewhere, tmp_path / "b.zip", clock=clock)
    assert list(tmp_path.iterdir()) == []


def test_merchant_of_a_backup_can_be_looked_up(
    sample_path: Path, elsewhere: Database, clock: ManualClock
) -> None:
    read_archive(elsewhere, sample_path, clock=clock)

    with open_work(elsewhere, None, clock=clock) as work:
        assert [one.slug for one in work.merchants.all()] == ["cafe", "gym"]
        work.merchants.add(a_merchant(slug="third"))
