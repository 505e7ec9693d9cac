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
    "member_tier",
    "promise",
    "welcome",
    "coupon_use",
    "rating",
    "refund",
)
TABLES: tuple[str, ...] = MERCHANT_TABLES
# By table, in the order they are added.
COLUMNS: dict[str, tuple[str, ...]] = {
    "account": ("paused_at", "locked_at"),
    "operation": ("part_of_id", "value_minor", "cost_minor"),
    "programme": ("next_terms_version", "next_terms_at"),
    "reward": (
        "kind",
        "unit",
        "value",
        "min_spend_minor",
        "cost_minor",
        "stock",
        "per_member",
        "valid_from",
        "valid_until",
        "tier",
        "note",
        "used",
    ),
    "sale": ("gift_minor",),
    "terms": ("effective_at",),
}
INDEXES = (("ix_lot_expiry", "lot"), ("ix_operation_part", "operation"))


def upgrade() -> None:
    _expiry_run()
    _item()
    _terms_draft()
    _challenge_progress()
    _coupon()
    _member_tier()
    _promise()
    _welcome()
    _coupon_use()
    _rating()
    _refund()
    _new_columns()
    fence(*MERCHANT_TABLES)
    append_only(*APPEND_ONLY)


def downgrade() -> None:
    """Nothing yet."""
