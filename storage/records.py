"""Rows as frozen records: a record names the columns it wants, and this reads just those."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from sqlalchemy import Column, Row, Table

Record = TypeVar("Record")


def columns(table: Table, record: type[Any]) -> list[Column[Any]]:
    """The columns of `table` that the record's fields name."""
    return [table.c[field.name] for field in dataclasses.fields(record)]


def record_of(record: type[Record], row: Row[Any]) -> Record:
    """A record from a row that holds a column of each field's name; other columns are left out."""
    found = row._mapping  # noqa: SLF001  # SQLAlchemy's public name for it
    names = [field.name for field in dataclasses.fields(record)]  # type: ignore[arg-type]
    return record(**{name: found[name] for name in names})


def maybe_record(record: type[Record], row: Row[Any] | None) -> Record | None:
    """A record, or None when there is no row."""
    return None if row is None else record_of(record, row)


def values_of(record: Any) -> dict[str, Any]:
    """The record's fields as column values; nested documents stay as they are."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
