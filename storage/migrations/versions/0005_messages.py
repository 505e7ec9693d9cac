"""Messages to many cards at once, and who wants none.

Frozen once released, whatever storage.tables says later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.guards import fence

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# What this step adds, for the tests that hold all steps together against storage.tables.
APPEND_ONLY: tuple[str, ...] = ()
MERCHANT_TABLES: tuple[str, ...] = ("message", "message_card")
TABLES: tuple[str, ...] = ("message", "message_card")


def upgrade() -> None:
    """Make the two tables, and a member's no."""
    _message()
    _message_card()
    op.create_index("ix_message_merchant_id_state", "message", ["merchant_id", "state"])
    op.create_index(
        "ix_message_card_merchant_id_pass_id", "message_card", ["merchant_id", "pass_id"]
    )
    op.add_column("member", sa.Column("messages_off_at", sa.BigInteger(), nullable=True))
    op.add_column("mass_change", sa.Column("message_id", sa.BigInteger(), nullable=True))
    fence(*MERCHANT_TABLES)


def downgrade() -> None:
    """Forget them; a member's no stays in what they consented to."""
    op.drop_column("mass_change", "message_id")
    op.drop_column("member", "messages_off_at")
    for table in reversed(TABLES):
        op.drop_table(table)


def _message() -> None:
    op.create_table(
        "message",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.Column("loud", sa.Boolean(), nullable=False),
        sa.Column("send_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("cursor_id", sa.BigInteger(), nullable=False),
        sa.Column("cards", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_message"),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name="fk_message_merchant_id"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.CheckConstraint(
            "state in ('waits', 'chooses', 'sends', 'sent', 'stopped', 'withdrawn', 'over')",
            name="ck_message_state",
        ),
    )


def _message_card() -> None:
    op.create_table(
        "message_card",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("pass_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "message_id", "pass_id", name="pk_message_card"),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name="fk_message_card_merchant_id"
        ),
        *(
            sa.ForeignKeyConstraint(
                ["merchant_id", column],
                [f"{table}.merchant_id", f"{table}.id"],
                name=f"fk_{column}",
            )
            for column, table in (
                ("message_id", "message"),
                ("pass_id", "wallet_pass"),
                ("member_id", "member"),
            )
        ),
    )
