"""Move a whole installation to another database, row for row, while its shop stays open to look at.

Not done here: copying rows (move_rows), the marks and the bar (moved), the schema (migrate).

Rules:
- The source refuses writes while its rows are copied, and reads go on; nothing is written to it
  before the target holds all and was proved.
- Killed at any point, the same call is right to make again. Three commits, in this order: the
  target arrives; the source is left, with a bar that refuses every later write; the target opens.
  A crash before the second leaves the source as it was, one after it only has the target to open.
- Ids, tokens, sessions, update tags and leases are carried over as they are: what phones know stays
  true, because nothing is handed out between the last row copied and the first one served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, func, inspect, select, table, text
from sqlalchemy.engine import URL, make_url

from common.clock import Clock
from common.crockford import encode
from common.errors import ConfigurationError, Conflict
from common.i18n import gettext as _
from common.ids import new_id
from storage import migrate, moved
from storage.engine import Database
from storage.move_rows import compare_tables, copy_tables, learn_shapes
from storage.restored import make_current
from storage.tables import metadata
from storage.verify import verify

# What migrations and waiting servers leave in a place without a shop.
UNCOUNTED: Final = frozenset({"installation", "rate_bucket", "worker_heartbeat"})
WAIT_FOR_WRITERS_S: Final = 30

Tell = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What was done: rows by table, and for how long writes were refused.

    `again` tells that an earlier call had done the copying; then there are no rows.
    """

    source: str
    target: str
    rows: dict[str, int] = field(default_factory=dict)
    stopped_s: float = 0.0
    again: bool = False


def move_engine(source: Database, target: Database, *, clock: Clock, tell: Tell) -> Move:
    """Move everything from `source` to `target`, or finish a move that was interrupted.

    Args:
        source: of this release's schema.
        target: empty, or what an interrupted move of the same source left.
        clock: tells how long writing stood still.
        tell: hears each step and table with a number of rows.

    Raises:
        Conflict: the target holds something else, the source breaks a rule or went elsewhere.
        ConfigurationError: either place is of another release or program.
        Unavailable: a database is away; the source is as it was, unless it was left already.
    """
    here, there = address(source), address(target)
    if here == there:
        raise Conflict(_("Both addresses are the same database."))
    identity = _begin(source, there)
    if identity is None:
        _open(target, tell=tell)
        return Move(source=here, target=there, again=True)
    _refuse_broken(source, _("The books break a rule; run `regulars verify` before a move."))
    tell("begun", 0)
    with _stopped(source) as connection:
        begin_s = clock.monotonic_s()
        rows = _arrive(connection, target, identity=identity, source=here, tell=tell)
        _refuse_broken(target, _("The copy breaks a rule; the old place goes on as before."))
        tell("verified", sum(rows.values()))
        state = {"id": identity, "to": there, "state": moved.MOVED}
        moved.keep_mark(connection, moved.MOVE, state)
        moved.bar(connection)
        connection.commit()
    tell("left", 0)
    _open(target, tell=tell)
    return Move(
        source=here, target=there, rows=rows, stopped_s=round(clock.monotonic_s() - begin_s, 1)
    )


def take_back(source: Database, *, clock: Clock) -> None:
    """Open a place again that was left; what was written elsewhere since is not in it.

    Phones may know more than it does, so that it goes on as after a restore.

    Raises:
        Conflict: the place was not left.
    """
    with migrate.alone(source) as connection:
        if moved.read_mark(connection, moved.MOVE).get("state") != moved.MOVED:
            raise Conflict(_("This place was not left; there is nothing to take back."))
        moved.unbar(connection)
        moved.keep_mark(connection, moved.MOVE, {})
        make_current(connection, clock=clock)
        connection.commit()


def address(database: Database) -> str:
    """Where a database is, without who asks."""
    url = make_url(database.url)
    # Of the query only the socket's folder: the rest may hold secrets.
    query = {name: value for name, value in url.query.items() if name == "host"}
    return URL.create(
        database.engine.dialect.name,
        host=url.host,
        port=url.port,
        database=url.database,
        query=query,
    ).render_as_string()


