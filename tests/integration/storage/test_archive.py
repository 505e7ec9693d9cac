"""Backup and restore between every pair of engines, under load, and out of hostile files."""

from __future__ import annotations

import hashlib
import json
import resource
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, select, text

from common.clock import ManualClock, to_micros
from common.errors import ConfigurationError, Conflict, InvalidInput, Unavailable
from loyalty.context import Loyalty
from signing.keyring import Keyring
from storage import archive_format, migrate
from storage.archive import LEFT_OUT, inspect_archive, read_archive, write_archive
from storage.engine import Database, DatabaseSettings
from storage.restored import LAST_MODIFIED_MARGIN_S
from storage.tables import delivery, metadata, wallet_pass
from storage.unit_of_work import open_work
from storage.verify import count_open, verify
from tests.support.builders import CAFE, START, Merchants, a_context, a_merchant
from tests.support.database import PostgresqlTemplates, SqliteTemplates
from tests.support.shop import a_busy_shop, buy

# What `make_current` changes on purpose.
CHANGED = {
    "wallet_pass": {"last_modified_s", "revision", "stamped_face"},
    "installation": {"name", "value"},
    "delivery": {
        "wanted_revision",
        "delivered_revision",
        "state",
        "priority",
        "wanted_at",
        "due_at",
        "lease",
        "lease_until",
        "attempts",
        "last_error",
        "facts",
    },
    "mass_change": {"done_at"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    data: bytes
    whole: dict[str, list[tuple[Any, ...]]]


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


@pytest.fixture
def shop_archive(ctx: Loyalty, merchants: Merchants, tmp_path: Path) -> Path:
    """An archive of two busy shops."""
    a_busy_shop(ctx, merchants.cafe.id)
    a_busy_shop(ctx, merchants.gym.id)
    path = tmp_path / "backup.zip"
    write_archive(ctx.database, path, clock=ctx.clock)
    return path


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


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that a restore must bring back as it was."""
    with database.snapshot() as connection:
        migrate.see_everyone(connection)
        found = {}
        for table in metadata.sorted_tables:
            if table.name not in LEFT_OUT:
                changed = CHANGED.get(table.name, set())
                columns = [c for c in table.columns if c.name not in changed]
                if columns:
                    rows = connection.execute(select(*columns).order_by(*table.primary_key))
                    found[table.name] = [tuple(row) for row in rows]
        return found


def is_untouched(database: Database) -> bool:
    with database.connection(writing=False) as connection:
        return inspect(connection).get_table_names() == []


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
            sold.append(buy(ctx, shop, member_id, amount_minor=150, key=key))
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


Mend = Callable[[dict[str, bytes]], None]


def _manifest(change: Callable[[dict[str, Any]], None]) -> Mend:
    def mend(files: dict[str, bytes]) -> None:
        document = json.loads(files["manifest.json"])
        change(document)
        files["manifest.json"] = json.dumps(document).encode()

    return mend


def _replace(name: str, old: bytes, new: bytes) -> Mend:
    def mend(files: dict[str, bytes]) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)

    return mend


def _forged(name: str, old: bytes, new: bytes) -> Mend:
    """Change rows and vouch for them, as someone with an editor and patience would."""

    def mend(files: dict[str, bytes]) -> None:
        _replace(f"tables/{name}.jsonl", old, new)(files)
        document = json.loads(files["manifest.json"])
        data = files[f"tables/{name}.jsonl"]
        entry = document["tables"][name]
        entry["sha256"] = hashlib.sha256(data).hexdigest()
        entry["size_bytes"] = len(data)
        files["manifest.json"] = json.dumps(document).encode()

    return mend


def _without_last_row(files: dict[str, bytes]) -> None:
    rows = files["tables/transfer.jsonl"].splitlines(keepends=True)
    files["tables/transfer.jsonl"] = b"".join(rows[:-1])


DAMAGED: dict[str, tuple[Mend, str]] = {
    "a row changed": (_replace("tables/member.jsonl", b"Mia", b"Eve"), "damaged"),
    "a row missing": (_without_last_row, "damaged"),
    "a table missing": (lambda files: files.pop("tables/lot.jsonl") and None, "damaged"),
    "no manifest": (lambda files: files.pop("manifest.json") and None, "not a Regulars archive"),
    "another format": (_manifest(lambda m: m.update(format="zip")), "not a Regulars archive"),
    "a newer format": (_manifest(lambda m: m.update(version=2)), "newer Regulars"),
    "a newer schema": (_manifest(lambda m: m.update(revision="9999")), "newer Regulars"),
    "a manifest that is no object": (
        lambda files: files.update({"manifest.json": b"[]"}),
        "not a Regulars archive",
    ),
    "a manifest without tables": (_manifest(lambda m: m.pop("tables")), "damaged"),
    "a table too many": (
        _manifest(lambda m: m["tables"].update(evil=m["tables"]["member"])),
        "damaged",
    ),
    "a column that is no column": (
        _manifest(lambda m: m["tables"]["member"]["columns"].append(["id) --", "int"])),
        "damaged",
    ),
    "a kind that is no kind": (
        _manifest(lambda m: m["tables"]["member"]["columns"][0].__setitem__(1, "sql")),
        "damaged",
    ),
    "text where a number was": (_forged("account", b",0,", b',"x",'), "damaged"),
    "a row of another width": (_forged("account", b",0,", b","), "damaged"),
    "a balance below zero": (_forged("account", b'"points",12', b'"points",-1'), "damaged"),
    "a stranger's reference": (_forged("member", b"[101,", b"[999,"), "damaged"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_or_foreign_archive_restores_nothing(
    sample_path: Path, clock: ManualClock, elsewhere: Database, case: str
) -> None:
    mend, sentence = DAMAGED[case]
    with zipfile.ZipFile(sample_path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    mend(files)
    with zipfile.ZipFile(sample_path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)

    with pytest.raises(InvalidInput, match=sentence):
        read_archive(elsewhere, sample_path, clock=clock)

    assert is_untouched(elsewhere)


DYING_CHILD = """
import sys, time
from pathlib import Path
from sqlalchemy import event
from common.clock import SystemClock
from storage.archive import read_archive
from storage.engine import Database, DatabaseSettings
database = Database(DatabaseSettings(url=sys.argv[1]))
left = int(sys.argv[3])
@event.listens_for(database.engine, "after_cursor_execute")
def _count(_connection, _cursor, statement, *_rest):
    global left
    if statement.startswith(("INSERT", "UPDATE")):
        left -= 1
        if left == 0:
            print("half-way", flush=True)
            time.sleep(60)
read_archive(database, Path(sys.argv[2]), clock=SystemClock())
"""


@pytest.mark.parametrize("statements", [5, 20, 28])
def test_kill_in_the_middle_of_a_restore_leaves_nothing_and_a_second_try_works(
    sample: Sample, sample_path: Path, elsewhere: Database, clock: ManualClock, statements: int
) -> None:
    dying = subprocess.Popen(
        [sys.executable, "-c", DYING_CHILD, elsewhere.url, str(sample_path), str(statements)],
        cwd=Path(__file__).resolve().parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert dying.stdout is not None
    assert dying.stdout.readline() == "half-way\n"
    dying.kill()
    dying.communicate()

    assert is_untouched(elsewhere)
    read_archive(elsewhere, sample_path, clock=clock)
    assert everything(elsewhere) == sample.whole


def test_full_disk_in_the_middle_of_a_restore_leaves_nothing(
    sample: Sample, sample_path: Path, sqlite_templates: SqliteTemplates, clock: ManualClock
) -> None:
    place = Database(DatabaseSettings(url=sqlite_templates.empty()))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, hard))
    try:
        with pytest.raises(Unavailable):
            read_archive(place, sample_path, clock=clock)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert is_untouched(place)
    read_archive(place, sample_path, clock=clock)
    assert everything(place) == sample.whole
    place.close()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_archive_cut_short_restores_nothing(
    sample_path: Path, clock: ManualClock, elsewhere: Database, share: float
) -> None:
    data = sample_path.read_bytes()
    sample_path.write_bytes(data[: int(len(data) * share)])

    with pytest.raises(InvalidInput):
        read_archive(elsewhere, sample_path, clock=clock)
    assert is_untouched(elsewhere)


def test_any_flipped_byte_is_noticed_or_harmless(
    sample: Sample, sample_path: Path, clock: ManualClock, sqlite_templates: SqliteTemplates
) -> None:
    """Bytes all over the archive turned over: refused, or the same rows all the same."""
    for place in range(0, len(sample.data), len(sample.data) // 40):
        broken = bytearray(sample.data)
        broken[place] ^= 0xFF
        sample_path.write_bytes(broken)
        database = Database(DatabaseSettings(url=sqlite_templates.empty()))
        try:
            read_archive(database, sample_path, clock=clock)
        except InvalidInput:
            assert is_untouched(database)
        else:
            assert everything(database) == sample.whole
        database.close()


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"SQLite format 3\0" * 10, b"PK\x03\x04" + b"\0" * 100]
)
def test_file_that_is_no_archive_is_refused_in_a_sentence(
    tmp_path: Path, clock: ManualClock, elsewhere: Database, content: bytes
) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(content)

    with pytest.raises(InvalidInput, match="not a Regulars archive"):
        read_archive(elsewhere, path, clock=clock)
    with pytest.raises(InvalidInput, match="No such file"):
        read_archive(elsewhere, tmp_path / "missing.zip", clock=clock)


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
