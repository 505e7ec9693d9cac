"""Delivery's counters and marks.

Frozen once released, whatever storage.tables says later.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# It takes away what no release before it ever wrote.
WORKS_FROM = "0006"

# What this step adds, for the tests that hold all steps together against storage.tables.
APPEND_ONLY: tuple[str, ...] = ()
MERCHANT_TABLES: tuple[str, ...] = ()
TABLES: tuple[str, ...] = ()


def upgrade() -> None:
    """Allow only the priorities that workers claim."""
    op.execute(
        "UPDATE delivery SET priority = CASE WHEN priority < 10 THEN 0 ELSE 10 END "
        "WHERE priority NOT IN (0, 10)"
    )
    with op.batch_alter_table("delivery") as table:
        table.create_check_constraint("ck_delivery_priority", "priority in (0, 10)")


def downgrade() -> None:
    """Allow every number again."""
    with op.batch_alter_table("delivery") as table:
        table.drop_constraint("ck_delivery_priority", type_="check")
