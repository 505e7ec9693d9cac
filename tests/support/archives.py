"""What an archive must bring back, and places to bring it to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import inspect, select

from storage import migrate
from storage.archive import LEFT_OUT
from storage.engine import Database
from storage.tables import metadata

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
    """An archive's bytes, and the rows it must bring back."""

    data: bytes
    whole: dict[str, list[tuple[Any, ...]]]


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
