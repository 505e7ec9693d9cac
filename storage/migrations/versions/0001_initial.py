"""Every table of the first release, the append-only triggers and row-level security.

Frozen: this is what the first release made, whatever storage.tables says later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "operation",
    "transfer",
    "allocation",
    "sale",
    "sale_line",
    "audit_entry",
)
MERCHANT_TABLES = (
    "apple_log",
    "apple_push_key",
    "apple_request",
    "audit_entry",
    "breaker",
    "image",
    "location",
    "pass_type",
    "programme",
    "role",
    "staff",
    "apple_certificate",
    "design",
    "device",
    "mass_change",
    "member",
    "reward",
    "terms",
    "till",
    "account",
    "consent",
    "erasure",
    "sale",
    "wallet_pass",
    "delivery",
    "google_holding",
    "operation",
    "registration",
    "sale_line",
    "lot",
    "transfer",
    "allocation",
)
TABLES = (
    "google_account",
    "google_keys",
    "installation",
    "merchant",
    "person",
    "rate_bucket",
    "session",
    "worker_heartbeat",
    "apple_log",
    "apple_push_key",
    "apple_request",
    "audit_entry",
    "breaker",
    "directory_name",
    "directory_token",
    "google_callback",
    "image",
    "location",
    "one_time_link",
    "pass_type",
    "programme",
    "role",
    "staff",
    "apple_certificate",
    "design",
    "device",
    "mass_change",
    "member",
    "reward",
    "terms",
    "till",
    "account",
    "consent",
    "erasure",
    "sale",
    "wallet_pass",
    "delivery",
    "google_holding",
    "operation",
    "registration",
    "sale_line",
    "lot",
    "transfer",
    "allocation",
)


def upgrade() -> None:
    _google_account()
    _google_keys()
    _installation()
    _merchant()
    _person()
    _rate_bucket()
    _session()
    _worker_heartbeat()
    _apple_log()
    _apple_push_key()
    _apple_request()
    _audit_entry()
    _breaker()
    _directory_name()
    _directory_token()
    _google_callback()
    _image()
    _location()
    _one_time_link()
    _pass_type()
    _programme()
    _role()
    _staff()
    _apple_certificate()
    _design()
    _device()
    _mass_change()
    _member()
    _reward()
    _terms()
    _till()
    _account()
    _consent()
    _erasure()
    _sale()
    _wallet_pass()
    _delivery()
    _google_holding()
    _operation()
    _registration()
    _sale_line()
    _lot()
    _transfer()
    _allocation()
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()
        _fence_postgresql()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION refuse_change()")


def _google_account() -> None:
    op.create_table(
        "google_account",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("issuer_id", sa.Text(), nullable=False),
        sa.Column("client_email", sa.Text(), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_google_account")),
        sa.UniqueConstraint(
            "issuer_id", "client_email", name=op.f("uq_google_account_issuer_id_client_email")
        ),
    )


def _google_keys() -> None:
    op.create_table(
        "google_keys",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("keys", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=True),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.Column("wanted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_google_keys")),
    )


def _installation() -> None:
    op.create_table(
        "installation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation")),
    )


def _merchant() -> None:
    op.create_table(
        "merchant",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("public_url", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("sale_max_minor", sa.BigInteger(), nullable=False),
        sa.Column("google_account_id", sa.BigInteger(), nullable=True),
        sa.Column("privacy_url", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status in ('active', 'suspended')", name=op.f("ck_merchant_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchant")),
        sa.UniqueConstraint("slug", name=op.f("uq_merchant_slug")),
    )


def _person() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("totp_last_step", sa.BigInteger(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
    )


def _rate_bucket() -> None:
    op.create_table(
        "rate_bucket",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tokens_milli", sa.BigInteger(), nullable=False),
        sa.Column("refilled_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rate_bucket")),
    )


def _session() -> None:
    op.create_table(
        "session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("merchant_id", sa.BigInteger(), nullable=True),
        sa.Column("till_id", sa.BigInteger(), nullable=True),
        sa.Column("staff_id", sa.BigInteger(), nullable=True),
        sa.Column("staff_until", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
    )
    op.create_index(
        op.f("ix_session_merchant_id_till_id"), "session", ["merchant_id", "till_id"], unique=False
    )
    op.create_index(op.f("ix_session_person_id"), "session", ["person_id"], unique=False)


def _worker_heartbeat() -> None:
    op.create_table(
        "worker_heartbeat",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker_heartbeat")),
    )


def _apple_log() -> None:
    op.create_table(
        "apple_log",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_apple_log_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_apple_log")),
    )
    op.create_index(
        op.f("ix_apple_log_merchant_id_received_at"),
        "apple_log",
        ["merchant_id", "received_at"],
        unique=False,
    )


def _apple_push_key() -> None:
    op.create_table(
        "apple_push_key",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("team_identifier", sa.Text(), nullable=False),
        sa.Column("key_identifier", sa.Text(), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_apple_push_key_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_apple_push_key")),
        sa.UniqueConstraint(
            "merchant_id",
            "team_identifier",
            name=op.f("uq_apple_push_key_merchant_id_team_identifier"),
        ),
    )


def _apple_request() -> None:
    op.create_table(
        "apple_request",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("request_pem", sa.Text(), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("public_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_apple_request_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_apple_request")),
        sa.UniqueConstraint(
            "merchant_id", "public_sha256", name=op.f("uq_apple_request_merchant_id_public_sha256")
        ),
    )


def _audit_entry() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_audit_entry_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_audit_entry")),
    )
    op.create_index(
        op.f("ix_audit_entry_merchant_id_created_at"),
        "audit_entry",
        ["merchant_id", "created_at"],
        unique=False,
    )


def _breaker() -> None:
    op.create_table(
        "breaker",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_breaker_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "channel", name=op.f("pk_breaker")),
    )


def _directory_name() -> None:
    op.create_table(
        "directory_name",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_directory_name_merchant_id")
        ),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_directory_name")),
    )


def _directory_token() -> None:
    op.create_table(
        "directory_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_directory_token_merchant_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_directory_token")),
    )
    op.create_index(
        op.f("ix_directory_token_merchant_id_subject_id"),
        "directory_token",
        ["merchant_id", "subject_id"],
        unique=False,
    )


def _google_callback() -> None:
    op.create_table(
        "google_callback",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("nonce_hash", sa.LargeBinary(), nullable=False),
        sa.Column("class_id", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.Column("signed_until", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["google_account.id"], name=op.f("fk_google_callback_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "nonce_hash", name=op.f("pk_google_callback")),
    )
    op.create_index(
        op.f("ix_google_callback_received_at"), "google_callback", ["received_at"], unique=False
    )


def _image() -> None:
    op.create_table(
        "image",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_image_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "sha256", name=op.f("pk_image")),
    )


def _location() -> None:
    op.create_table(
        "location",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_location_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_location")),
    )


def _one_time_link() -> None:
    op.create_table(
        "one_time_link",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("spent_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_one_time_link_merchant_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_one_time_link")),
    )


def _pass_type() -> None:
    op.create_table(
        "pass_type",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("team_identifier", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("last_stamp", sa.BigInteger(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_pass_type_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_pass_type")),
        sa.UniqueConstraint("identifier", name=op.f("uq_pass_type_identifier")),
    )


def _programme() -> None:
    op.create_table(
        "programme",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("terms_version", sa.Integer(), nullable=False),
        sa.Column("design_version", sa.Integer(), nullable=False),
        sa.Column("join_code", sa.Text(), nullable=False),
        sa.Column("ask_name", sa.Text(), nullable=False),
        sa.Column("ask_email", sa.Text(), nullable=False),
        sa.Column("ask_phone", sa.Text(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_programme_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_programme")),
        sa.UniqueConstraint("merchant_id", "slug", name=op.f("uq_programme_merchant_id_slug")),
    )


def _role() -> None:
    op.create_table(
        "role",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("role in ('owner', 'manager')", name=op.f("ck_role_role")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name=op.f("fk_role_merchant_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_role_person_id")),
        sa.PrimaryKeyConstraint("merchant_id", "person_id", name=op.f("pk_role")),
    )


def _staff() -> None:
    op.create_table(
        "staff",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("pin_hash", sa.Text(), nullable=True),
        sa.Column("pin_set_at", sa.BigInteger(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("role in ('staff', 'manager')", name=op.f("ck_staff_role")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_staff_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_staff")),
    )


def _apple_certificate() -> None:
    op.create_table(
        "apple_certificate",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("pass_type_id", sa.BigInteger(), nullable=False),
        sa.Column("certificate_pem", sa.Text(), nullable=False),
        sa.Column("intermediate_pem", sa.Text(), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("serial_hex", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "pass_type_id"],
            ["pass_type.merchant_id", "pass_type.id"],
            name="fk_pass_type_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_apple_certificate_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_apple_certificate")),
    )
    op.create_index(
        op.f("ix_apple_certificate_merchant_id_pass_type_id"),
        "apple_certificate",
        ["merchant_id", "pass_type_id"],
        unique=False,
    )


def _design() -> None:
    op.create_table(
        "design",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_design_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_design")),
        sa.UniqueConstraint(
            "merchant_id",
            "programme_id",
            "version",
            name=op.f("uq_design_merchant_id_programme_id_version"),
        ),
    )


def _device() -> None:
    op.create_table(
        "device",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("pass_type_id", sa.BigInteger(), nullable=False),
        sa.Column("library_identifier", sa.Text(), nullable=False),
        sa.Column("push_token", sa.Text(), nullable=False),
        sa.Column("push_token_at", sa.BigInteger(), nullable=False),
        sa.Column("push_score_milli", sa.BigInteger(), nullable=False),
        sa.Column("pushed_at", sa.BigInteger(), nullable=True),
        sa.Column("listed_at", sa.BigInteger(), nullable=True),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "pass_type_id"],
            ["pass_type.merchant_id", "pass_type.id"],
            name="fk_pass_type_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_device_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_device")),
        sa.UniqueConstraint(
            "merchant_id",
            "pass_type_id",
            "library_identifier",
            name=op.f("uq_device_merchant_id_pass_type_id_library_identifier"),
        ),
    )


def _mass_change() -> None:
    op.create_table(
        "mass_change",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cursor_id", sa.BigInteger(), nullable=False),
        sa.Column("moved", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_mass_change_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_mass_change")),
    )


def _member() -> None:
    op.create_table(
        "member",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_folded", sa.Text(), nullable=False),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("email_index", sa.LargeBinary(), nullable=True),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_index", sa.LargeBinary(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_member_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_member")),
        sa.UniqueConstraint("merchant_id", "number", name=op.f("uq_member_merchant_id_number")),
        sa.UniqueConstraint(
            "merchant_id",
            "programme_id",
            "email_index",
            name=op.f("uq_member_merchant_id_programme_id_email_index"),
        ),
        sa.UniqueConstraint(
            "merchant_id",
            "programme_id",
            "phone_index",
            name=op.f("uq_member_merchant_id_programme_id_phone_index"),
        ),
    )
    op.create_index(
        op.f("ix_member_merchant_id_joined_at"),
        "member",
        ["merchant_id", "joined_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_member_merchant_id_programme_id_name_folded"),
        "member",
        ["merchant_id", "programme_id", "name_folded"],
        unique=False,
    )


def _reward() -> None:
    op.create_table(
        "reward",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("cost > 0", name=op.f("ck_reward_cost")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_reward_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_reward")),
        sa.UniqueConstraint(
            "merchant_id",
            "programme_id",
            "slug",
            name=op.f("uq_reward_merchant_id_programme_id_slug"),
        ),
    )


def _terms() -> None:
    op.create_table(
        "terms",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_terms_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_terms")),
        sa.UniqueConstraint(
            "merchant_id",
            "programme_id",
            "version",
            name=op.f("uq_terms_merchant_id_programme_id_version"),
        ),
    )


def _till() -> None:
    op.create_table(
        "till",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("paired_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "location_id"],
            ["location.merchant_id", "location.id"],
            name="fk_location_id",
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name=op.f("fk_till_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_till")),
    )


def _account() -> None:
    op.create_table(
        "account",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("carry", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'member') = (member_id is not null)", name=op.f("ck_account_kind")
        ),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_account_balance")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_account_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_account")),
    )
    op.create_index(
        "uq_account_member",
        "account",
        ["merchant_id", "member_id", "unit"],
        unique=True,
        sqlite_where=sa.text("member_id is not null"),
        postgresql_where=sa.text("member_id is not null"),
    )
    op.create_index(
        "uq_account_programme",
        "account",
        ["merchant_id", "programme_id", "kind", "unit"],
        unique=True,
        sqlite_where=sa.text("member_id is null"),
        postgresql_where=sa.text("member_id is null"),
    )


def _consent() -> None:
    op.create_table(
        "consent",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("wording_version", sa.Integer(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_consent_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_consent")),
    )
    op.create_index(
        op.f("ix_consent_merchant_id_member_id"),
        "consent",
        ["merchant_id", "member_id"],
        unique=False,
    )


def _erasure() -> None:
    op.create_table(
        "erasure",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_erasure_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "member_id", name=op.f("pk_erasure")),
    )


def _sale() -> None:
    op.create_table(
        "sale",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=True),
        sa.Column("till_id", sa.BigInteger(), nullable=True),
        sa.Column("staff_id", sa.BigInteger(), nullable=True),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_ref", sa.Text(), nullable=False),
        sa.Column("sold_at", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("tip_minor", sa.BigInteger(), nullable=False),
        sa.Column("discount_minor", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "location_id"],
            ["location.merchant_id", "location.id"],
            name="fk_location_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "staff_id"], ["staff.merchant_id", "staff.id"], name="fk_staff_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "till_id"], ["till.merchant_id", "till.id"], name="fk_till_id"
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name=op.f("fk_sale_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_sale")),
        sa.UniqueConstraint(
            "merchant_id",
            "source",
            "source_ref",
            name=op.f("uq_sale_merchant_id_source_source_ref"),
        ),
    )
    op.create_index(
        op.f("ix_sale_merchant_id_sold_at"), "sale", ["merchant_id", "sold_at"], unique=False
    )


def _wallet_pass() -> None:
    op.create_table(
        "wallet_pass",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("pass_type_id", sa.BigInteger(), nullable=True),
        sa.Column("google_object_id", sa.Text(), nullable=True),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("stamped_revision", sa.BigInteger(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("stamped_face", sa.LargeBinary(), nullable=True),
        sa.Column("last_modified_s", sa.BigInteger(), nullable=False),
        sa.Column("fetched_revision", sa.BigInteger(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=True),
        sa.Column("totp_last_step", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "pass_type_id"],
            ["pass_type.merchant_id", "pass_type.id"],
            name="fk_pass_type_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_wallet_pass_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_wallet_pass")),
        sa.UniqueConstraint(
            "merchant_id",
            "member_id",
            "generation",
            name=op.f("uq_wallet_pass_merchant_id_member_id_generation"),
        ),
        sa.UniqueConstraint(
            "merchant_id", "serial_number", name=op.f("uq_wallet_pass_merchant_id_serial_number")
        ),
    )
    op.create_index(
        op.f("ix_wallet_pass_google_object_id"), "wallet_pass", ["google_object_id"], unique=False
    )
    op.create_index(
        "ix_wallet_pass_stamp",
        "wallet_pass",
        ["merchant_id", "pass_type_id", "stamp"],
        unique=False,
    )
    op.create_index(
        "ix_wallet_pass_unstamped",
        "wallet_pass",
        ["merchant_id", "pass_type_id"],
        unique=False,
        sqlite_where=sa.text("revision > stamped_revision"),
        postgresql_where=sa.text("revision > stamped_revision"),
    )


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("pass_id", sa.BigInteger(), nullable=True),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=True),
        sa.Column("wanted_revision", sa.BigInteger(), nullable=False),
        sa.Column("delivered_revision", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("wanted_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "channel in ('apple', 'google_object', 'google_class')",
            name=op.f("ck_delivery_channel"),
        ),
        sa.CheckConstraint("state in ('open', 'parked')", name=op.f("ck_delivery_state")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "pass_id"],
            ["wallet_pass.merchant_id", "wallet_pass.id"],
            name="fk_pass_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_delivery_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "merchant_id",
            "channel",
            "target_id",
            name=op.f("uq_delivery_merchant_id_channel_target_id"),
        ),
    )
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("wanted_revision > delivered_revision and state = 'open'"),
        postgresql_where=sa.text("wanted_revision > delivered_revision and state = 'open'"),
    )
    op.create_index(
        op.f("ix_delivery_merchant_id_device_id"),
        "delivery",
        ["merchant_id", "device_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_delivery_merchant_id_pass_id"),
        "delivery",
        ["merchant_id", "pass_id"],
        unique=False,
    )


def _google_holding() -> None:
    op.create_table(
        "google_holding",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("pass_id", sa.BigInteger(), nullable=False),
        sa.Column("saves", sa.BigInteger(), nullable=False),
        sa.Column("deletes", sa.BigInteger(), nullable=False),
        sa.Column("saved_until", sa.BigInteger(), nullable=True),
        sa.Column("deleted_until", sa.BigInteger(), nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("has_users", sa.Boolean(), nullable=True),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id", "pass_id"],
            ["wallet_pass.merchant_id", "wallet_pass.id"],
            name="fk_pass_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_google_holding_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "pass_id", name=op.f("pk_google_holding")),
    )


def _operation() -> None:
    op.create_table(
        "operation",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sale_id", sa.BigInteger(), nullable=True),
        sa.Column("reward_id", sa.BigInteger(), nullable=True),
        sa.Column("location_id", sa.BigInteger(), nullable=True),
        sa.Column("till_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_ref", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("terms_version", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("carry_change", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("account_revision", sa.BigInteger(), nullable=False),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "location_id"],
            ["location.merchant_id", "location.id"],
            name="fk_location_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "member_id"], ["member.merchant_id", "member.id"], name="fk_member_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "programme_id"],
            ["programme.merchant_id", "programme.id"],
            name="fk_programme_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "reverses_id"],
            ["operation.merchant_id", "operation.id"],
            name="fk_reverses_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "reward_id"], ["reward.merchant_id", "reward.id"], name="fk_reward_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "sale_id"], ["sale.merchant_id", "sale.id"], name="fk_sale_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "till_id"], ["till.merchant_id", "till.id"], name="fk_till_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_operation_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_operation")),
        sa.UniqueConstraint(
            "merchant_id", "idempotency_key", name=op.f("uq_operation_merchant_id_idempotency_key")
        ),
        sa.UniqueConstraint(
            "merchant_id", "reverses_id", name=op.f("uq_operation_merchant_id_reverses_id")
        ),
        sa.UniqueConstraint(
            "merchant_id",
            "source",
            "source_ref",
            "kind",
            name=op.f("uq_operation_merchant_id_source_source_ref_kind"),
        ),
    )
    op.create_index(
        op.f("ix_operation_merchant_id_created_at"),
        "operation",
        ["merchant_id", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_operation_merchant_id_member_id_id"),
        "operation",
        ["merchant_id", "member_id", "id"],
        unique=False,
    )


def _registration() -> None:
    op.create_table(
        "registration",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("pass_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "device_id"], ["device.merchant_id", "device.id"], name="fk_device_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "pass_id"],
            ["wallet_pass.merchant_id", "wallet_pass.id"],
            name="fk_pass_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_registration_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_registration")),
        sa.UniqueConstraint(
            "merchant_id",
            "device_id",
            "pass_id",
            name=op.f("uq_registration_merchant_id_device_id_pass_id"),
        ),
    )
    op.create_index(
        op.f("ix_registration_merchant_id_pass_id"),
        "registration",
        ["merchant_id", "pass_id"],
        unique=False,
    )


def _sale_line() -> None:
    op.create_table(
        "sale_line",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("sale_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("quantity_milli", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id", "sale_id"],
            ["sale.merchant_id", "sale.id"],
            name=op.f("fk_sale_line_merchant_id_sale_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "sale_id", "line", name=op.f("pk_sale_line")),
    )


def _lot() -> None:
    op.create_table(
        "lot",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("available_from", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("terms_version", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_lot_amount")),
        sa.CheckConstraint("remaining >= 0 and remaining <= amount", name=op.f("ck_lot_remaining")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "account_id"],
            ["account.merchant_id", "account.id"],
            name="fk_account_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "operation_id"],
            ["operation.merchant_id", "operation.id"],
            name="fk_operation_id",
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name=op.f("fk_lot_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_lot")),
    )
    op.create_index(
        op.f("ix_lot_merchant_id_operation_id"),
        "lot",
        ["merchant_id", "operation_id"],
        unique=False,
    )
    op.create_index(
        "ix_lot_open",
        "lot",
        ["merchant_id", "account_id"],
        unique=False,
        sqlite_where=sa.text("remaining > 0"),
        postgresql_where=sa.text("remaining > 0"),
    )


def _transfer() -> None:
    op.create_table(
        "transfer",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("debit_account_id", sa.BigInteger(), nullable=False),
        sa.Column("credit_account_id", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_transfer_amount")),
        sa.CheckConstraint(
            "debit_account_id <> credit_account_id", name=op.f("ck_transfer_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "credit_account_id"],
            ["account.merchant_id", "account.id"],
            name="fk_credit_account_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "debit_account_id"],
            ["account.merchant_id", "account.id"],
            name="fk_debit_account_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "operation_id"],
            ["operation.merchant_id", "operation.id"],
            name="fk_operation_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_transfer_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_transfer")),
    )
    op.create_index(
        op.f("ix_transfer_merchant_id_credit_account_id"),
        "transfer",
        ["merchant_id", "credit_account_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_transfer_merchant_id_debit_account_id"),
        "transfer",
        ["merchant_id", "debit_account_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_transfer_merchant_id_operation_id"),
        "transfer",
        ["merchant_id", "operation_id"],
        unique=False,
    )


def _allocation() -> None:
    op.create_table(
        "allocation",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_allocation_amount")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "lot_id"], ["lot.merchant_id", "lot.id"], name="fk_lot_id"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "operation_id"],
            ["operation.merchant_id", "operation.id"],
            name="fk_operation_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_allocation_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_allocation")),
    )
    op.create_index(
        op.f("ix_allocation_merchant_id_lot_id"),
        "allocation",
        ["merchant_id", "lot_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_allocation_merchant_id_operation_id"),
        "allocation",
        ["merchant_id", "operation_id"],
        unique=False,
    )


def _guard_sqlite() -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _fence_postgresql() -> None:
    # FORCE binds the tables' owner too, which is who the server usually connects as.
    for table in MERCHANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY merchant ON {table} USING "
            "(current_setting('regulars.merchant', true) IN ('*', merchant_id::text))"
        )
