"""What every new table gets in a migration: its fence, and where it is a record, its guard.

A migration is frozen once released, and so are these: a change of rule gets new functions here and
a migration that calls them.
"""

from __future__ import annotations

from alembic import op


def fence(*tables: str) -> None:
    """Keep merchants apart on PostgreSQL; SQLite goes through storage.scope instead.

    FORCE binds the tables' owner too, which is who the server usually connects as.
    """
    if op.get_bind().dialect.name == "sqlite":
        return
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY merchant ON {table} USING "
            "(current_setting('regulars.merchant', true) IN ('*', merchant_id::text))"
        )


def append_only(*tables: str) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE; the first migration made the function they call."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in tables:
        for statement in _sqlite_guard(table) if sqlite else _postgresql_guard(table):
            op.execute(statement)


def _sqlite_guard(table: str) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ]


def _postgresql_guard(table: str) -> list[str]:
    change = (
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    truncate = (
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    return [change, truncate]
