"""E-mails and Google messages that wait to be sent, and which alarms were told.

Frozen once released, whatever storage.tables says later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.guards import fence

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# What this step adds, for the tests that hold all steps together against storage.tables.
APPEND_ONLY: tuple[str, ...] = ()
MERCHANT_TABLES: tuple[str, ...] = ("outbox", "alarm")
TABLES: tuple[str, ...] = ("outbox", "alarm")

_OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    """Make the outbox and the list of told alarms."""
    _outbox()
    _outbox_indexes()
    op.create_table(
        "alarm",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "name", name="pk_alarm"),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name="fk_alarm_merchant_id"),
    )
    fence(*MERCHANT_TABLES)
    op.add_column("programme", sa.Column("join_by_mail", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Forget both; what waits to be sent is lost."""
    op.drop_column("programme", "join_by_mail")
    for table in reversed(TABLES):
        op.drop_table(table)


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("receiver", sa.LargeBinary(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("payload_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("lease", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_outbox"),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name="fk_outbox_merchant_id"),
        sa.CheckConstraint("channel in ('mail', 'google')", name="ck_outbox_channel"),
        sa.CheckConstraint("state in ('open', 'sent', 'dead')", name="ck_outbox_state"),
    )


def _outbox_indexes() -> None:
    op.create_index(
        "ix_outbox_due", "outbox", ["due_at"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index(
        "ix_outbox_receiver",
        "outbox",
        ["merchant_id", "receiver", "id"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index("ix_outbox_merchant_id_state_id", "outbox", ["merchant_id", "state", "id"])
    op.create_index("ix_outbox_merchant_id_member_id", "outbox", ["merchant_id", "member_id"])
