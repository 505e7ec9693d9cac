"""Archives out of hostile or unlucky hands: cut, forged, flipped, killed half-way."""

from __future__ import annotations

import hashlib
import json
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.clock import ManualClock
from common.errors import InvalidInput, Unavailable
from storage.archive import read_archive
from storage.engine import Database, DatabaseSettings
from tests.support.archives import Sample, everything, is_untouched
from tests.support.database import SqliteTemplates

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
