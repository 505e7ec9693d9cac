"""What the programme's rules need: items, coupons, stock, tiers.

Frozen once released, whatever storage.tables says later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations.guards import append_only, fence

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What this step adds, for the tests that hold all steps together against storage.tables.
APPEND_ONLY: tuple[str, ...] = ("rating", "refund", "coupon_use")
MERCHANT_TABLES: tuple[str, ...] = (
    "expiry_run",
    "item",
    "terms_draft",
    "challenge_progress",
    "coupon",
    "member_day",
    "member_standing",
    "promise",
    "welcome",
    "pause",
    "coupon_use",
    "rating",
    "refund",
)
TABLES: tuple[str, ...] = MERCHANT_TABLES
# By table, in the order they are added.
COLUMNS: dict[str, tuple[str, ...]] = {
    "account": ("debt", "locked_at"),
    "lot": ("idle_days", "extended_at"),
    "operation": ("part_of_id", "debt_change", "value_minor", "cost_minor"),
    "programme": ("next_terms_version", "next_terms_at", "average_minor"),
    "reward": (
        "kind",
        "unit",
        "value",
        "cost_minor",
        "stock",
        "per_member",
        "valid_from",
        "valid_until",
        "note",
        "used",
        "conditions",
    ),
    "sale": ("gift_minor",),
    "terms": ("effective_at",),
}
INDEXES = (("ix_lot_expiry", "lot"), ("ix_lot_idle", "lot"), ("ix_operation_part", "operation"))


def upgrade() -> None:
    _expiry_run()
    _item()
    _terms_draft()
    _challenge_progress()
    _coupon()
    _member_day()
    _member_standing()
    _promise()
    _welcome()
    _pause()
    _coupon_use()
    _rating()
    _refund()
    _new_columns()
    fence(*MERCHANT_TABLES)
    append_only(*APPEND_ONLY)


def downgrade() -> None:
    for name, table in INDEXES:
        op.drop_index(name, table_name=table)
    for table, columns in COLUMNS.items():
        for column in reversed(columns):
            op.drop_column(table, column)
    for table in reversed(TABLES):
        op.drop_table(table)


def _expiry_run() -> None:
    op.create_table(
        "expiry_run",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("accounts", sa.BigInteger(), nullable=False),
        sa.Column("lots", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_expiry_run_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_expiry_run")),
    )
    op.create_index(
        op.f("ix_expiry_run_merchant_id_created_at"),
        "expiry_run",
        ["merchant_id", "created_at"],
        unique=False,
    )


def _item() -> None:
    op.create_table(
        "item",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("cost_minor", sa.BigInteger(), nullable=True),
        sa.Column("own_brand", sa.Boolean(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name=op.f("fk_item_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_item")),
        sa.UniqueConstraint("merchant_id", "code", name=op.f("uq_item_merchant_id_code")),
    )


def _terms_draft() -> None:
    op.create_table(
        "terms_draft",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("based_on", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_terms_draft_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "programme_id", name=op.f("pk_terms_draft")),
    )


def _challenge_progress() -> None:
    op.create_table(
        "challenge_progress",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_challenge_progress_merchant_id")
        ),
        sa.PrimaryKeyConstraint(
            "merchant_id", "member_id", "rule", name=op.f("pk_challenge_progress")
        ),
    )


def _coupon() -> None:
    op.create_table(
        "coupon",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("cost_minor", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.Column("stock", sa.Integer(), nullable=True),
        sa.Column("per_member", sa.Integer(), nullable=True),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("conditions", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_coupon_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_coupon")),
        sa.UniqueConstraint("merchant_id", "code", name=op.f("uq_coupon_merchant_id_code")),
    )


def _member_day() -> None:
    op.create_table(
        "member_day",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("earns", sa.BigInteger(), nullable=False),
        sa.Column("sales", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("counted_minor", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_member_day_merchant_id")
        ),
        sa.PrimaryKeyConstraint(
            "merchant_id", "member_id", "unit", "day", name=op.f("pk_member_day")
        ),
    )


def _member_standing() -> None:
    op.create_table(
        "member_standing",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("purchases", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("active_at", sa.BigInteger(), nullable=True),
        sa.Column("earned_at", sa.BigInteger(), nullable=True),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("tier_since", sa.BigInteger(), nullable=True),
        sa.Column("grace_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_member_standing_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "member_id", name=op.f("pk_member_standing")),
    )
    op.create_index(
        "ix_member_standing_tier",
        "member_standing",
        ["merchant_id", "programme_id", "tier"],
        unique=False,
        sqlite_where=sa.text("tier <> ''"),
        postgresql_where=sa.text("tier <> ''"),
    )


def _promise() -> None:
    op.create_table(
        "promise",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("made_by_id", sa.BigInteger(), nullable=True),
        sa.Column("kept_by_id", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_promise_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_promise")),
    )
    op.create_index(
        op.f("ix_promise_merchant_id_member_id"),
        "promise",
        ["merchant_id", "member_id"],
        unique=False,
    )


def _welcome() -> None:
    op.create_table(
        "welcome",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_index", sa.LargeBinary(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_welcome_merchant_id")
        ),
        sa.PrimaryKeyConstraint(
            "merchant_id", "programme_id", "contact_index", name=op.f("pk_welcome")
        ),
    )
    op.create_index(
        op.f("ix_welcome_merchant_id_member_id"),
        "welcome",
        ["merchant_id", "member_id"],
        unique=False,
    )


def _pause() -> None:
    op.create_table(
        "pause",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("first_day", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id", "account_id"],
            ["account.merchant_id", "account.id"],
            name="fk_account_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_pause_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_pause")),
    )
    op.create_index(
        op.f("ix_pause_merchant_id_account_id"),
        "pause",
        ["merchant_id", "account_id"],
        unique=False,
    )


def _coupon_use() -> None:
    op.create_table(
        "coupon_use",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("coupon_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("saved_minor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "coupon_id"], ["coupon.merchant_id", "coupon.id"], name="fk_coupon_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "operation_id"],
            ["operation.merchant_id", "operation.id"],
            name="fk_operation_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_coupon_use_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_coupon_use")),
    )
    op.create_index(
        op.f("ix_coupon_use_merchant_id_coupon_id_member_id"),
        "coupon_use",
        ["merchant_id", "coupon_id", "member_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_coupon_use_merchant_id_operation_id"),
        "coupon_use",
        ["merchant_id", "operation_id"],
        unique=False,
    )


def _rating() -> None:
    op.create_table(
        "rating",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("terms_version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "operation_id"],
            ["operation.merchant_id", "operation.id"],
            name="fk_operation_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_rating_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "operation_id", name=op.f("pk_rating")),
    )


def _refund() -> None:
    op.create_table(
        "refund",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("sale_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_ref", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "operation_id"],
            ["operation.merchant_id", "operation.id"],
            name="fk_operation_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "sale_id"], ["sale.merchant_id", "sale.id"], name="fk_sale_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_refund_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_refund")),
        sa.UniqueConstraint(
            "merchant_id",
            "source",
            "source_ref",
            name=op.f("uq_refund_merchant_id_source_source_ref"),
        ),
    )
    op.create_index(
        op.f("ix_refund_merchant_id_sale_id"), "refund", ["merchant_id", "sale_id"], unique=False
    )


def _new_columns() -> None:
    _of_account()
    _of_lot()
    _of_operation()
    _of_programme()
    _of_reward()
    _of_sale()
    _of_terms()


def _of_account() -> None:
    op.add_column("account", sa.Column("debt", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("account", sa.Column("locked_at", sa.BigInteger(), nullable=True))


def _of_lot() -> None:
    op.add_column("lot", sa.Column("idle_days", sa.Integer(), nullable=True))
    op.add_column("lot", sa.Column("extended_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_lot_expiry",
        "lot",
        ["merchant_id", "expires_at", "id"],
        unique=False,
        sqlite_where=sa.text("remaining > 0 and expires_at is not null"),
        postgresql_where=sa.text("remaining > 0 and expires_at is not null"),
    )
    op.create_index(
        "ix_lot_idle",
        "lot",
        ["merchant_id", "account_id"],
        unique=False,
        sqlite_where=sa.text("remaining > 0 and idle_days is not null"),
        postgresql_where=sa.text("remaining > 0 and idle_days is not null"),
    )


def _of_operation() -> None:
    op.add_column("operation", sa.Column("part_of_id", sa.BigInteger(), nullable=True))
    op.add_column(
        "operation", sa.Column("debt_change", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column("operation", sa.Column("value_minor", sa.BigInteger(), nullable=True))
    op.add_column("operation", sa.Column("cost_minor", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_operation_part",
        "operation",
        ["merchant_id", "part_of_id"],
        unique=False,
        sqlite_where=sa.text("part_of_id is not null"),
        postgresql_where=sa.text("part_of_id is not null"),
    )


def _of_programme() -> None:
    op.add_column("programme", sa.Column("next_terms_version", sa.Integer(), nullable=True))
    op.add_column("programme", sa.Column("next_terms_at", sa.BigInteger(), nullable=True))
    op.add_column("programme", sa.Column("average_minor", sa.BigInteger(), nullable=True))


def _of_reward() -> None:
    op.add_column("reward", sa.Column("kind", sa.Text(), server_default="product", nullable=False))
    op.add_column("reward", sa.Column("unit", sa.Text(), nullable=True))
    op.add_column("reward", sa.Column("value", sa.BigInteger(), nullable=True))
    op.add_column("reward", sa.Column("cost_minor", sa.BigInteger(), nullable=True))
    op.add_column("reward", sa.Column("stock", sa.Integer(), nullable=True))
    op.add_column("reward", sa.Column("per_member", sa.Integer(), nullable=True))
    op.add_column("reward", sa.Column("valid_from", sa.BigInteger(), nullable=True))
    op.add_column("reward", sa.Column("valid_until", sa.BigInteger(), nullable=True))
    op.add_column("reward", sa.Column("note", sa.Text(), server_default="", nullable=False))
    op.add_column("reward", sa.Column("used", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("reward", sa.Column("conditions", sa.Text(), nullable=True))


def _of_sale() -> None:
    op.add_column(
        "sale", sa.Column("gift_minor", sa.BigInteger(), server_default="0", nullable=False)
    )


def _of_terms() -> None:
    op.add_column("terms", sa.Column("effective_at", sa.BigInteger(), nullable=True))
