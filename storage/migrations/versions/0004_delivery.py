"""Paced mass changes and measured lag.

Frozen once released, whatever storage.tables says later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.guards import fence

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What this step adds, for the tests that hold all steps together against storage.tables.
APPEND_ONLY: tuple[str, ...] = ()
MERCHANT_TABLES: tuple[str, ...] = ("lag_count",)
TABLES: tuple[str, ...] = MERCHANT_TABLES

DUE = "wanted_revision > delivered_revision and state = 'open'"


def upgrade() -> None:
    """Before this step every claim ranked all rows that are due; now it reads each merchant's first."""
    _lag_count()
    for column in ("total", "not_before", "paused_at", "cancelled_at"):
        op.add_column("mass_change", sa.Column(column, sa.BigInteger(), nullable=True))
    op.add_column("delivery", sa.Column("reminders", sa.Integer(), nullable=True))
    op.add_column("delivery", sa.Column("reminded_revision", sa.BigInteger(), nullable=True))
    op.drop_index("ix_delivery_due", table_name="delivery")
    _due_index("ix_delivery_turn", ["channel", "merchant_id", "priority", "due_at"])
    fence(*MERCHANT_TABLES)


def downgrade() -> None:
    op.drop_index("ix_delivery_turn", table_name="delivery")
    _due_index("ix_delivery_due", ["due_at"])
    for column in ("reminded_revision", "reminders"):
        op.drop_column("delivery", column)
    for column in ("cancelled_at", "paused_at", "not_before", "total"):
        op.drop_column("mass_change", column)
    op.drop_table("lag_count")


def _due_index(name: str, columns: list[str]) -> None:
    op.create_index(
        name,
        "delivery",
        columns,
        unique=False,
        sqlite_where=sa.text(DUE),
        postgresql_where=sa.text(DUE),
    )


def _lag_count() -> None:
    op.create_table(
        "lag_count",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("bound_ms", sa.BigInteger(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("step in ('told', 'fetched')", name=op.f("ck_lag_count_step")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_lag_count_merchant_id")
        ),
        sa.PrimaryKeyConstraint(
            "merchant_id",
            "hour",
            "channel",
            "step",
            "priority",
            "bound_ms",
            "shard",
            name=op.f("pk_lag_count"),
        ),
    )
