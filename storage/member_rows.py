"""Every row that is about a member, table by table, as the export of their data wants it.

Rules:
- A table that names a member, or a card, account, movement, sale or phone of theirs, is walked by
  itself: a new table is in the export from its first day, unless it is listed here with a reason.
- What only machines read is left out: hashes, blind indexes, leases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import LargeBinary, Select, Table, select

from storage import tables
from storage.scope import Scope
from storage.sealed import SEALED

NOT_EXPORTED: Final = {
    "member_word": "the words of the name once more, for the search",
    "directory_token": "fingerprints of the codes that the cards show",
    "one_time_link": "fingerprints of links and codes that end within minutes",
    "device": "how Apple calls a phone; the registration says since when a phone has the card",
    "delivery": "what the worker still has to tell wallets; it follows from the cards",
    "welcome": "a fingerprint of the contact, so that nobody is welcomed twice",
    "erasure": "says that nothing is kept any more",
    "audit_entry": "what the people of the shop did; it holds no contact",
    "pilot_contact": "fingerprints of contacts; it belongs to nobody's membership",
    "waiting_contact": "belongs to nobody's membership: who waits has not joined",
    "kept_pass": "the proof that phones show for a card of an older system",
    "google_callback": "fingerprints of Google's messages about cards, kept for days",
    "member_device": "fingerprints of browsers, so that nobody refers themselves",
}
"""Tables in which something of a member may stand and which their export leaves out, and why."""

ABOUT_NOBODY: Final = {
    "activity": "what members can do, not who did",
    "alarm": "what the owner was told",
    "apple_certificate": "the shop's",
    "apple_log": "complaints of phones, without a name, kept for days",
    "apple_push_key": "the shop's",
    "apple_request": "the shop's",
    "breaker": "a channel that stands still",
    "design": "the shop's",
    "directory_name": "names of programmes, pass types and hosts",
    "expiry_run": "sums of a nightly job",
    "gift_programme": "the shop's",
    "google_account": "the shop's",
    "google_keys": "Google's",
    "image": "the shop's",
    "installation": "the machine's",
    "invitation": "codes of the shop; who used one is said with the member",
    "item": "the shop's",
    "join_source": "places of the shop; who came by one is said with the member",
    "lag_count": "counts of an hour",
    "location": "the shop's",
    "mass_change": "changes of all cards",
    "merchant": "the shop itself",
    "message": "what was said to many; message_card says who got it",
    "pass_type": "the shop's",
    "payment_account": "the shop's",
    "person": "people who work for the shop",
    "programme": "the shop's",
    "rate_bucket": "counters that refill within hours, by address or by the id of a card",
    "referral_rule": "the shop's",
    "reward": "the shop's",
    "role": "people who work for the shop",
    "session": "who works at a till or the console",
    "staff": "people who work for the shop",
    "terms": "the shop's",
    "terms_draft": "the shop's",
    "till": "the shop's",
    "worker_heartbeat": "the machine's",
}
"""Tables in which no row is about a member, and what they are; a test holds that each table is
exported, left out with a reason, or here."""

# How a column leads to a member, in the order of asking; each gives a set of ids.
_LEADS: Final = ("member_id", "pass_id", "account_id", "operation_id", "sale_id")
_NAMED: Final = {
    "member": [("id", "member_id")],
    "member_merge": [("kept_id", "member_id"), ("merged_id", "member_id")],
    "referral": [("referrer_id", "member_id"), ("friend_id", "member_id")],
    "transfer": [("operation_id", "operation_id")],
    "allocation": [("operation_id", "operation_id")],
    "kept_pass": [("id", "pass_id")],
    "device": [("id", "device_id")],
    "directory_token": [("subject_id", "member_id"), ("subject_id", "pass_id")],
    "one_time_link": [("subject_id", "member_id"), ("subject_id", "pass_id")],
    "google_callback": [],  # its account is Google's
}
_HIDDEN: Final = frozenset({"merchant_id", "lease", "lease_until", "name_folded"})
ROWS_MAX: Final = 200_000
"""Of one table."""


def tables_of_members() -> list[Table]:
    """Every table in which a row may be about a member."""
    return [table for table in tables.metadata.sorted_tables if _leads(table)]


def rows_of_member(
    scope: Scope, member_id: int, *, open_sealed: Callable[[str, bytes], str]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Name and rows of each exported table that has some, with plain values.

    `open_sealed` opens a value that is bound to a name (storage/sealed.py).
    """
    ids = _ids(scope, member_id)
    for table in tables_of_members():
        if table.name in NOT_EXPORTED:
            continue
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for column, kind in _leads(table):
            query = _query(scope, table).where(table.c[column].in_(ids[kind]))
            for row in scope.execute(query.limit(ROWS_MAX)).mappings():
                plain = {name: _plain(value) for name, value in row.items()}
                for name, bound_to in _sealed(table).items():
                    plain[name] = open_sealed(bound_to, row[name]) if row[name] else None
                found[tuple(map(repr, plain.values()))] = plain
        if found:
            yield table.name, list(found.values())


def _leads(table: Table) -> list[tuple[str, str]]:
    """The columns that lead to a member, and to what."""
    if table.name in _NAMED:
        return _NAMED[table.name]
    # The shortest way: a table that names the member is asked by the member.
    return [(name, name) for name in _LEADS if name in table.c][:1]


def _ids(scope: Scope, member_id: int) -> dict[str, Any]:
    """Queries for the ids of what belongs to the member."""

    def of(table: Table) -> Select[Any]:
        return scope.select(table, table.c.id).where(table.c.member_id == member_id)

    passes = of(tables.wallet_pass)
    return {
        "member_id": [member_id],
        "pass_id": passes,
        "account_id": of(tables.account),
        "operation_id": of(tables.operation),
        "sale_id": of(tables.sale),
        "device_id": scope.select(tables.registration, tables.registration.c.device_id).where(
            tables.registration.c.pass_id.in_(passes)
        ),
    }


def _query(scope: Scope, table: Table) -> Select[Any]:
    shown = [
        column
        for column in table.c
        if column.name in _sealed(table)
        or (column.name not in _HIDDEN and not isinstance(column.type, LargeBinary))
    ]
    return select(*shown).where(table.c.merchant_id == scope.merchant)


def _sealed(table: Table) -> dict[str, str]:
    """The sealed columns that a member's export opens, and what they are bound to."""
    if table.name in {"member", "outbox"}:
        return {}  # the profile says it in words; a mail that waits holds links
    return {one.column: one.bound_to for one in SEALED if one.table is table}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
