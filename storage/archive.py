"""Backup and restore: one archive for both engines, read in one snapshot while tills work on.

Not done here: the archive's form (archive_format), what must be new after a restore (restored),
sealing keys (signing).

Rules:
- The archive appears whole or not at all, readable by its owner only.
- A restore is one transaction with the schema in it: it fills an empty place or leaves it as it
  was. A place with a merchant or a person in it is never touched.
- Sessions, one-time links, limits, heartbeats, stopped channels, alarms, phones' complaints and
  e-mails that wait belong to a running installation and are left out: what a backup held was sent.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, column, func, insert, inspect, select, table, text
from sqlalchemy.exc import DBAPIError

from common.clock import Clock
from common.errors import Conflict, InvalidInput, Unavailable
from common.i18n import gettext as _
from storage import archive_format as form
from storage import migrate
from storage.engine import Database
from storage.faults import is_away
from storage.restored import make_current
from storage.table_rows import PICTURES_AT_ONCE, ROWS_AT_ONCE, plain_rows
from storage.tables import metadata

LEFT_OUT: Final = frozenset(
    {
        "session",
        "one_time_link",
        "rate_bucket",
        "worker_heartbeat",
        "breaker",
        "apple_log",
        "outbox",
        "alarm",
        "lag_count",
    }
)
# Tables a server fills by itself before there is any merchant.
_UNCOUNTED: Final = frozenset({"installation", "rate_bucket", "worker_heartbeat"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSummary:
    """What an archive holds: when it was made (ISO 8601), rows by table, sealed keys if any."""

    created_at: str
    rows: dict[str, int]
    sealed_keys: bytes | None = None

    def __repr__(self) -> str:
        return f"ArchiveSummary(created_at={self.created_at!r}, rows={self.rows!r})"


def write_archive(
    database: Database, path: Path, *, clock: Clock, sealed_keys: bytes | None = None
) -> ArchiveSummary:
    """Write everything as it is at this moment into one file.

    Args:
        database: of this release's schema; writers are not held up.
        path: the file to make or replace.
        clock: stamps the archive.
        sealed_keys: the installation's keys under a passphrase, to be kept with it.

    Raises:
        ConfigurationError: the database is not of this release's schema.
        InvalidInput: field `file`; nothing can be written there.
        Unavailable: the disk is full or the database is away; no file was made.
    """
    migrate.check_exact(database)
    with _appearing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with database.snapshot() as connection:
            migrate.see_everyone(connection)
            entries = {
                each.name: form.write_table(
                    archive,
                    each.name,
                    columns=form.columns_of(each),
                    rows=_rows(connection, each),
                )
                for each in metadata.sorted_tables
                if each.name not in LEFT_OUT
            }
        manifest = form.Manifest(
            revision=migrate.head(), created_at=clock.now().isoformat(), tables=entries
        )
        if sealed_keys is not None:
            archive.writestr(form.KEYS, sealed_keys)
        form.write_manifest(archive, manifest)
    return _summary(manifest, sealed_keys)


def inspect_archive(path: Path) -> ArchiveSummary:
    """What an archive says of itself, without checking every row.

    Raises:
        InvalidInput: field `file`; it cannot be read, or is no archive of ours.
    """
    with _opened(path) as archive:
        return _summary(form.read_manifest(archive), form.read_keys(archive))


def read_archive(database: Database, path: Path, *, clock: Clock) -> ArchiveSummary:
    """Fill an empty place of either engine from an archive, all of it or nothing.

    Afterwards no phone can mistake old for new: see `restored.make_current`.

    Raises:
        InvalidInput: field `file`; no archive, damaged, or made by a newer release.
        Conflict: the place is not empty.
        ConfigurationError: the place belongs to another program or a newer release.
        Unavailable: the disk is full or the database is away; nothing was changed.
    """
    with _opened(path) as archive:
        manifest = form.read_manifest(archive)
        keys = form.read_keys(archive)
        if manifest.revision not in migrate.known_revisions():
            raise InvalidInput(
                _("This archive was made by a newer Regulars. Restore it with that release."),
                field="file",
            )
        with migrate.alone(database) as connection:
            _refuse_occupied(connection)
            migrate.rebuild(connection, manifest.revision)
            _load(connection, archive, manifest)
            migrate.finish(connection)
            if migrate.dangling_reference(connection) is not None:
                raise form.damaged()
            make_current(connection, clock=clock)
            connection.commit()
    return _summary(manifest, keys)


def _rows(connection: Connection, each: Table) -> Iterator[Any]:
    """A table's rows as the driver gives them, in the order a restore can insert them."""
    own = [key.parent for key in each.foreign_keys if key.column.table is each]
    order = [c.is_not(None) for c in own if c.name != "merchant_id"] + list(each.primary_key)
    yield from plain_rows(connection, each, order=order)


def _refuse_occupied(connection: Connection) -> None:
    for name in inspect(connection).get_table_names():
        if name in _UNCOUNTED or name == migrate.VERSION_TABLE:
            continue
        if connection.execute(select(func.count()).select_from(table(name))).scalar_one():
            raise Conflict(_("There are data here already. Restore into a new, empty place."))


def _load(connection: Connection, archive: zipfile.ZipFile, manifest: form.Manifest) -> None:
    inspector = inspect(connection)
    ordered = [name for name, _keys in inspector.get_sorted_table_and_fkc_names() if name]
    wanted = [name for name in ordered if name not in LEFT_OUT | {migrate.VERSION_TABLE}]
    if set(manifest.tables) != set(wanted):
        raise form.damaged()
    for name in wanted:
        entry = manifest.tables[name]
        names = [column_name for column_name, _kind in entry.columns]
        # Names come from the file: only those the schema has may become SQL.
        if sorted(names) != sorted(found["name"] for found in inspector.get_columns(name)):
            raise form.damaged()
        _fill(connection, name, names, rows=form.read_rows(archive, name, entry))


def _fill(
    connection: Connection, name: str, columns: list[str], *, rows: Iterator[list[Any]]
) -> None:
    connection.execute(text(f'delete from "{name}"'))  # noqa: S608  # a name of the schema
    statement = insert(table(name, *(column(each) for each in columns)))
    at_once = PICTURES_AT_ONCE if name == "image" else ROWS_AT_ONCE
    for some in _batches(rows, at_once):
        try:
            connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in some])
        except DBAPIError as error:
            if is_away(error):
                raise
            # What the constraints refuse was never in a database of ours.
            raise form.damaged() from error


def _batches(rows: Iterator[list[Any]], size: int) -> Iterator[list[list[Any]]]:
    while some := list(islice(rows, size)):
        yield some


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except form.BROKEN as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise InvalidInput(
            _("This file cannot be read: %(reason)s.", reason=reason)
            if reason
            else _("This file is not a Regulars archive, or it is damaged."),
            field="file",
        ) from error
    with archive:
        yield archive


@contextmanager
def _appearing(path: Path) -> Iterator[Any]:
    """A file that takes its name only when it is whole and on the disk."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise InvalidInput(
            _("The archive cannot be written there: %(reason)s.", reason=error.strerror),
            field="file",
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise Unavailable(
            _("The archive could not be written: %(reason)s.", reason=error.strerror)
        ) from error
    finally:
        Path(name).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    # Without it the new name may be lost with the power although the file is on the disk.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _summary(manifest: form.Manifest, sealed_keys: bytes | None) -> ArchiveSummary:
    return ArchiveSummary(
        created_at=manifest.created_at,
        rows={name: entry.rows for name, entry in manifest.tables.items()},
        sealed_keys=sealed_keys,
    )
