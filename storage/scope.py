"""What every repository is given: the connection, the merchant, the clock.

`Scope` is the one helper that demands the merchant (DESIGN 5): on SQLite, which has no row-level
security, `mine(table)` is how a statement is bound to its merchant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Select, Table, Update, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from common.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One transaction of one merchant; `merchant_id` None means the whole installation."""

    connection: Connection
    merchant_id: int | None
    clock: Clock

    @property
    def merchant(self) -> int:
        """The merchant, where there must be one."""
        if self.merchant_id is None:
            raise RuntimeError("this statement belongs to one merchant, and none is given")
        return self.merchant_id

    def select(self, table: Table, *columns: Any) -> Select[Any]:
        """A SELECT of the merchant's rows of `table`."""
        return select(*(columns or (table,))).where(table.c.merchant_id == self.merchant)

    def insert(self, table: Table, **values: Any) -> Insert:
        """An INSERT of one of the merchant's rows."""
        return insert(table).values(merchant_id=self.merchant, **values)

    def update(self, table: Table) -> Update:
        """An UPDATE of the merchant's rows of `table`."""
        return update(table).where(table.c.merchant_id == self.merchant)

    def insert_new(self, table: Table, **values: Any) -> bool:
        """Insert a row unless its key is taken; True when it was inserted.

        Nothing is bound to the merchant here: it serves the tables asked before one is known.
        """
        kind = sqlite.insert if self.connection.dialect.name == "sqlite" else postgresql.insert
        statement = kind(table).values(values).on_conflict_do_nothing()
        inserted = self.execute(statement.execution_options(preserve_rowcount=True))
        return bool(inserted.rowcount == 1)

    def run_sql(self, statement: str, values: tuple[Any, ...]) -> Any:
        """Run driver SQL, `?` standing for each value: for the few statements of a hot path.

        It goes to the driver's connection itself, inside this transaction: SQLAlchemy's results
        cost more than the statements. Nothing binds it to the merchant: the statement must name
        the merchant itself.

        Returns:
            The driver's cursor; rows are tuples.

        Raises:
            DBAPIError: as `execute` would.
        """
        return self._drive(lambda raw, text: raw.execute(text, values), statement)

    def run_sql_many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        """Run driver SQL once for each row of values."""
        self._drive(lambda raw, text: raw.cursor().executemany(text, rows), statement)

    def _drive(self, run: Callable[[Any, str], Any], statement: str) -> Any:
        dialect = self.connection.dialect
        text = _for_psycopg(statement) if dialect.name == "postgresql" else statement
        try:
            return run(self.connection.connection.dbapi_connection, text)
        except dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(
                statement, None, error, dialect.loaded_dbapi.Error, dialect=dialect
            ) from error

    def execute(self, statement: Any, *arguments: Any) -> Any:
        """Run a statement on this transaction's connection."""
        return self.connection.execute(statement, *arguments)


@cache
def _for_psycopg(statement: str) -> str:
    return statement.replace("?", "%s")
