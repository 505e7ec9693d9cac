"""Rows as frozen records: a record names the columns it wants, and this reads just those."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from sqlalchemy import Column, Row, Table

Record = TypeVar("Record")


def columns(table: Table, record: type[Any]) -> list[Column[Any]]:
    """The columns of `table` in the order of the record's fields."""
    return [table.c[field.name] for field in dataclasses.fields(record)]


def record_of(record: type[Record], row: Row[Any]) -> Record:
    """A record from a row that was selected with `columns`."""
    names = [field.name for field in dataclasses.fields(record)]  # type: ignore[arg-type]
    return record(**dict(zip(names, row, strict=True)))


def values_of(record: Any) -> dict[str, Any]:
    """The record's fields as column values; nested documents stay as they are."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