def _begin(source: Database, there: str) -> str | None:
    """Mark that a move begins; its identity, or None where the source was left already."""
    with source.connection(writing=False) as connection:
        found = migrate.revision(connection)
        move = moved.read_mark(connection, moved.MOVE) if found else {}
        arriving = moved.read_mark(connection, moved.ARRIVAL) if found else {}
    if found != migrate.head():
        migrate.check_exact(source)
    if arriving.get("state") == moved.ARRIVING:
        raise Conflict(_("A shop is still on its way to the old address; finish that move first."))
    if move.get("state") == moved.MOVED:
        if move["to"] != there:
            raise Conflict(_("This shop was moved to %(place)s already.", place=move["to"]))
        return None
    identity = str(move.get("id") or encode(new_id(), length=13))
    with source.connection(writing=True) as connection:
        state = {"id": identity, "to": there, "state": moved.COPYING}
        moved.keep_mark(connection, moved.MOVE, state)
        connection.commit()
    return identity


@contextmanager
def _stopped(source: Database) -> Iterator[Connection]:
    """A transaction beside which nobody writes; readers go on."""
    with source.connection(writing=True) as connection:
        if not source.is_sqlite:  # SQLite's writing transaction is alone anyway
            connection.execute(text("set local statement_timeout = 0"))
            connection.execute(text("set local idle_in_transaction_session_timeout = 0"))
            connection.execute(text(f"set local lock_timeout = '{WAIT_FOR_WRITERS_S}s'"))
            _lock_tables(connection)
        migrate.see_everyone(connection)
        yield connection


def _lock_tables(connection: Connection) -> None:
    """Wait until every writer ended and keep the next ones out, in two steps.

    Use cases go through the gate first, so that none of them can be in our way when the tables are
    locked; the tables keep out whoever knows no gate.
    """
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": moved.WRITERS_GATE})
    names = ", ".join(f'"{name}"' for name in metadata.tables)
    connection.execute(text(f"lock table {names} in exclusive mode"))


def _arrive(
    connection: Connection, target: Database, *, identity: str, source: str, tell: Tell
) -> dict[str, int]:
    """Fill the target in one transaction, compare, and mark it as arriving."""
    with migrate.alone(target) as there:
        if not target.is_sqlite:
            there.execute(text("set local idle_in_transaction_session_timeout = 0"))
        _make_room(there, identity)
        migrate.rebuild(there, migrate.head())
        migrate.finish(there)
        tallies = copy_tables(connection, there, tell=tell)
        learn_shapes(there)
        compare_tables(there, tallies)
        dangling = migrate.dangling_reference(there)
        if dangling is not None:
            raise Conflict(_("The copy is not whole: %(what)s.", what=dangling))
        tell("compared", sum(tally.rows for tally in tallies.values()))
        moved.keep_mark(there, moved.MOVE, {})
        state = {"id": identity, "from": source, "state": moved.ARRIVING}
        moved.keep_mark(there, moved.ARRIVAL, state)
        there.commit()
    tell("arrived", 0)
    return {name: tally.rows for name, tally in tallies.items()}


def _make_room(there: Connection, identity: str) -> None:
    """Drop what an interrupted move of the same shop left; refuse anything else."""
    if migrate.revision(there) is None:
        return  # empty, or of another program: migrate refuses that
    arrival: dict[str, Any] = moved.read_mark(there, moved.ARRIVAL)
    if arrival.get("id") == identity and arrival.get("state") == moved.ARRIVING:
        migrate.clear(there)
        return
    for name in inspect(there).get_table_names():
        if name in UNCOUNTED or name == migrate.VERSION_TABLE:
            continue
        if there.execute(select(func.count()).select_from(table(name))).scalar_one():
            raise Conflict(_("There are data at the new address already. Name an empty database."))


def _refuse_broken(database: Database, sentence: str) -> None:
    broken = verify(database)
    if broken:
        first = broken[0]
        raise Conflict(f"{sentence} {first.rule}: {first.what}.")


def _open(target: Database, *, tell: Tell) -> None:
    """Let servers work on the target; a second time changes nothing."""
    with target.connection(writing=True) as connection:
        arrival = moved.read_mark(connection, moved.ARRIVAL) if migrate.revision(connection) else {}
        if not arrival:
            raise ConfigurationError(
                "This shop was moved, but the new database does not hold it any more. Restore it "
                "there, or take the old place back with `regulars migrate-engine --undo`."
            )
        if arrival.get("state") == moved.ARRIVING:
            moved.keep_mark(connection, moved.ARRIVAL, {**arrival, "state": moved.OPEN})
            connection.commit()
    tell("opened", 0)
