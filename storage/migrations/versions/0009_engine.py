"""What the rules' use cases keep beside the ledger.

Frozen once released, whatever storage.tables says later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# What this step adds, for the tests that hold all steps together against storage.tables.
APPEND_ONLY: tuple[str, ...] = ()
MERCHANT_TABLES: tuple[str, ...] = ()
TABLES: tuple[str, ...] = ()


def upgrade() -> None:
    """What staff may take back without a manager is the same everywhere until an owner says."""
    op.add_column("merchant", sa.Column("refund_max_minor", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """The limit is forgotten."""
    op.drop_column("merchant", "refund_max_minor")
