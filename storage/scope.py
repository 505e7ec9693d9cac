"""What every repository is given: the connection, the merchant, the clock.

`Scope` is the one helper that demands the merchant (DESIGN 5): on SQLite, which has no row-level
security, `mine(table)` is how a statement is bound to its merchant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Insert, Select, Table, Update, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

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

    def execute(self, statement: Any, *arguments: Any) -> Any:
        """Run a statement on this transaction's connection."""
        return self.connection.execute(statement, *arguments)
