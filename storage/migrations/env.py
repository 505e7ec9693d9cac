"""What Alembic runs: the migrations, inside the transaction that storage.migrate opened.

The caller's explicit BEGIN is the point: without it SQLite commits each statement by itself, and a
migration that dies half-way can never be run again.
"""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
