"""Members: who may join, what they are asked, notes, merges.

Frozen once released, whatever storage.tables says later.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

from storage.migrations.guards import fence

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# What this step adds, for the tests that hold all steps together against storage.tables.
APPEND_ONLY: tuple[str, ...] = ()
MERCHANT_TABLES: tuple[str, ...] = (
    "join_source",
    "invitation",
    "pilot_contact",
    "waiting_contact",
    "member_word",
    "member_note",
    "member_merge",
)
TABLES: tuple[str, ...] = MERCHANT_TABLES

NAMES = sa.text(
    "select merchant_id, id, name_folded from member "
    "where (merchant_id, id) > (:merchant, :id) order by merchant_id, id limit 1000"
)
ADD_WORD = sa.text(
    "insert into member_word (merchant_id, word, member_id) values (:merchant, :word, :member)"
)
MEMBER_COLUMNS = (
    ("birthday", sa.Integer()),
    ("details_sealed", sa.LargeBinary()),
    ("join_source_id", sa.BigInteger()),
    ("invitation_id", sa.BigInteger()),
    ("candidate_until", sa.Integer()),
    ("merged_into_id", sa.BigInteger()),
)


def upgrade() -> None:
    """Cards that are open stay open to everyone; members stay full members."""
    op.add_column("programme", sa.Column("state", sa.Text(), nullable=False, server_default="live"))
    op.add_column("programme", sa.Column("opens_at", sa.BigInteger(), nullable=True))
    op.add_column("programme", sa.Column("joining", sa.Text(), nullable=True))
    for name, kind in MEMBER_COLUMNS:
        op.add_column("member", sa.Column(name, kind, nullable=True))
    op.add_column(
        "member", sa.Column("purchases_before", sa.Integer(), nullable=False, server_default="0")
    )
    _index("member", "merchant_id", "programme_id", "birthday")
    _index("member", "merchant_id", "join_source_id")
    _doors()
    _lists()
    _records()
    _words()
    fence(*MERCHANT_TABLES)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    for columns in (("merchant_id", "programme_id", "birthday"), ("merchant_id", "join_source_id")):
        op.drop_index(_name("member", columns), table_name="member")
    op.drop_column("member", "purchases_before")
    for name, _kind in reversed(MEMBER_COLUMNS):
        op.drop_column("member", name)
    for name in ("joining", "opens_at", "state"):
        op.drop_column("programme", name)


def _doors() -> None:
    _table(
        "join_source",
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        _to("programme_id", "programme"),
        unique=("merchant_id", "code"),
    )
    _table(
        "invitation",
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("uses_max", sa.Integer(), nullable=True),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _to("programme_id", "programme"),
        unique=("merchant_id", "code"),
    )


def _lists() -> None:
    _table(
        "pilot_contact",
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_index", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _to("programme_id", "programme"),
        unique=("merchant_id", "programme_id", "contact_index"),
    )
    _table(
        "waiting_contact",
        sa.Column("programme_id", sa.BigInteger(), nullable=False),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("email_index", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("wording_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _to("programme_id", "programme"),
        unique=("merchant_id", "programme_id", "email_index"),
    )


def _words() -> None:
    """The words of every name that is there already."""
    op.create_table(
        "member_word",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("word", sa.LargeBinary(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        _to("member_id", "member"),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_member_word_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "word", "member_id", name=op.f("pk_member_word")),
    )
    _index("member_word", "merchant_id", "member_id")
    connection = op.get_bind()
    last = (-1, -1)
    while rows := connection.execute(NAMES, {"merchant": last[0], "id": last[1]}).all():
        words = [
            {"merchant": row.merchant_id, "word": word, "member": row.id}
            for row in rows
            for word in _words_of(row.name_folded)
        ]
        if words:
            connection.execute(ADD_WORD, words)
        last = (rows[-1].merchant_id, rows[-1].id)


def _words_of(folded: str) -> list[bytes]:
    """As storage/member_words.py had it when this step was released."""
    found = dict.fromkeys(word[:40] for word in re.findall(r"[^\W_]+", folded))
    return [word.encode() for word in list(found)[:8]]


def _records() -> None:
    _table(
        "member_note",
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _to("member_id", "member"),
    )
    _index("member_note", "merchant_id", "member_id")
    _table(
        "member_merge",
        sa.Column("kept_id", sa.BigInteger(), nullable=False),
        sa.Column("merged_id", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        _to("kept_id", "member"),
        _to("merged_id", "member"),
    )
    _index("member_merge", "merchant_id", "kept_id")
    _index("member_merge", "merchant_id", "merged_id")


def _table(name: str, *parts: sa.schema.SchemaItem, unique: tuple[str, ...] = ()) -> None:
    """A merchant's table: keyed by merchant and id."""
    only = [sa.UniqueConstraint(*unique, name=f"uq_{'_'.join((name, *unique))}")] if unique else []
    op.create_table(
        name,
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        *parts,
        *only,
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f(f"fk_{name}_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f(f"pk_{name}")),
    )


def _to(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["merchant_id", column], [f"{table}.merchant_id", f"{table}.id"], name=f"fk_{column}"
    )


def _index(table: str, *columns: str) -> None:
    op.create_index(_name(table, columns), table, list(columns), unique=False)


def _name(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{'_'.join((table, *columns))}"
