"""The archive's form: a zip of one JSON-lines file per table and a manifest that vouches for them.

    manifest.json        format, schema revision, columns, rows, bytes and SHA-256 of each table
    tables/<name>.jsonl  one array per row, in the order of the manifest's columns
    keys.sealed          only when asked for: the installation's keys under a passphrase

Not done here: databases (archive.py). Nothing in it belongs to one engine: moments are whole
microseconds, documents are text, bytes are base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import IO, Any, Final

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, Table
from sqlalchemy.types import TypeDecorator

from common.errors import InvalidInput
from common.i18n import gettext as _
from storage.types import UtcTime

FORMAT: Final = "regulars-archive"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
KEYS: Final = "keys.sealed"
MANIFEST_BYTES_MAX: Final = 4 * 1024 * 1024
KEYS_BYTES_MAX: Final = 1024 * 1024
# The largest row is a picture; in base64 it stays far below this.
LINE_BYTES_MAX: Final = 64 * 1024 * 1024
KINDS: Final = frozenset({"int", "text", "bytes", "bool", "float"})
# What `zipfile` and its decompressors raise on bytes that were turned over.
BROKEN: Final = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_COLUMNS_MAX: Final = 200
_TABLES_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEntry:
    """One table: its columns as (name, kind), and what its file must come to."""

    columns: tuple[tuple[str, str], ...]
    rows: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive says of itself; `created_at` is text in ISO 8601, UTC."""

    revision: str
    created_at: str
    tables: dict[str, TableEntry]


def columns_of(table: Table) -> tuple[tuple[str, str], ...]:
    """The columns of a table with their kinds."""
    return tuple((column.name, _kind(column)) for column in table.columns)


def write_table(
    archive: zipfile.ZipFile,
    name: str,
    *,
    columns: tuple[tuple[str, str], ...],
    rows: Iterable[Iterable[Any]],
) -> TableEntry:
    """Write a table's rows as they come; memory holds one row."""
    digest, size, count = hashlib.sha256(), 0, 0
    kinds = [kind for _name, kind in columns]
    with archive.open(_file_of(name), "w", force_zip64=True) as file:
        for row in rows:
            line = _encode_row(kinds, row)
            digest.update(line)
            size += len(line)
            count += 1
            file.write(line)
    return TableEntry(columns=columns, rows=count, size_bytes=size, sha256=digest.hexdigest())


def write_manifest(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Write the manifest; the last file of an archive."""
    document = {"format": FORMAT, "version": VERSION, **asdict(manifest)}
    archive.writestr(MANIFEST, json.dumps(document, indent=1, sort_keys=True))


def read_manifest(archive: zipfile.ZipFile) -> Manifest:
    """The manifest, if this is an archive of ours in a version we know.

    Raises:
        InvalidInput: field `file`; it is no archive, a newer one, or damaged.
    """
    try:
        document = json.loads(_read_small(archive, MANIFEST, limit=MANIFEST_BYTES_MAX))
    except (KeyError, ValueError) as error:
        raise _foreign() from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _foreign()
    if document.get("version") != VERSION:
        raise InvalidInput(
            _("This archive was made by a newer Regulars. Restore it with that release."),
            field="file",
        )
    try:
        return _manifest(document)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged() from error


def read_rows(archive: zipfile.ZipFile, name: str, entry: TableEntry) -> Iterator[list[Any]]:
    """A table's rows as they come, checked: the last step fails unless all was as promised.

    Raises:
        InvalidInput: field `file`; the file is missing, damaged or not what the manifest says.
    """
    kinds = [kind for _name, kind in entry.columns]
    digest, size, count = hashlib.sha256(), 0, 0
    try:
        with archive.open(_file_of(name)) as file:
            for line in _lines(file):
                digest.update(line)
                size += len(line)
                count += 1
                if size > entry.size_bytes:
                    raise damaged()
                yield _decode_row(kinds, line)
    except BROKEN as error:
        raise damaged() from error
    if (count, size, digest.hexdigest()) != (entry.rows, entry.size_bytes, entry.sha256):
        raise damaged()


def read_keys(archive: zipfile.ZipFile) -> bytes | None:
    """The sealed keys, where the archive holds them."""
    if KEYS not in archive.namelist():
        return None
    return _read_small(archive, KEYS, limit=KEYS_BYTES_MAX)


def damaged() -> InvalidInput:
    """The complaint about an archive that is not whole."""
    return InvalidInput(
        _("This archive is damaged; nothing was restored. Take another copy of it."), field="file"
    )


def _foreign() -> InvalidInput:
    return InvalidInput(
        _("This file is not a Regulars archive; name one that `regulars backup` made."),
        field="file",
    )


def _file_of(name: str) -> str:
    return f"tables/{name}.jsonl"


def _read_small(archive: zipfile.ZipFile, name: str, *, limit: int) -> bytes:
    try:
        with archive.open(name) as file:
            data = file.read(limit + 1)
    except KeyError:
        raise
    except BROKEN as error:
        raise damaged() from error
    if len(data) > limit:
        raise damaged()
    return data


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(LINE_BYTES_MAX + 1):
        if len(line) > LINE_BYTES_MAX:
            raise damaged()
        yield line


def _manifest(document: dict[str, Any]) -> Manifest:
    tables = {
        str(name): TableEntry(
            columns=tuple((str(column), str(kind)) for column, kind in entry["columns"]),
            rows=int(entry["rows"]),
            size_bytes=int(entry["size_bytes"]),
            sha256=str(entry["sha256"]),
        )
        for name, entry in document["tables"].items()
    }
    kinds = {kind for entry in tables.values() for _column, kind in entry.columns}
    widest = max((len(entry.columns) for entry in tables.values()), default=0)
    if len(tables) > _TABLES_MAX or widest > _COLUMNS_MAX or not kinds <= KINDS:
        raise ValueError("a manifest of unknown shape")
    return Manifest(
        revision=str(document["revision"]), created_at=str(document["created_at"]), tables=tables
    )


def _kind(column: Column[Any]) -> str:
    kind = column.type
    if isinstance(kind, UtcTime):
        return "int"
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    for name, types in _KINDS_BY_TYPE.items():
        if isinstance(kind, types):
            return name
    return "text"


_KINDS_BY_TYPE: Final[dict[str, type[Any]]] = {
    "bool": Boolean,
    "int": Integer,
    "float": Float,
    "bytes": LargeBinary,
}


def _encode_row(kinds: list[str], row: Iterable[Any]) -> bytes:
    values = [_encode(kind, value) for kind, value in zip(kinds, row, strict=True)]
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _encode(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "bytes":
        return base64.b64encode(value).decode()
    # SQLite has no boolean of its own and gives 0 or 1.
    return bool(value) if kind == "bool" else value


def _decode_row(kinds: list[str], line: bytes) -> list[Any]:
    values = json.loads(line)
    if not isinstance(values, list) or len(values) != len(kinds):
        raise ValueError("a row of another width")
    return [_decode(kind, value) for kind, value in zip(kinds, values, strict=True)]


def _decode(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "bytes":
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError) as error:
            raise ValueError("bytes that are not base64") from error
    if kind == "float" and type(value) is int:
        return float(value)
    if type(value) is not _PYTHON_TYPES[kind]:
        raise ValueError(f"{kind} of type {type(value).__name__}")
    return value


_PYTHON_TYPES: Final[dict[str, type]] = {"int": int, "text": str, "bool": bool, "float": float}
