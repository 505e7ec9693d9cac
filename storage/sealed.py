"""Where sealed values lie, and walking over them batch by batch to seal them anew.

Not here: sealing itself (signing), which key is wanted (loyalty/rotate_keys.py). Rules: a row is
replaced only while it still holds what was read, so a change in between is never lost; every
column whose name ends in `_sealed` is named here, which a test holds to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, Table, literal, select, tuple_

from storage import tables
from storage.scope import Scope

INSTALLATION: Final = 0
"""What stands for the merchant in values that belong to the whole installation."""

Change = Callable[[int, bytes], bytes | None]
Place = tuple[int, int]
START: Final[Place] = (-1, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedColumn:
    """A column and the name its values are bound to (signing/sealing.py)."""

    table: Table
    column: str
    bound_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one batch did; `last` is where the next begins, None at the end."""

    last: Place | None
    seen: int
    changed: int


SEALED: Final = (
    SealedColumn(
        table=tables.apple_certificate, column="key_sealed", bound_to="apple_certificate.key"
    ),
    SealedColumn(table=tables.apple_request, column="key_sealed", bound_to="apple_request.key"),
    SealedColumn(table=tables.apple_push_key, column="key_sealed", bound_to="apple_push_key.key"),
    SealedColumn(table=tables.kept_pass, column="token_sealed", bound_to="kept_pass.token"),
    SealedColumn(table=tables.google_account, column="key_sealed", bound_to="google_account.key"),
    SealedColumn(table=tables.person, column="totp_sealed", bound_to="person.totp"),
    SealedColumn(table=tables.member, column="email_sealed", bound_to="member.email"),
    SealedColumn(table=tables.member, column="phone_sealed", bound_to="member.phone"),
    SealedColumn(table=tables.member, column="details_sealed", bound_to="member.details"),
    SealedColumn(table=tables.member_note, column="text_sealed", bound_to="member_note.text"),
    SealedColumn(
        table=tables.waiting_contact, column="email_sealed", bound_to="waiting_contact.email"
    ),
    SealedColumn(table=tables.gift_card, column="number_sealed", bound_to="gift_card.number"),
    SealedColumn(table=tables.gift_card, column="people_sealed", bound_to="gift_card.people"),
    SealedColumn(table=tables.payment_account, column="key_sealed", bound_to="payment_account.key"),
    SealedColumn(
        table=tables.payment_account, column="hook_sealed", bound_to="payment_account.hook"
    ),
    SealedColumn(table=tables.activity_claim, column="body_sealed", bound_to="activity_claim.body"),
    SealedColumn(table=tables.outbox, column="payload_sealed", bound_to="outbox.payload"),
)


def change_batch(
    scope: Scope, sealed: SealedColumn, change: Change, *, after: Place = START, limit: int
) -> Batch:
    """Give each value of a batch to `change`, which answers the new one or None to leave it.

    Args:
        scope: of the whole installation.
        sealed: which column.
        change: takes the merchant (`INSTALLATION` where there is none) and the value.
        after: the end of the batch before.
        limit: rows.
    """
    table, value = sealed.table, sealed.table.c[sealed.column]
    merchant = _merchant(table)
    rows = scope.execute(
        select(merchant.label("merchant"), table.c.id, value.label("value"))
        .where(value.is_not(None), tuple_(merchant, table.c.id) > tuple_(*map(literal, after)))
        .order_by(merchant, table.c.id)
        .limit(limit)
    ).all()
    changed = 0
    for row in rows:
        fresh = change(row.merchant, row.value)
        if fresh is not None:
            done = scope.execute(
                table.update()
                .where(table.c.id == row.id, merchant == row.merchant, value == row.value)
                .values({sealed.column: fresh})
            )
            changed += int(done.rowcount)
    full = len(rows) == limit
    last = (int(rows[-1].merchant), int(rows[-1].id)) if full else None
    return Batch(last=last, seen=len(rows), changed=changed)


def pin_versions(scope: Scope) -> set[int]:
    """The master keys that PINs of staff and gift cards were hashed under (signing/passwords.py)."""
    heads = {
        row.pin_hash.partition(":")[0]
        for table in (tables.staff, tables.gift_card)
        for row in scope.execute(select(table.c.pin_hash).where(table.c.pin_hash.is_not(None)))
    }
    return {int(head) for head in heads if head.isascii() and head.isdigit()}


def _merchant(table: Table) -> Column[int]:
    if "merchant_id" in table.c:
        return table.c.merchant_id
    return literal(INSTALLATION)  # type: ignore[return-value]
