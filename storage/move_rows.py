"""Copy every table from one engine to another inside two open transactions, and prove it.

Not done here: who may write meanwhile, and what a crash leaves (move_engine).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Table, text

from common.errors import Conflict, Unavailable
from common.i18n import gettext as _
from storage.table_rows import Tally, alike, plain_rows
from storage.tables import MERCHANT_TABLES, metadata

INSERTED_AT_ONCE: Final = 2000

Tell = Callable[[str, int], None]


def copy_tables(source: Connection, target: Connection, *, tell: Tell) -> dict[str, Tally]:
    """Fill the target's empty tables; `tell` hears each table and its rows.

    Raises:
        Conflict: a value that the other engine cannot keep.
        Unavailable: the target went away.
    """
    tallies = {}
    with _within_the_fence(target):
        for each in metadata.sorted_tables:
            tallies[each.name] = _copy_table(source, target, each)
            tell(each.name, tallies[each.name].rows)
    return tallies


def _copy_table(source: Connection, target: Connection, each: Table) -> Tally:
    # What the migrations left there is the source's too.
    target.execute(text(f'delete from "{each.name}"'))  # noqa: S608  # a name of the schema
    tally = Tally()
    _write(target, each, _tallied(plain_rows(source, each), alike(each), tally))
    return tally


@contextmanager
def _within_the_fence(target: Connection) -> Iterator[None]:
    """Row-level security lets no COPY in, so that its owner steps inside for this transaction."""
    if target.dialect.name == "sqlite":
        yield
        return
    for name in sorted(MERCHANT_TABLES):
        target.execute(text(f'alter table "{name}" no force row level security'))
    yield
    for name in sorted(MERCHANT_TABLES):
        target.execute(text(f'alter table "{name}" force row level security'))


def compare_tables(target: Connection, wanted: dict[str, Tally]) -> None:
    """Read everything back from where it was written.

    Raises:
        Conflict: a table there is not what was read from the source.
    """
    for each in metadata.sorted_tables:
        found, same = Tally(), alike(each)
        for row in plain_rows(target, each):
            found.add(same(row))
        if found != wanted[each.name]:
            raise Conflict(
                _(
                    "Table %(name)s did not arrive as it left (%(there)s rows of %(here)s). "
                    "Nothing was moved; the old place goes on.",
                    name=each.name,
                    there=found.rows,
                    here=wanted[each.name].rows,
                )
            )


def learn_shapes(target: Connection) -> None:
    """Let PostgreSQL count what it was given: plans made for empty tables are slow ones."""
    if target.dialect.name != "sqlite":
        target.execute(text("analyze"))


def _tallied(rows: Iterable[Any], same: Any, tally: Tally) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        values = same(row)
        tally.add(values)
        yield values


def _write(target: Connection, each: Table, rows: Iterator[tuple[Any, ...]]) -> None:
    if target.dialect.name == "sqlite":
        _insert(target, each, rows)
        return
    try:
        _copy_in(target, each, rows)
    except psycopg.OperationalError as error:
        raise Unavailable(_("The new database went away; nothing was moved.")) from error
    except psycopg.Error as error:
        raise Conflict(
            _(
                "Table %(name)s holds what PostgreSQL cannot keep: %(reason)s",
                name=each.name,
                reason=str(error).splitlines()[0],
            )
        ) from error


def _copy_in(target: Connection, each: Table, rows: Iterator[tuple[Any, ...]]) -> None:
    driver: Any = target.connection.driver_connection
    names = sql.SQL(", ").join(sql.Identifier(c.name) for c in each.columns)
    statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(each.name), names)
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _insert(target: Connection, each: Table, rows: Iterator[tuple[Any, ...]]) -> None:
    names = ", ".join(f'"{c.name}"' for c in each.columns)
    marks = ", ".join("?" for _column in each.columns)
    statement = f'insert into "{each.name}" ({names}) values ({marks})'  # noqa: S608  # the schema's
    while some := list(islice(rows, INSERTED_AT_ONCE)):
        target.exec_driver_sql(statement, some)
