from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidInput
from storage import archive_format as form
from storage.tables import metadata

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "text": st.text(st.characters(exclude_categories=["Cs"])),
    "bytes": st.binary(),
    "bool": st.booleans(),
    "float": st.floats(allow_nan=False, allow_infinity=False),
}
COLUMNS = tuple((kind, kind) for kind in KINDS)
ROWS = st.lists(st.tuples(*(st.none() | strategy for strategy in KINDS.values())), max_size=8)


def written(rows: list[tuple[Any, ...]]) -> tuple[bytes, form.TableEntry]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        entry = form.write_table(archive, "t", columns=COLUMNS, rows=rows)
        form.write_manifest(
            archive, form.Manifest(revision="0001", created_at="now", tables={"t": entry})
        )
    return file.getvalue(), entry


@given(ROWS)
def test_rows_come_back_as_they_were(rows: list[tuple[Any, ...]]) -> None:
    data, entry = written(rows)

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        manifest = form.read_manifest(archive)
        found = [tuple(row) for row in form.read_rows(archive, "t", manifest.tables["t"])]

    assert found == rows
    assert manifest.tables["t"] == entry
    assert entry.rows == len(rows)


@given(ROWS.filter(bool), st.data())
def test_row_left_out_or_doubled_is_noticed(rows: list[tuple[Any, ...]], data: Any) -> None:
    _archive, entry = written(rows)
    place = data.draw(st.integers(0, len(rows) - 1))
    for other in (rows[:place] + rows[place + 1 :], [*rows, rows[place]]):
        spoilt, _entry = written(other)
        with (
            zipfile.ZipFile(io.BytesIO(spoilt)) as archive,
            pytest.raises(InvalidInput, match="damaged"),
        ):
            list(form.read_rows(archive, "t", entry))


def test_booleans_of_sqlite_become_booleans() -> None:
    data, entry = written([(1, "x", b"", 1, 1.0), (1, "x", b"", 0, 1.0)])

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert [row[3] for row in form.read_rows(archive, "t", entry)] == [True, False]


def test_every_column_of_every_table_has_a_kind() -> None:
    kinds = {kind for table in metadata.tables.values() for _name, kind in form.columns_of(table)}

    assert kinds == form.KINDS
    assert ("joined_at", "int") in form.columns_of(metadata.tables["member"])
    assert ("reason", "text") in form.columns_of(metadata.tables["operation"])
    assert ("key_sealed", "bytes") in form.columns_of(metadata.tables["google_account"])
    assert ("latitude", "float") in form.columns_of(metadata.tables["location"])
    assert ("sandbox", "bool") in form.columns_of(metadata.tables["merchant"])
