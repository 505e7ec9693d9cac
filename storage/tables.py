"""Every table, keyed by merchant first.

Rules:
- A merchant's row has the primary key (merchant_id, id); foreign keys carry the merchant, so a row
  of one merchant cannot name a row of another.
- Ids come from common.ids; moments are microseconds (types.UtcTime); money is minor units.
- `operation`, `transfer`, `allocation`, `sale`, `sale_line`, `rating`, `refund`, `coupon_use` and
  `audit_entry` are append-only:
  triggers made by the migrations refuse UPDATE and DELETE on both engines. They hold no text
  that a person typed and no contact.
- Directory tables have no merchant in their key: they give the merchant of an outside name.
- The migrations in storage/migrations build this; a test holds the two together.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.types import JsonText, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _merchant_table(name: str, *parts: Any) -> Table:
    return Table(
        name,
        metadata,
        Column("merchant_id", BigInteger, nullable=False),
        Column("id", BigInteger, nullable=False),
        *parts,
        PrimaryKeyConstraint("merchant_id", "id"),
        ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    )


def _to(column: str, table: str) -> ForeignKeyConstraint:
    """A reference that carries the merchant."""
    return ForeignKeyConstraint(
        ["merchant_id", column], [f"{table}.merchant_id", f"{table}.id"], name=f"fk_{column}"
    )


def _required(name: str, kind: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, **options)


def _time(name: str) -> Column[Any]:
    return Column(name, UtcTime, nullable=False)


# --- the installation -------------------------------------------------------------------------

installation = Table(
    "installation",
    metadata,
    Column("name", Text, primary_key=True),  # `tag_epoch`, `sandbox`, `created_at`, ...
    _required("value", Text),
)

rate_bucket = Table(
    "rate_bucket",
    metadata,
    # `purpose|subject`, for example `sign-in|203.0.113.9` or `google|<account id>`.
    Column("name", Text, primary_key=True),
    _required("tokens_milli", BigInteger),
    _time("refilled_at"),
)

worker_heartbeat = Table(
    "worker_heartbeat",
    metadata,
    Column("name", Text, primary_key=True),
    _time("seen_at"),
    _required("facts", JsonText),
)

# --- merchants and the people who work for them -----------------------------------------------

merchant = Table(
    "merchant",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _required("slug", Text, unique=True),
    _required("name", Text),
    _required("currency", Text),  # ISO 4217
    _required("language", Text),  # BCP 47
    _required("country", Text),  # ISO 3166 alpha-2
    _required("time_zone", Text),  # IANA
    # The public address that installed passes call; null follows the installation's setting.
    Column("public_url", Text),
    _required("status", Text),  # active | suspended
    _required("sandbox", Boolean),  # demo data never becomes real
    _required("sale_max_minor", BigInteger),
    Column("google_account_id", BigInteger),
    _required("privacy_url", Text),
    _time("created_at"),
    # What staff take back of one sale without a manager; null for fifty of the currency.
    Column("refund_max_minor", BigInteger),
    CheckConstraint("status in ('active', 'suspended')", name="status"),
)

# A person of the console may serve several merchants (an agency).
person = Table(
    "person",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _required("email", Text, unique=True),  # lower case; the sign-in name
    _required("name", Text),
    Column("password_hash", Text),
    Column("totp_sealed", LargeBinary),
    Column("totp_last_step", BigInteger),  # a code works once
    Column("disabled_at", UtcTime),
    _time("created_at"),
)

role = Table(
    "role",
    metadata,
    _required("merchant_id", BigInteger),
    _required("person_id", BigInteger),
    _required("role", Text),  # owner | manager
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "person_id"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    ForeignKeyConstraint(["person_id"], ["person.id"]),
    CheckConstraint("role in ('owner', 'manager')", name="role"),
)

location = _merchant_table(
    "location",
    _required("name", Text),
    _required("address", Text),
    _required("time_zone", Text),
    Column("latitude", Float),  # degrees, WGS 84
    Column("longitude", Float),
    Column("archived_at", UtcTime),
    _time("created_at"),
)

staff = _merchant_table(
    "staff",
    _required("name", Text),
    _required("role", Text),  # staff | manager
    Column("pin_hash", Text),
    Column("pin_set_at", UtcTime),
    Column("disabled_at", UtcTime),
    _time("created_at"),
    CheckConstraint("role in ('staff', 'manager')", name="role"),
)

till = _merchant_table(
    "till",
    _required("location_id", BigInteger),
    _required("name", Text),
    Column("paired_at", UtcTime),
    Column("revoked_at", UtcTime),
    _time("created_at"),
    _to("location_id", "location"),
)

# --- sessions, one-time links, and the directory of outside names -----------------------------

session = Table(
    "session",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),  # SHA-256 of the cookie's value
    _required("kind", Text),  # console | till
    Column("person_id", BigInteger),
    Column("merchant_id", BigInteger),
    Column("till_id", BigInteger),  # kind till: the paired device
    Column("staff_id", BigInteger),  # kind till: who typed the PIN, null while locked
    Column("staff_until", UtcTime),
    _required("facts", JsonText),  # small values of a page flow; never a secret
    _time("created_at"),
    _time("seen_at"),
    _time("expires_at"),
    Index(None, "person_id"),
    Index(None, "merchant_id", "till_id"),
)

one_time_link = Table(
    "one_time_link",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    _required("purpose", Text),  # owner_sign_in | staff_pin | till_pairing | new_phone
    _required("merchant_id", BigInteger),
    _required("subject_id", BigInteger),
    _time("created_at"),
    _time("expires_at"),
    Column("spent_at", UtcTime),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
)

# What the outside calls by name: `join` code, `pass_type` identifier, `host`.
directory_name = Table(
    "directory_name",
    metadata,
    _required("kind", Text),
    _required("name", Text),
    _required("merchant_id", BigInteger),
    _required("subject_id", BigInteger),
    PrimaryKeyConstraint("kind", "name"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
)

# What the outside shows as a token: `barcode` (a wallet_pass) and `card` (a member).
directory_token = Table(
    "directory_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    _required("kind", Text),
    _required("merchant_id", BigInteger),
    _required("subject_id", BigInteger),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    Index(None, "merchant_id", "subject_id"),
)

# --- programmes, terms, designs, images -------------------------------------------------------

programme = _merchant_table(
    "programme",
    _required("slug", Text),
    _required("name", Text),
    _required("unit", Text),  # points | stamps
    _required("terms_version", Integer),
    # The published design, 0 before the first; the draft is the highest version in `design`.
    _required("design_version", Integer),
    _required("join_code", Text),
    _required("ask_name", Text),  # off | optional | required
    _required("ask_email", Text),
    _required("ask_phone", Text),
    Column("published_at", UtcTime),
    _time("created_at"),
    # The next version of the terms and when it begins to count, while its notice runs.
    Column("next_terms_version", Integer),
    Column("next_terms_at", UtcTime),
    Column("average_minor", BigInteger),  # of a sale of the last weeks, worked out every night
    Column("join_by_mail", Boolean),  # null: no; else an address typed means the card by mail alone
    _required("state", Text, server_default="live"),  # draft | announced | pilot | live | closed
    Column("opens_at", UtcTime),  # announced: the day that is told
    Column("joining", JsonText),  # who may join and what they are asked; null: everyone, no more
    _required("kind", Text, server_default="card"),  # card | gift
    UniqueConstraint("merchant_id", "slug"),
)

# Where a join link or poster hangs: `/j/<code>?from=<source code>`.
join_source = _merchant_table(
    "join_source",
    _required("programme_id", BigInteger),
    _required("code", Text),
    _required("name", Text),
    _time("created_at"),
    Column("archived_at", UtcTime),
    _to("programme_id", "programme"),
    UniqueConstraint("merchant_id", "code"),
)

# A code that lets somebody join a programme that is not for everyone.
invitation = _merchant_table(
    "invitation",
    _required("programme_id", BigInteger),
    _required("code", Text),
    _required("label", Text),
    Column("uses_max", Integer),  # null: any number
    _required("uses", Integer),
    Column("ends_at", UtcTime),
    Column("withdrawn_at", UtcTime),
    _time("created_at"),
    _to("programme_id", "programme"),
    UniqueConstraint("merchant_id", "code"),
)

# Who is on a pilot's list, by blind index alone.
pilot_contact = _merchant_table(
    "pilot_contact",
    _required("programme_id", BigInteger),
    _required("contact_index", LargeBinary),
    _time("created_at"),
    _to("programme_id", "programme"),
    UniqueConstraint("merchant_id", "programme_id", "contact_index"),
)

# Who wants to be told when an announced card opens; gone once they were.
waiting_contact = _merchant_table(
    "waiting_contact",
    _required("programme_id", BigInteger),
    _required("email_sealed", LargeBinary),
    _required("email_index", LargeBinary),
    _required("language", Text),
    _required("wording_version", Integer),
    _time("created_at"),
    _to("programme_id", "programme"),
    UniqueConstraint("merchant_id", "programme_id", "email_index"),
)

terms = _merchant_table(
    "terms",
    _required("programme_id", BigInteger),
    _required("version", Integer),
    _required("document", JsonText),
    _time("created_at"),
    Column("effective_at", UtcTime),  # null: from the moment it was made
    _to("programme_id", "programme"),
    UniqueConstraint("merchant_id", "programme_id", "version"),
)

# The rules as the owner edits them; nothing counts by them before they are published.
terms_draft = Table(
    "terms_draft",
    metadata,
    _required("merchant_id", BigInteger),
    _required("programme_id", BigInteger),
    _required("based_on", Integer),  # the version it was begun from
    _required("document", JsonText),
    _time("changed_at"),
    PrimaryKeyConstraint("merchant_id", "programme_id"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("programme_id", "programme"),
)

design = _merchant_table(
    "design",
    _required("programme_id", BigInteger),
    _required("version", Integer),
    _required("document", JsonText),
    Column("published_at", UtcTime),
    _time("created_at"),
    _to("programme_id", "programme"),
    UniqueConstraint("merchant_id", "programme_id", "version"),
)

reward = _merchant_table(
    "reward",
    _required("programme_id", BigInteger),
    _required("slug", Text),
    _required("name", Text),
    _required("cost", BigInteger),
    _required("active", Boolean),
    _time("created_at"),
    _required("kind", Text, server_default="product"),
    Column("unit", Text),  # what `cost` counts; null: the programme's own unit
    Column("value", BigInteger),  # whole percent, or minor units, as the kind says
    Column("cost_minor", BigInteger),  # what one costs the shop
    Column("stock", Integer),  # how many there are in all; null: no end
    Column("per_member", Integer),
    Column("valid_from", UtcTime),
    Column("valid_until", UtcTime),
    _required("note", Text, server_default=""),  # the partner, the place, what it is
    # How many were handed over and stand: what is left of the stock, and a donation's total.
    _required("used", BigInteger, server_default="0"),
    Column("conditions", JsonText),  # further costs, least sale, items, tiers; null: none
    _to("programme_id", "programme"),
    UniqueConstraint("merchant_id", "programme_id", "slug"),
    CheckConstraint("cost > 0", name="cost"),
)

# Shown to staff or typed at the till: a discount or a gift that costs the member no unit.
coupon = _merchant_table(
    "coupon",
    _required("programme_id", BigInteger),
    _required("code", Text),  # upper case
    _required("name", Text),
    _required("kind", Text),
    Column("value", BigInteger),
    Column("cost_minor", BigInteger),
    Column("valid_from", UtcTime),
    Column("valid_until", UtcTime),
    Column("stock", Integer),
    Column("per_member", Integer),  # 1: once each
    Column("member_id", BigInteger),  # for this member alone
    _required("active", Boolean),
    _required("used", BigInteger),
    _required("conditions", JsonText),
    _time("created_at"),
    _to("programme_id", "programme"),
    _to("member_id", "member"),
    UniqueConstraint("merchant_id", "code"),
)

# The small list of what is sold, for rules by item and for profit.
item = _merchant_table(
    "item",
    _required("code", Text),  # as the source of sales names it
    _required("name", Text),
    _required("category", Text),
    Column("price_minor", BigInteger),
    Column("cost_minor", BigInteger),
    _required("own_brand", Boolean),
    _required("counts", Boolean),  # False: never earns
    Column("archived_at", UtcTime),
    _time("created_at"),
    UniqueConstraint("merchant_id", "code"),
)

image = Table(
    "image",
    metadata,
    _required("merchant_id", BigInteger),
    _required("sha256", Text),  # lower-case hex of `data`
    _required("data", LargeBinary),
    _required("media_type", Text),
    _required("width", Integer),
    _required("height", Integer),
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "sha256"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
)

# --- members and their passes -----------------------------------------------------------------

member = _merchant_table(
    "member",
    _required("programme_id", BigInteger),
    _required("number", Text),
    _required("name", Text),
    _required("name_folded", Text),  # lower case without accents, for look-up
    Column("email_sealed", LargeBinary),
    Column("email_index", LargeBinary),
    Column("phone_sealed", LargeBinary),
    Column("phone_index", LargeBinary),
    _required("language", Text),
    _required("generation", Integer),  # raised by a lost card: old code, link and token are dead
    _required("state", Text),  # active | left | erased
    _required("source", Text),  # where they joined: `join`, `till`, `command`
    _time("joined_at"),
    Column("messages_off_at", UtcTime),  # wants no messages on the card
    Column("birthday", Integer),  # month * 100 + day; the year is never asked
    Column("details_sealed", LargeBinary),  # address, favourite brand, answers
    Column("join_source_id", BigInteger),  # the link they came by
    Column("invitation_id", BigInteger),
    # A candidate: counts, and redeems nothing before so many purchases; null: a full member.
    Column("candidate_until", Integer),
    _required("purchases_before", Integer, server_default="0"),  # counted before they joined
    Column("merged_into_id", BigInteger),  # the member who has this one's balance now
    _to("programme_id", "programme"),
    UniqueConstraint("merchant_id", "number"),
    UniqueConstraint("merchant_id", "programme_id", "email_index"),
    UniqueConstraint("merchant_id", "programme_id", "phone_index"),
    Index(None, "merchant_id", "programme_id", "name_folded"),
    Index(None, "merchant_id", "joined_at"),
    Index(None, "merchant_id", "programme_id", "birthday"),
    Index(None, "merchant_id", "join_source_id"),
)

# The words of a name, folded, so that a million members are searched by the start of any of them.
# Bytes compare alike on every engine, whatever its language.
member_word = Table(
    "member_word",
    metadata,
    _required("merchant_id", BigInteger),
    _required("word", LargeBinary),
    _required("member_id", BigInteger),
    PrimaryKeyConstraint("merchant_id", "word", "member_id"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("member_id", "member"),
    Index(None, "merchant_id", "member_id"),
)

# What staff or the owner wrote down about a member.
member_note = _merchant_table(
    "member_note",
    _required("member_id", BigInteger),
    _required("text_sealed", LargeBinary),
    _required("actor_kind", Text),
    Column("actor_id", BigInteger),
    _time("created_at"),
    _to("member_id", "member"),
    Index(None, "merchant_id", "member_id"),
)

# Two cards of one person made one: what moved, so that it can be taken back.
member_merge = _merchant_table(
    "member_merge",
    _required("kept_id", BigInteger),
    _required("merged_id", BigInteger),
    _required("document", JsonText),  # operations and what else moved, by id
    _time("created_at"),
    Column("undone_at", UtcTime),
    _to("kept_id", "member"),
    _to("merged_id", "member"),
    Index(None, "merchant_id", "kept_id"),
    Index(None, "merchant_id", "merged_id"),
)

consent = _merchant_table(
    "consent",
    _required("member_id", BigInteger),
    _required("purpose", Text),  # membership | offers | google | messages
    _required("wording_version", Integer),
    _required("language", Text),
    _required("given", Boolean),
    _time("created_at"),
    _to("member_id", "member"),
    Index(None, "merchant_id", "member_id"),
)

# Who was erased, so that an older backup brings nobody back. It names nobody.
erasure = Table(
    "erasure",
    metadata,
    _required("merchant_id", BigInteger),
    _required("member_id", BigInteger),
    _time("erased_at"),
    PrimaryKeyConstraint("merchant_id", "member_id"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("member_id", "member"),
)

pass_type = _merchant_table(
    "pass_type",
    _required("identifier", Text, unique=True),
    _required("team_identifier", Text),
    _required("organization", Text),
    _required("sandbox", Boolean),
    # The highest number given to a changed pass; the lock of this row orders the stamps.
    _required("last_stamp", BigInteger),
    _required("current", Boolean),  # new passes are made for this one
    _time("created_at"),
)

apple_certificate = _merchant_table(
    "apple_certificate",
    _required("pass_type_id", BigInteger),
    _required("certificate_pem", Text),
    _required("intermediate_pem", Text),
    _required("key_sealed", LargeBinary),
    _required("serial_hex", Text),
    _time("not_before"),
    _time("not_after"),
    _time("created_at"),
    _to("pass_type_id", "pass_type"),
    Index(None, "merchant_id", "pass_type_id"),
)

# A key made here whose certificate has not come back from Apple yet.
apple_request = _merchant_table(
    "apple_request",
    _required("request_pem", Text),
    _required("key_sealed", LargeBinary),
    _required("public_sha256", Text),  # of the public key: how its certificate is known
    _time("created_at"),
    UniqueConstraint("merchant_id", "public_sha256"),
)

# A team's key for token-based pushes (.p8), used in place of the client certificate.
apple_push_key = _merchant_table(
    "apple_push_key",
    _required("team_identifier", Text),
    _required("key_identifier", Text),
    _required("key_sealed", LargeBinary),
    _time("created_at"),
    UniqueConstraint("merchant_id", "team_identifier"),
)

google_account = Table(
    "google_account",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _required("issuer_id", Text),
    _required("client_email", Text),
    _required("key_sealed", LargeBinary),  # the JSON key file, sealed with merchant 0
    _required("sandbox", Boolean),
    _time("created_at"),
    UniqueConstraint("issuer_id", "client_email"),
)

# The root keys of Google's callbacks, by the address they came from: a sandbox's never vouch for
# a real account.
google_keys = Table(
    "google_keys",
    metadata,
    Column("address", Text, primary_key=True),
    _required("keys", JsonText),  # the usable ones of the last good answer
    Column("fetched_at", UtcTime),
    Column("tried_at", UtcTime),
    Column("wanted_at", UtcTime),  # a message came whose key is not among them
)

# Google's messages that were verified, each once; pruned when they can no longer be sent again.
google_callback = Table(
    "google_callback",
    metadata,
    _required("account_id", BigInteger),
    _required("nonce_hash", LargeBinary),  # SHA-256
    _required("class_id", Text),
    _required("object_id", Text),
    _required("event", Text),  # save | del | other
    _required("known", Boolean),  # the object is a card of ours
    _time("signed_until"),  # expTimeMillis
    _time("received_at"),
    PrimaryKeyConstraint("account_id", "nonce_hash"),
    ForeignKeyConstraint(["account_id"], ["google_account.id"]),
    Index(None, "received_at"),
)

# The card in a wallet: one per member and generation. `wallet_pass`, because `pass` is a keyword.
wallet_pass = _merchant_table(
    "wallet_pass",
    _required("programme_id", BigInteger),
    _required("member_id", BigInteger),
    _required("generation", Integer),
    _required("serial_number", Text),
    Column("pass_type_id", BigInteger),  # set when the first Apple pass is made
    Column("google_object_id", Text),  # set when the object is wanted at Google
    Column("voided_at", UtcTime),
    # Raised in the transaction of every change that may show on the face.
    _required("revision", BigInteger),
    # What the worker stamped last (DESIGN 5): its revision, number, face and second.
    _required("stamped_revision", BigInteger),
    _required("stamp", BigInteger),
    Column("stamped_face", LargeBinary),
    _required("last_modified_s", BigInteger),  # whole seconds since 1970, strictly increasing
    # When a phone last fetched a signed pass, and which revision it was given.
    _required("fetched_revision", BigInteger),
    Column("fetched_at", UtcTime),
    Column("totp_last_step", BigInteger),  # a rotating code works once
    _time("created_at"),
    _to("programme_id", "programme"),
    _to("member_id", "member"),
    _to("pass_type_id", "pass_type"),
    UniqueConstraint("merchant_id", "member_id", "generation"),
    UniqueConstraint("merchant_id", "serial_number"),
    Index("ix_wallet_pass_stamp", "merchant_id", "pass_type_id", "stamp"),
    Index(None, "google_object_id"),
    Index(
        "ix_wallet_pass_unstamped",
        "merchant_id",
        "pass_type_id",
        sqlite_where=text("revision > stamped_revision"),
        postgresql_where=text("revision > stamped_revision"),
    ),
)

# Whether somebody holds the card in Google Wallet: the newest save and delete Google told of, by
# the end of their signature, and what Google's list said at the nightly look.
google_holding = Table(
    "google_holding",
    metadata,
    _required("merchant_id", BigInteger),
    _required("pass_id", BigInteger),
    _required("saves", BigInteger),
    _required("deletes", BigInteger),
    Column("saved_until", UtcTime),
    Column("deleted_until", UtcTime),
    Column("told_at", UtcTime),
    Column("has_users", Boolean),
    Column("checked_at", UtcTime),
    PrimaryKeyConstraint("merchant_id", "pass_id"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("pass_id", "wallet_pass"),
)

# What a card keeps that was in phones before Regulars: the proof its phones show, which no update
# can change, and the address they call, where that is not ours. The id is the card's.
kept_pass = _merchant_table(
    "kept_pass",
    _required("token_sealed", LargeBinary),
    Column("web_service_url", Text),
    _time("created_at"),
    _to("id", "wallet_pass"),
)

# A phone's Apple Wallet, as it calls itself for one pass type.
device = _merchant_table(
    "device",
    _required("pass_type_id", BigInteger),
    _required("library_identifier", Text),
    _required("push_token", Text),
    _time("push_token_at"),  # compared with the timestamp of a 410
    # The score iPhones keep of pushes per pass type (apple-wallet 2.5), in thousandths.
    _required("push_score_milli", BigInteger),
    Column("pushed_at", UtcTime),
    Column("listed_at", UtcTime),
    Column("gone_at", UtcTime),
    _time("created_at"),
    _to("pass_type_id", "pass_type"),
    UniqueConstraint("merchant_id", "pass_type_id", "library_identifier"),
)

registration = _merchant_table(
    "registration",
    _required("device_id", BigInteger),
    _required("pass_id", BigInteger),
    _time("created_at"),
    _to("device_id", "device"),
    _to("pass_id", "wallet_pass"),
    UniqueConstraint("merchant_id", "device_id", "pass_id"),
    Index(None, "merchant_id", "pass_id"),
)

# --- delivery ---------------------------------------------------------------------------------

# What each target must show and what it was given: level-triggered, one row per (pass, target).
delivery = _merchant_table(
    "delivery",
    _required("channel", Text),  # apple | google_object | google_class
    Column("pass_id", BigInteger),  # null for a class
    # apple: the registration's id; google_object: the wallet_pass's; google_class: the programme's.
    _required("target_id", BigInteger),
    Column("device_id", BigInteger),  # apple: pushes are merged per device
    _required("wanted_revision", BigInteger),
    _required("delivered_revision", BigInteger),
    _required("state", Text),  # open | parked
    _required("priority", Integer),  # 0 a scan at the counter, 10 a mass change
    _time("wanted_at"),  # commit time of the oldest change not delivered
    _time("due_at"),
    Column("lease", Text),
    Column("lease_until", UtcTime),
    _required("attempts", Integer),
    Column("last_error", Text),
    Column("delivered_at", UtcTime),
    _required("facts", JsonText),  # e.g. what Google was sent last, its budget of notifications
    # How often a phone that never fetched `reminded_revision` was pushed again for it.
    Column("reminders", Integer),
    Column("reminded_revision", BigInteger),
    _to("pass_id", "wallet_pass"),
    UniqueConstraint("merchant_id", "channel", "target_id"),
    CheckConstraint("channel in ('apple', 'google_object', 'google_class')", name="channel"),
    CheckConstraint("state in ('open', 'parked')", name="state"),
    # The two that are claimed (storage/due.py): any other would wait for ever.
    CheckConstraint("priority in (0, 10)", name="priority"),
    # In the order rows are taken: each merchant's scans first, then its mass changes.
    Index(
        "ix_delivery_turn",
        "channel",
        "merchant_id",
        "priority",
        "due_at",
        sqlite_where=text("wanted_revision > delivered_revision and state = 'open'"),
        postgresql_where=text("wanted_revision > delivered_revision and state = 'open'"),
    ),
    Index(None, "merchant_id", "pass_id"),
    Index(None, "merchant_id", "device_id"),
)

# A change of many cards at once (a new design): the worker moves passes in slices.
mass_change = _merchant_table(
    "mass_change",
    _required("programme_id", BigInteger),
    _required("reason", Text),  # design | terms | certificate | restore | message
    _required("cursor_id", BigInteger),  # the last wallet_pass id that was moved
    _required("moved", BigInteger),
    Column("done_at", UtcTime),
    _time("created_at"),
    Column("total", BigInteger),  # cards it had before it, when it began
    Column("not_before", UtcTime),
    Column("paused_at", UtcTime),
    Column("cancelled_at", UtcTime),
    Column("message_id", BigInteger),  # moves only the cards of this message
    _to("programme_id", "programme"),
)

# How long changes took to reach phones, counted per hour and bound (storage/lag_counts.py).
lag_count = Table(
    "lag_count",
    metadata,
    _required("merchant_id", BigInteger),
    _required("channel", Text),
    _required("step", Text),  # told | fetched
    _required("priority", Integer),  # as the delivery's: a mass change takes its time on purpose
    _time("hour"),
    _required("bound_ms", BigInteger),
    _required("shard", Integer),  # so that phones that fetch at once do not wait for one row
    _required("count", BigInteger),
    CheckConstraint("step in ('told', 'fetched')", name="step"),
    PrimaryKeyConstraint("merchant_id", "hour", "channel", "step", "priority", "bound_ms", "shard"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
)

# Why nothing is sent on a merchant's channel just now.
breaker = Table(
    "breaker",
    metadata,
    _required("merchant_id", BigInteger),
    _required("channel", Text),  # apple | google
    _required("reason", Text),
    _time("opened_at"),
    _time("retry_at"),
    PrimaryKeyConstraint("merchant_id", "channel"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
)

# What phones write to /v1/log, capped and pruned; never shown raw.
apple_log = _merchant_table(
    "apple_log",
    _required("line", Text),
    _time("received_at"),
    Index(None, "merchant_id", "received_at"),
)

# --- outbox -----------------------------------------------------------------------------------

# E-mails and Google messages that wait: edge-triggered, each at least once, with a stable id.
outbox = _merchant_table(
    "outbox",
    _required("channel", Text),  # mail | google
    _required("kind", Text),  # welcome | known | new_card_code | sign_in | alarm | message
    # Rows of one receiver leave in the order they were written; a hash, never a contact.
    _required("receiver", LargeBinary),
    Column("member_id", BigInteger),
    Column("message_id", BigInteger),
    Column("payload_sealed", LargeBinary),  # whom and what; gone once it was handed over
    _required("state", Text),  # open | sent | dead
    _required("priority", Integer),  # 0 somebody waits for it, 10 many at once
    _time("due_at"),
    _time("expires_at"),  # later it is worth nothing
    Column("lease", Text),
    Column("lease_until", UtcTime),
    _required("attempts", Integer),
    Column("last_error", Text),
    Column("ended_at", UtcTime),
    _time("created_at"),
    CheckConstraint("channel in ('mail', 'google')", name="channel"),
    CheckConstraint("state in ('open', 'sent', 'dead')", name="state"),
    Index(
        "ix_outbox_due",
        "due_at",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index(
        "ix_outbox_receiver",
        "merchant_id",
        "receiver",
        "id",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index(None, "merchant_id", "state", "id"),
    Index(None, "merchant_id", "member_id"),
)

# What an owner says to many cards at once, in each language, now or at a time.
message = _merchant_table(
    "message",
    _required("programme_id", BigInteger),
    _required("state", Text),  # waits | chooses | sends | sent | stopped | withdrawn | over
    _required("segment", JsonText),  # to whom, e.g. {"kind": "lapsed"}
    _required("texts", JsonText),  # by language
    _required("loud", Boolean),  # phones may say so
    _time("send_at"),
    _time("ends_at"),  # cards stop showing it then
    _required("cursor_id", BigInteger),  # the last member who was looked at
    _required("cards", BigInteger),  # chosen so far
    Column("person_id", BigInteger),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    _time("created_at"),
    _to("programme_id", "programme"),
    CheckConstraint(
        "state in ('waits', 'chooses', 'sends', 'sent', 'stopped', 'withdrawn', 'over')",
        name="state",
    ),
    Index(None, "merchant_id", "state"),
)

# Which cards a message is for, and from which revision on a card shows it.
message_card = Table(
    "message_card",
    metadata,
    _required("merchant_id", BigInteger),
    _required("message_id", BigInteger),
    _required("pass_id", BigInteger),
    _required("member_id", BigInteger),
    Column("revision", BigInteger),
    Column("told_at", UtcTime),
    PrimaryKeyConstraint("merchant_id", "message_id", "pass_id"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("message_id", "message"),
    _to("pass_id", "wallet_pass"),
    _to("member_id", "member"),
    Index(None, "merchant_id", "pass_id"),
)

# Which alarms were told, so that each is told once as long as its cause lasts.
alarm = Table(
    "alarm",
    metadata,
    _required("merchant_id", BigInteger),
    _required("name", Text),  # e.g. `stopped|apple`, `certificate|<pass type id>|30`
    _time("told_at"),
    PrimaryKeyConstraint("merchant_id", "name"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
)

# --- the ledger -------------------------------------------------------------------------------

sale = _merchant_table(
    "sale",
    Column("location_id", BigInteger),
    Column("till_id", BigInteger),
    Column("staff_id", BigInteger),
    Column("member_id", BigInteger),
    _required("source", Text),  # till | command | import | square | ...
    _required("source_ref", Text),
    _time("sold_at"),
    _required("currency", Text),
    _required("gross_minor", BigInteger),
    _required("tax_minor", BigInteger),
    _required("tip_minor", BigInteger),
    _required("discount_minor", BigInteger),
    _required("net_minor", BigInteger),
    _time("created_at"),
    _required("gift_minor", BigInteger, server_default="0"),  # gift cards sold, in gross
    _to("location_id", "location"),
    _to("till_id", "till"),
    _to("staff_id", "staff"),
    _to("member_id", "member"),
    UniqueConstraint("merchant_id", "source", "source_ref"),
    Index(None, "merchant_id", "sold_at"),
)

sale_line = Table(
    "sale_line",
    metadata,
    _required("merchant_id", BigInteger),
    _required("sale_id", BigInteger),
    _required("line", Integer),
    _required("item", Text),
    _required("category", Text),
    _required("quantity_milli", BigInteger),  # thousandths, for goods sold by weight
    _required("net_minor", BigInteger),
    Column("cost_minor", BigInteger),
    PrimaryKeyConstraint("merchant_id", "sale_id", "line"),
    ForeignKeyConstraint(["merchant_id", "sale_id"], ["sale.merchant_id", "sale.id"]),
)

account = _merchant_table(
    "account",
    _required("programme_id", BigInteger),
    Column("member_id", BigInteger),  # null for the programme's own accounts
    _required("kind", Text),  # member | issued | redeemed | expired | adjusted | sold
    _required("unit", Text),
    # Only member accounts carry a cached balance; a programme's row would be hot.
    _required("balance", BigInteger),
    _required("carry", BigInteger),  # minor units counted and not yet a whole unit
    _required("revision", BigInteger),  # one more with every operation on this account
    # What a refund took back beyond what the card held; the next credit pays it first.
    _required("debt", BigInteger, server_default="0"),
    Column("locked_at", UtcTime),  # nothing of it can be spent
    _to("programme_id", "programme"),
    _to("member_id", "member"),
    Index(
        "uq_account_member",
        "merchant_id",
        "member_id",
        "unit",
        unique=True,
        sqlite_where=text("member_id is not null"),
        postgresql_where=text("member_id is not null"),
    ),
    Index(
        "uq_account_programme",
        "merchant_id",
        "programme_id",
        "kind",
        "unit",
        unique=True,
        sqlite_where=text("member_id is null"),
        postgresql_where=text("member_id is null"),
    ),
    CheckConstraint("balance >= 0", name="balance"),
    CheckConstraint("(kind = 'member') = (member_id is not null)", name="kind"),
)

operation = _merchant_table(
    "operation",
    _required("programme_id", BigInteger),
    _required("member_id", BigInteger),
    _required("kind", Text),  # earn | redeem | reverse | expire | adjust
    Column("sale_id", BigInteger),
    Column("reward_id", BigInteger),
    Column("location_id", BigInteger),
    Column("till_id", BigInteger),
    _required("actor_kind", Text),  # owner | staff | key | system
    Column("actor_id", BigInteger),
    _required("source", Text),
    _required("source_ref", Text),
    _required("idempotency_key", Text),
    _required("request_hash", LargeBinary),
    _required("terms_version", Integer),
    _required("reason", JsonText),
    _required("units", BigInteger),  # signed change of the member's balance
    _required("unit", Text),
    _required("carry_change", BigInteger),
    _required("balance_after", BigInteger),
    _required("account_revision", BigInteger),
    Column("reverses_id", BigInteger),
    _time("created_at"),
    # One event that moves several units is several operations; this names the first.
    Column("part_of_id", BigInteger),
    _required("debt_change", BigInteger, server_default="0"),
    Column("value_minor", BigInteger),  # a redemption: what it was worth to the member
    Column("cost_minor", BigInteger),  # and what it cost the shop
    _to("programme_id", "programme"),
    _to("member_id", "member"),
    _to("sale_id", "sale"),
    _to("reward_id", "reward"),
    _to("location_id", "location"),
    _to("till_id", "till"),
    _to("reverses_id", "operation"),
    UniqueConstraint("merchant_id", "source", "source_ref", "kind"),
    UniqueConstraint("merchant_id", "idempotency_key"),
    UniqueConstraint("merchant_id", "reverses_id"),
    Index(None, "merchant_id", "member_id", "id"),
    Index(None, "merchant_id", "created_at"),
    Index(
        "ix_operation_part",
        "merchant_id",
        "part_of_id",
        sqlite_where=text("part_of_id is not null"),
        postgresql_where=text("part_of_id is not null"),
    ),
)

transfer = _merchant_table(
    "transfer",
    _required("operation_id", BigInteger),
    _required("debit_account_id", BigInteger),
    _required("credit_account_id", BigInteger),
    _required("unit", Text),
    _required("amount", BigInteger),
    _to("operation_id", "operation"),
    _to("debit_account_id", "account"),
    _to("credit_account_id", "account"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("debit_account_id <> credit_account_id", name="accounts"),
    Index(None, "merchant_id", "operation_id"),
    Index(None, "merchant_id", "debit_account_id"),
    Index(None, "merchant_id", "credit_account_id"),
)

lot = _merchant_table(
    "lot",
    _required("account_id", BigInteger),
    _required("operation_id", BigInteger),
    _required("amount", BigInteger),
    _required("remaining", BigInteger),  # amount less its allocations, held equal by `verify`
    _time("available_from"),
    Column("expires_at", UtcTime),
    _required("terms_version", Integer),
    Column("idle_days", Integer),  # ends so many days after the member's last activity
    Column("extended_at", UtcTime),  # when a refund let it live longer
    _to("account_id", "account"),
    _to("operation_id", "operation"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("remaining >= 0 and remaining <= amount", name="remaining"),
    Index(
        "ix_lot_open",
        "merchant_id",
        "account_id",
        sqlite_where=text("remaining > 0"),
        postgresql_where=text("remaining > 0"),
    ),
    Index(None, "merchant_id", "operation_id"),
    # What runs out next, for the scheduled job.
    Index(
        "ix_lot_expiry",
        "merchant_id",
        "expires_at",
        "id",
        sqlite_where=text("remaining > 0 and expires_at is not null"),
        postgresql_where=text("remaining > 0 and expires_at is not null"),
    ),
    Index(
        "ix_lot_idle",
        "merchant_id",
        "account_id",
        sqlite_where=text("remaining > 0 and idle_days is not null"),
        postgresql_where=text("remaining > 0 and idle_days is not null"),
    ),
)

# A class pack rests: both days are included, days since 1970-01-01.
pause = _merchant_table(
    "pause",
    _required("account_id", BigInteger),
    _required("first_day", Integer),
    _required("last_day", Integer),
    _time("created_at"),
    Column("withdrawn_at", UtcTime),
    _to("account_id", "account"),
    Index(None, "merchant_id", "account_id"),
)

allocation = _merchant_table(
    "allocation",
    _required("lot_id", BigInteger),
    _required("operation_id", BigInteger),
    _required("amount", BigInteger),  # taken from the lot; negative when a reversal restores it
    _to("lot_id", "lot"),
    _to("operation_id", "operation"),
    CheckConstraint("amount <> 0", name="amount"),
    Index(None, "merchant_id", "operation_id"),
    Index(None, "merchant_id", "lot_id"),
)

# How a sale was rated: enough to rate what is left of it when something comes back.
rating = Table(
    "rating",
    metadata,
    _required("merchant_id", BigInteger),
    _required("operation_id", BigInteger),  # the first of the event
    _required("terms_version", Integer),
    _required("document", JsonText),
    PrimaryKeyConstraint("merchant_id", "operation_id"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("operation_id", "operation"),
)

# Something came back: once per reference of the outside.
refund = _merchant_table(
    "refund",
    _required("sale_id", BigInteger),
    _required("source", Text),
    _required("source_ref", Text),
    _required("amount_minor", BigInteger),
    Column("operation_id", BigInteger),  # the first it made; null when nothing moved
    _required("document", JsonText),  # lines that came back, and what was taken and given
    _required("request_hash", LargeBinary),
    _time("created_at"),
    _to("sale_id", "sale"),
    _to("operation_id", "operation"),
    UniqueConstraint("merchant_id", "source", "source_ref"),
    Index(None, "merchant_id", "sale_id"),
)

coupon_use = _merchant_table(
    "coupon_use",
    _required("coupon_id", BigInteger),
    _required("member_id", BigInteger),
    _required("operation_id", BigInteger),  # the use stands until this is reversed
    _required("saved_minor", BigInteger),
    _time("created_at"),
    _to("coupon_id", "coupon"),
    _to("member_id", "member"),
    _to("operation_id", "operation"),
    Index(None, "merchant_id", "coupon_id", "member_id"),
    Index(None, "merchant_id", "operation_id"),
)

# --- what the rules remember of a member ------------------------------------------------------

# The member's sums, kept with every sale; a tier is empty for none.
member_standing = Table(
    "member_standing",
    metadata,
    _required("merchant_id", BigInteger),
    _required("member_id", BigInteger),
    _required("programme_id", BigInteger),
    _required("purchases", BigInteger),  # sales that stand
    _required("net_minor", BigInteger),  # what they came to
    Column("active_at", UtcTime),
    Column("earned_at", UtcTime),
    _required("tier", Text),
    Column("tier_since", UtcTime),
    Column("grace_until", UtcTime),  # below the threshold, and falls then
    PrimaryKeyConstraint("merchant_id", "member_id"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("member_id", "member"),
    _to("programme_id", "programme"),
    Index(
        "ix_member_standing_tier",
        "merchant_id",
        "programme_id",
        "tier",
        sqlite_where=text("tier <> ''"),
        postgresql_where=text("tier <> ''"),
    ),
)

# The same by the shop's day, for limits of a day and windows of tiers.
member_day = Table(
    "member_day",
    metadata,
    _required("merchant_id", BigInteger),
    _required("member_id", BigInteger),
    _required("unit", Text),  # empty: the row of sales and money
    _required("day", Integer),  # days since 1970-01-01
    _required("earns", BigInteger),
    _required("sales", BigInteger),
    _required("net_minor", BigInteger),
    _required("counted_minor", BigInteger),
    _required("units", BigInteger),
    PrimaryKeyConstraint("merchant_id", "member_id", "unit", "day"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("member_id", "member"),
)

# A bonus on a later purchase, once.
promise = _merchant_table(
    "promise",
    _required("member_id", BigInteger),
    _required("rule", Text),
    _required("document", JsonText),
    _time("created_at"),
    Column("expires_at", UtcTime),
    Column("made_by_id", BigInteger),  # operations: the one that promised, the one that kept it
    Column("kept_by_id", BigInteger),
    Column("withdrawn_at", UtcTime),
    _to("member_id", "member"),
    Index(None, "merchant_id", "member_id"),
)

# How far a member is in a challenge, streak or set.
challenge_progress = Table(
    "challenge_progress",
    metadata,
    _required("merchant_id", BigInteger),
    _required("member_id", BigInteger),
    _required("rule", Text),
    _required("document", JsonText),
    _time("changed_at"),
    PrimaryKeyConstraint("merchant_id", "member_id", "rule"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("member_id", "member"),
)

# Who was welcomed, by the blind index of the contact, so that nobody is welcomed twice.
welcome = Table(
    "welcome",
    metadata,
    _required("merchant_id", BigInteger),
    _required("programme_id", BigInteger),
    _required("contact_index", LargeBinary),
    _required("member_id", BigInteger),
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "programme_id", "contact_index"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("programme_id", "programme"),
    _to("member_id", "member"),
    Index(None, "merchant_id", "member_id"),
)

# One pass of the scheduled job over a merchant's lots: where it stands, what it did.
expiry_run = _merchant_table(
    "expiry_run",
    _time("as_of"),
    _required("due", BigInteger),  # accounts with something due, when it began
    _required("accounts", BigInteger),
    _required("lots", BigInteger),
    _required("units", BigInteger),
    _time("created_at"),
    Column("done_at", UtcTime),
    Index(None, "merchant_id", "created_at"),
)

# --- gift cards -------------------------------------------------------------------------------

# How gift cards of a currency are sold; the programme of kind `gift` counts them.
gift_programme = Table(
    "gift_programme",
    metadata,
    _required("merchant_id", BigInteger),
    _required("programme_id", BigInteger),
    _required("currency", Text),
    _required("code", Text),  # of the public page, `/gift/<code>`
    _required("document", JsonText),  # amounts, limits, how one can pay, contact
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "programme_id"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("programme_id", "programme"),
    UniqueConstraint("merchant_id", "currency"),
)

# One gift card: what it was sold for, to whom it goes, what became of it. Its money is the account
# of its holder, a row of `member` that is no person.
gift_card = _merchant_table(
    "gift_card",
    _required("programme_id", BigInteger),
    Column("member_id", BigInteger),  # null while nobody paid
    _required("state", Text),  # ordered | paid | sent | frozen | void
    _required("amount_minor", BigInteger),
    Column("number_sealed", LargeBinary),
    Column("pin_hash", Text),
    Column("people_sealed", LargeBinary),  # buyer, recipient, message: what a person typed
    Column("email_index", LargeBinary),  # of the recipient, for look-up and erasure
    _required("language", Text),
    _required("source", Text),  # till | page | console
    _required("payment", Text),  # till | counter | stripe; empty while not chosen
    Column("payment_ref", Text),  # Stripe's session
    Column("counter_code", Text),  # what staff type to take the money
    Column("order_hash", LargeBinary),  # the form that ordered it, so that twice is once
    Column("send_at", UtcTime),
    Column("paid_at", UtcTime),
    Column("sent_at", UtcTime),
    Column("ended_at", UtcTime),
    _time("created_at"),
    _to("programme_id", "programme"),
    _to("member_id", "member"),
    UniqueConstraint("merchant_id", "member_id"),
    UniqueConstraint("merchant_id", "counter_code"),
    UniqueConstraint("merchant_id", "payment_ref"),
    UniqueConstraint("merchant_id", "order_hash"),
    CheckConstraint("state in ('ordered', 'paid', 'sent', 'frozen', 'void')", name="state"),
    CheckConstraint("amount_minor > 0", name="amount"),
    Index(None, "merchant_id", "state", "send_at"),
    Index(None, "merchant_id", "email_index"),
)

# The merchant's own account at whoever takes card payments.
payment_account = _merchant_table(
    "payment_account",
    _required("provider", Text),  # stripe
    _required("key_sealed", LargeBinary),
    _required("hook_sealed", LargeBinary),  # the secret that signs its messages
    _required("endpoint", Text),  # of `/hooks/stripe/<endpoint>`
    Column("broken_at", UtcTime),  # the provider refused the key
    _time("created_at"),
    UniqueConstraint("merchant_id", "provider"),
)

# --- referrals and activities -----------------------------------------------------------------

# What bringing a friend gives; null document: nothing any more.
referral_rule = Table(
    "referral_rule",
    metadata,
    _required("merchant_id", BigInteger),
    _required("programme_id", BigInteger),
    _required("document", JsonText),
    _required("active", Boolean),
    _time("changed_at"),
    PrimaryKeyConstraint("merchant_id", "programme_id"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("programme_id", "programme"),
)

# The code in a member's link for friends, `/j/<code>?friend=<code>`.
referral_link = Table(
    "referral_link",
    metadata,
    _required("merchant_id", BigInteger),
    _required("member_id", BigInteger),
    _required("code", Text),
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "member_id"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("member_id", "member"),
    UniqueConstraint("merchant_id", "code"),
)

# A friend who came by a member's link.
referral = _merchant_table(
    "referral",
    _required("programme_id", BigInteger),
    _required("referrer_id", BigInteger),
    _required("friend_id", BigInteger),
    _required("state", Text),  # waiting | rewarded | lapsed | refused
    _required("why", Text),  # refused: same_contact | same_device | loop | cap
    _required("document", JsonText),  # the rule that was promised
    Column("ends_at", UtcTime),
    Column("settled_at", UtcTime),
    Column("referrer_operation_id", BigInteger),
    Column("friend_operation_id", BigInteger),
    _time("created_at"),
    _to("programme_id", "programme"),
    _to("referrer_id", "member"),
    _to("friend_id", "member"),
    _to("referrer_operation_id", "operation"),
    _to("friend_operation_id", "operation"),
    UniqueConstraint("merchant_id", "friend_id"),
    CheckConstraint("state in ('waiting', 'rewarded', 'lapsed', 'refused')", name="state"),
    Index(None, "merchant_id", "referrer_id"),
)

# Browsers in which a card was open, by hash: nobody refers themselves on one phone.
member_device = Table(
    "member_device",
    metadata,
    _required("merchant_id", BigInteger),
    _required("member_id", BigInteger),
    _required("device_hash", LargeBinary),
    _time("seen_at"),
    PrimaryKeyConstraint("merchant_id", "member_id", "device_hash"),
    ForeignKeyConstraint(["merchant_id"], ["merchant.id"]),
    _to("member_id", "member"),
    Index(None, "merchant_id", "device_hash"),
)

# Something a member can do for units beside buying.
activity = _merchant_table(
    "activity",
    _required("programme_id", BigInteger),
    _required("kind", Text),  # review | photo | share | check_in | ...
    _required("name", Text),
    _required("unit", Text),
    _required("units", BigInteger),
    _required("document", JsonText),  # caps, approval, address, question, hours, embedding
    _required("code", Text),  # of its public addresses
    _required("active", Boolean),
    _time("created_at"),
    _to("programme_id", "programme"),
    UniqueConstraint("merchant_id", "code"),
)

# What a member sent in, and what was decided. `turn` counts a member's claims of one activity: two
# at once cannot be the same one.
activity_claim = _merchant_table(
    "activity_claim",
    _required("activity_id", BigInteger),
    _required("member_id", BigInteger),
    _required("turn", Integer),
    _required("state", Text),  # waiting | approved | refused
    Column("body_sealed", LargeBinary),  # what the member typed
    Column("stars", Integer),
    Column("photo", LargeBinary),  # a PNG that was drawn anew
    _required("shown", Boolean),  # on the shop's own site
    _required("reason", Text),  # refused: the owner's words
    Column("decided_by", BigInteger),
    Column("decided_at", UtcTime),
    Column("operation_id", BigInteger),
    _time("created_at"),
    _to("activity_id", "activity"),
    _to("member_id", "member"),
    _to("operation_id", "operation"),
    UniqueConstraint("merchant_id", "activity_id", "member_id", "turn"),
    CheckConstraint("state in ('waiting', 'approved', 'refused')", name="state"),
    Index(None, "merchant_id", "state", "id"),
    Index(None, "merchant_id", "member_id"),
)

# --- on paper ---------------------------------------------------------------------------------

# A coupon, a reward or a gift card on paper, with a code that works once.
printed_code = _merchant_table(
    "printed_code",
    _required("kind", Text),  # coupon | reward | gift
    _required("subject_id", BigInteger),  # the coupon, reward or gift card
    Column("member_id", BigInteger),  # whose paper it is; null: whoever brings it
    _required("code_hash", LargeBinary),
    _required("state", Text),  # open | used | void
    Column("ends_at", UtcTime),
    Column("used_at", UtcTime),
    Column("operation_id", BigInteger),  # what was booked with it
    _time("created_at"),
    _to("member_id", "member"),
    _to("operation_id", "operation"),
    UniqueConstraint("merchant_id", "code_hash"),
    CheckConstraint("state in ('open', 'used', 'void')", name="state"),
    Index(None, "merchant_id", "kind", "subject_id"),
    Index(None, "merchant_id", "member_id"),
)

audit_entry = _merchant_table(
    "audit_entry",
    _required("actor_kind", Text),  # owner | staff | system
    Column("actor_id", BigInteger),
    _required("action", Text),  # e.g. `design.publish`, `staff.add`
    _required("subject_kind", Text),
    Column("subject_id", BigInteger),
    _required("detail", JsonText),
    _time("created_at"),
    Index(None, "merchant_id", "created_at"),
)

APPEND_ONLY: Final = (
    "operation",
    "transfer",
    "allocation",
    "sale",
    "sale_line",
    "audit_entry",
    "rating",
    "refund",
    "coupon_use",
)
"""Tables whose rows never change and never vanish."""

MERCHANT_TABLES: Final = tuple(
    table.name
    for table in metadata.sorted_tables
    if "merchant_id" in table.c
    and table.name not in {"session", "one_time_link", "directory_name", "directory_token"}
)
"""Tables under row-level security on PostgreSQL."""
