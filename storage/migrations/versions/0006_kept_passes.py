"""Cards that were in phones before Regulars: the proof their phones show.

Frozen once released, whatever storage.tables says later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.guards import fence

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# What this step adds, for the tests that hold all steps together against storage.tables.
APPEND_ONLY: tuple[str, ...] = ()
MERCHANT_TABLES: tuple[str, ...] = ("kept_pass",)
TABLES: tuple[str, ...] = ("kept_pass",)


def upgrade() -> None:
    """Add the table, fenced."""
    op.create_table(
        "kept_pass",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("token_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("web_service_url", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "id"], ["wallet_pass.merchant_id", "wallet_pass.id"], name="fk_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_kept_pass_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_kept_pass")),
    )
    fence("kept_pass")


def downgrade() -> None:
    """Drop it."""
    op.drop_table("kept_pass")
