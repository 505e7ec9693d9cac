"""Marks of a move between engines, and the bar that keeps a place that was left from being written.

    source   `move`      copying -> moved
    target   `arrival`   arriving -> open

Rows of `installation`, as JSON. Not done here: the copying (move_engine).

Rules:
- A place that was left refuses every write by triggers, whatever process holds it open: two places
  that both go on would tear the books apart.
- A place that is still arriving is not opened by a server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, text

from common.errors import ConfigurationError
from storage.tables import installation, metadata

MOVE: Final = "move"
ARRIVAL: Final = "arrival"
COPYING: Final = "copying"
MOVED: Final = "moved"
ARRIVING: Final = "arriving"
OPEN: Final = "open"
WRITERS_GATE: Final = 0x726567756C617274
"""The advisory lock that writers of PostgreSQL share and a move takes alone: they end in order, and
no two wait for each other."""
REFUSAL: Final = "this place was left for another database"
"""What the triggers say; storage.faults takes it for a database that is away."""
_VERBS: Final = ("insert", "update", "delete")


def read_mark(connection: Connection, name: str) -> dict[str, Any]:
    """The mark's facts, empty where there is none."""
    query = select(installation.c.value).where(installation.c.name == name)
    found = connection.execute(query).scalar()
    return dict(json.loads(found)) if found else {}


def keep_mark(connection: Connection, name: str, facts: dict[str, Any]) -> None:
    """Write a mark in the caller's transaction, or take it away where `facts` is empty."""
    connection.execute(delete(installation).where(installation.c.name == name))
    if facts:
        value = json.dumps(facts, sort_keys=True)
        connection.execute(insert(installation).values(name=name, value=value))


def refuse_left_place(connection: Connection) -> None:
    """Raise where a server must not work.

    Raises:
        ConfigurationError: the shop moved elsewhere, or has not arrived whole; it says what to do.
    """
    move, arrival = read_mark(connection, MOVE), read_mark(connection, ARRIVAL)
    if move.get("state") == MOVED:
        raise ConfigurationError(
            f"This shop was moved to {move['to']}. Set REGULARS_DATABASE_URL to that database and "
            "start again, or take it back with `regulars migrate-engine --undo`."
        )
    if arrival.get("state") == ARRIVING:
        raise ConfigurationError(
            f"A shop is on its way here from {arrival['from']} and did not arrive whole. "
            "Run the same `regulars migrate-engine` again."
        )


def bar(connection: Connection) -> None:
    """Let every write of every process be refused from this commit on."""
    on_sqlite = connection.dialect.name == "sqlite"
    for statement in _sqlite_bar() if on_sqlite else _postgresql_bar():
        connection.execute(text(statement))


def unbar(connection: Connection) -> None:
    """Take the bar away."""
    on_sqlite = connection.dialect.name == "sqlite"
    for table in metadata.tables:
        for verb in _VERBS if on_sqlite else ("write",):
            where = "" if on_sqlite else f" on {table}"
            connection.execute(text(f"drop trigger if exists {table}_left_{verb}{where}"))


def _sqlite_bar() -> Iterator[str]:
    for table in metadata.tables:
        for verb in _VERBS:
            yield (
                f"create trigger {table}_left_{verb} before {verb} on {table} "
                f"begin select raise(abort, '{REFUSAL}'); end"
            )


def _postgresql_bar() -> Iterator[str]:
    # 25006, a read-only database: what waiting and another address can mend.
    yield (
        "create or replace function refuse_left_place() returns trigger language plpgsql as "
        f"$$ begin raise exception '{REFUSAL}' using errcode = '25006'; end $$"
    )
    for table in metadata.tables:
        yield (
            f"create trigger {table}_left_write before insert or update or delete on {table} "
            "for each statement execute function refuse_left_place()"
        )
