"""Gift cards, referrals, activities and printed codes.

Frozen once released, whatever storage.tables says later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.guards import fence

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# What this step adds, for the tests that hold all steps together against storage.tables.
APPEND_ONLY: tuple[str, ...] = ()
MERCHANT_TABLES: tuple[str, ...] = (
    "gift_programme",
    "gift_card",
    "payment_account",
    "referral_rule",
    "referral_link",
    "referral",
    "member_device",
    "activity",
    "activity_claim",
    "printed_code",
)
TABLES: tuple[str, ...] = MERCHANT_TABLES


def upgrade() -> None:
    """Every programme so far is one of cards."""
    op.add_column("programme", sa.Column("kind", sa.Text(), nullable=False, server_default="card"))
    _gift_programme()
    _gift_card()
    _payment_account()
    _referral_rule()
    _referral_link()
    _referral()
    _member_device()
    _activity()
    _activity_claim()
    _printed_code()
    fence(*MERCHANT_TABLES)


def downgrade() -> None:
    """Forget them; the money of gift cards stays in the books as any balance."""
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_column("programme", "kind")


def _of_merchant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name=f"fk_{table}_merchant_id")


def _to(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["merchant_id", column], [f"{table}.merchant_id", f"{table}.id"], name=f"fk_{column}"
    )


def _gift_programme() -> None:
    op.create_table(
        "gift_programme",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "programme_id", name="pk_gift_programme"),
        _of_merchant("gift_programme"),
        _to("programme_id", "programme"),
        sa.UniqueConstraint(
            "merchant_id", "currency", name="uq_gift_programme_merchant_id_currency"
        ),
    )


def _gift_card() -> None:
    op.create_table(
        "gift_card",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("number_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("pin_hash", sa.Text(), nullable=True),
        sa.Column("people_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("email_index", sa.LargeBinary(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("payment", sa.Text(), nullable=False),
        sa.Column("payment_ref", sa.Text(), nullable=True),
        sa.Column("counter_code", sa.Text(), nullable=True),
        sa.Column("order_hash", sa.LargeBinary(), nullable=True),
        sa.Column("send_at", sa.BigInteger(), nullable=True),
        sa.Column("paid_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_gift_card"),
        _of_merchant("gift_card"),
        _to("member_id", "member"),
        _to("programme_id", "programme"),
        sa.UniqueConstraint("merchant_id", "member_id", name="uq_gift_card_merchant_id_member_id"),
        sa.UniqueConstraint(
            "merchant_id", "payment_ref", name="uq_gift_card_merchant_id_payment_ref"
        ),
        sa.UniqueConstraint(
            "merchant_id", "order_hash", name="uq_gift_card_merchant_id_order_hash"
        ),
        sa.UniqueConstraint(
            "merchant_id", "counter_code", name="uq_gift_card_merchant_id_counter_code"
        ),
        sa.CheckConstraint(
            "state in ('ordered', 'paid', 'sent', 'frozen', 'void')",
            name=op.f("ck_gift_card_state"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_gift_card_amount")),
    )
    op.create_index(
        "ix_gift_card_merchant_id_email_index", "gift_card", ["merchant_id", "email_index"]
    )
    op.create_index(
        "ix_gift_card_merchant_id_state_send_at", "gift_card", ["merchant_id", "state", "send_at"]
    )


def _payment_account() -> None:
    op.create_table(
        "payment_account",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("hook_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("broken_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_payment_account"),
        _of_merchant("payment_account"),
        sa.UniqueConstraint(
            "merchant_id", "provider", name="uq_payment_account_merchant_id_provider"
        ),
    )


def _referral_rule() -> None:
    op.create_table(
        "referral_rule",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "programme_id", name="pk_referral_rule"),
        _of_merchant("referral_rule"),
        _to("programme_id", "programme"),
    )


def _referral_link() -> None:
    op.create_table(
        "referral_link",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "member_id", name="pk_referral_link"),
        _of_merchant("referral_link"),
        _to("member_id", "member"),
        sa.UniqueConstraint("merchant_id", "code", name="uq_referral_link_merchant_id_code"),
    )


def _referral() -> None:
    op.create_table(
        "referral",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("referrer_id", sa.BigInteger(), nullable=False),
        sa.Column("friend_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("referrer_operation_id", sa.BigInteger(), nullable=True),
        sa.Column("friend_operation_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_referral"),
        _of_merchant("referral"),
        _to("friend_id", "member"),
        _to("friend_operation_id", "operation"),
        _to("programme_id", "programme"),
        _to("referrer_id", "member"),
        _to("referrer_operation_id", "operation"),
        sa.UniqueConstraint("merchant_id", "friend_id", name="uq_referral_merchant_id_friend_id"),
        sa.CheckConstraint(
            "state in ('waiting', 'rewarded', 'lapsed', 'refused')",
            name=op.f("ck_referral_state"),
        ),
    )
    op.create_index(
        "ix_referral_merchant_id_referrer_id", "referral", ["merchant_id", "referrer_id"]
    )


def _member_device() -> None:
    op.create_table(
        "member_device",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("device_hash", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "member_id", "device_hash", name="pk_member_device"),
        _of_merchant("member_device"),
        _to("member_id", "member"),
    )
    op.create_index(
        "ix_member_device_merchant_id_device_hash", "member_device", ["merchant_id", "device_hash"]
    )


def _activity() -> None:
    op.create_table(
        "activity",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_activity"),
        _of_merchant("activity"),
        _to("programme_id", "programme"),
        sa.UniqueConstraint("merchant_id", "code", name="uq_activity_merchant_id_code"),
    )


def _activity_claim() -> None:
    op.create_table(
        "activity_claim",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("activity_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("stars", sa.Integer(), nullable=True),
        sa.Column("photo", sa.LargeBinary(), nullable=True),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("operation_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_activity_claim"),
        _of_merchant("activity_claim"),
        _to("activity_id", "activity"),
        _to("member_id", "member"),
        _to("operation_id", "operation"),
        sa.UniqueConstraint(
            "merchant_id",
            "activity_id",
            "member_id",
            "turn",
            name="uq_activity_claim_merchant_id_activity_id_member_id_turn",
        ),
        sa.CheckConstraint(
            "state in ('waiting', 'approved', 'refused')",
            name=op.f("ck_activity_claim_state"),
        ),
    )
    op.create_index(
        "ix_activity_claim_merchant_id_member_id", "activity_claim", ["merchant_id", "member_id"]
    )
    op.create_index(
        "ix_activity_claim_merchant_id_state_id", "activity_claim", ["merchant_id", "state", "id"]
    )


def _printed_code() -> None:
    op.create_table(
        "printed_code",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("operation_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_printed_code"),
        _of_merchant("printed_code"),
        _to("member_id", "member"),
        _to("operation_id", "operation"),
        sa.UniqueConstraint(
            "merchant_id", "code_hash", name="uq_printed_code_merchant_id_code_hash"
        ),
        sa.CheckConstraint("state in ('open', 'used', 'void')", name=op.f("ck_printed_code_state")),
    )
    op.create_index(
        "ix_printed_code_merchant_id_kind_subject_id",
        "printed_code",
        ["merchant_id", "kind", "subject_id"],
    )
    op.create_index(
        "ix_printed_code_merchant_id_member_id", "printed_code", ["merchant_id", "member_id"]
    )
