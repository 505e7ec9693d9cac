"""Whole tables as plain rows, for what carries them elsewhere: archives, and moves between engines.

Plain: moments stay whole microseconds and documents stay text, as the engine keeps them, so that a
row means the same in both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Boolean, Column, Connection, Table, column, select, table

ROWS_AT_ONCE: Final = 500
PICTURES_AT_ONCE: Final = 4
_SUM_BITS: Final = 128


@dataclass(slots=True)
class Tally:
    """How many rows, and a sum over their contents that does not depend on their order."""

    rows: int = 0
    total: int = 0

    def add(self, row: tuple[Any, ...]) -> None:
        """Count one row."""
        told = orjson.dumps(row, default=bytes.hex)
        digest = hashlib.blake2b(told, digest_size=_SUM_BITS // 8).digest()
        self.rows += 1
        self.total = (self.total + int.from_bytes(digest)) % (1 << _SUM_BITS)


def plain_rows(connection: Connection, each: Table, *, order: Sequence[Any] = ()) -> Iterator[Any]:
    """A table's rows as the driver gives them, a few in memory at once.

    Columns come in the order of storage.tables; SQLite gives its booleans as 0 and 1.
    """
    plain = table(each.name, *(column(c.name) for c in each.columns))
    query = select(plain).order_by(*order)
    at_once = PICTURES_AT_ONCE if each.name == "image" else ROWS_AT_ONCE
    options = {"stream_results": True, "yield_per": at_once}
    yield from connection.execute(query, execution_options=options)


def alike(each: Table) -> Any:
    """A function that gives a row the values both engines agree on."""
    places = [place for place, one in enumerate(each.columns) if _is_boolean(one)]

    def same(row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(row)
        for place in places:
            if values[place] is not None:
                values[place] = bool(values[place])
        return tuple(values)

    return same if places else tuple


def _is_boolean(one: Column[Any]) -> bool:
    return isinstance(one.type, Boolean)
