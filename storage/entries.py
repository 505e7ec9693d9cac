"""Events of programmes with rules: one event that moves several units, written whole.

Each unit that moves is an operation with its own transfers, lots and place among the account's
revisions; the others name the first, which bears the request's key and reference. So everything
that holds for one operation holds for each.

Not done here: deciding anything (ledger), events of one unit (book_writer.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from common.actor import ActorKind
from common.clock import to_micros
from common.ids import new_id
from ledger.operations import Draft
from storage import book_statements as books
from storage import rule_statements as sql
from storage.book_records import Heading
from storage.book_writer import allocate
from storage.scope import Scope

PART: Final = "\x1f"
"""What stands between a request's key and the unit of a further operation: no key can hold it."""

_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One operation of an event.

    `debt` is what the account owes before it; `extended` are lots that live on until a moment.
    `value_minor` and `cost_minor` are what a redemption was worth and cost.
    """

    draft: Draft
    debt: int = 0
    debt_change: int = 0
    extended: tuple[tuple[int, datetime], ...] = ()
    reward_id: int | None = None
    value_minor: int | None = None
    cost_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldLine:
    """A line of a sale as it is stored; `quantity_milli` in thousandths."""

    item: str
    category: str
    quantity_milli: int
    net_minor: int
    cost_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldSale:
    """A sale with all that is told of it, in minor units of `currency`."""

    sold_at: datetime
    currency: str
    gross_minor: int
    tax_minor: int = 0
    tip_minor: int = 0
    discount_minor: int = 0
    gift_minor: int = 0
    net_minor: int = 0
    lines: tuple[SoldLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Entries in the order they happen; `first` is the place of the one that bears the key.

    `rating` is kept with the first: what a refund needs to rate the sale again.
    """

    entries: Sequence[Entry]
    heading: Heading
    first: int
    sale: SoldSale | None = None
    sale_id: int | None = None
    rating: Mapping[str, Any] = field(default_factory=dict)


def write_event(scope: Scope, event: Event) -> tuple[int, ...]:
    """Write everything of an event; the member's accounts are locked.

    Returns:
        The operations' ids, in the order of the entries.
    """
    sale_id = event.sale_id
    if event.sale is not None:
        sale_id = _add_sale(scope, event, event.sale)
    first_id = new_id()
    ids = tuple(
        first_id if place == event.first else new_id() for place in range(len(event.entries))
    )
    seen: Counter[str] = Counter()
    for place, entry in enumerate(event.entries):
        is_first = place == event.first
        part = "" if is_first else f"{PART}{entry.draft.kind}{PART}{entry.draft.account.unit}"
        seen[part] += 1
        _add_operation(
            scope,
            ids[place],
            entry,
            event.heading,
            sale_id=sale_id,
            part=part if seen[part] == 1 else f"{part}{PART}{seen[part]}",
            part_of=None if is_first else first_id,
        )
        _move(scope, ids[place], entry)
    if event.rating:
        draft = event.entries[event.first].draft
        row = (scope.merchant, first_id, draft.terms_version, _JSON.encode(event.rating))
        scope.run_sql(sql.INSERT_RATING, row)
    return ids


def _add_sale(scope: Scope, event: Event, sale: SoldSale) -> int:
    sale_id, actor, claim = new_id(), event.heading.actor, event.heading.claim
    row = (
        scope.merchant,
        sale_id,
        actor.location_id,
        actor.till_id,
        actor.id if actor.kind is ActorKind.STAFF else None,
        event.entries[event.first].draft.account.member_id,
        claim.source,
        claim.source_ref,
        to_micros(sale.sold_at),
        sale.currency,
        sale.gross_minor,
        sale.net_minor,
        to_micros(event.heading.created_at),
        sale.tax_minor,
        sale.tip_minor,
        sale.discount_minor,
        sale.gift_minor,
    )
    scope.run_sql(sql.INSERT_SALE, row)
    lines = [
        (
            scope.merchant,
            sale_id,
            number,
            line.item,
            line.category,
            line.quantity_milli,
            line.net_minor,
            line.cost_minor,
        )
        for number, line in enumerate(sale.lines, start=1)
    ]
    if lines:
        scope.run_sql_many(sql.INSERT_SALE_LINE, lines)
    return sale_id


def _add_operation(
    scope: Scope,
    operation_id: int,
    entry: Entry,
    heading: Heading,
    *,
    sale_id: int | None,
    part: str,
    part_of: int | None,
) -> None:
    draft, claim, actor = entry.draft, heading.claim, heading.actor
    account = draft.account
    row = (
        scope.merchant,
        operation_id,
        account.programme_id,
        account.member_id,
        str(draft.kind),
        sale_id,
        entry.reward_id,
        actor.location_id,
        actor.till_id,
        str(actor.kind),
        actor.id,
        claim.source,
        claim.source_ref + part,
        claim.idempotency_key + part,
        claim.request_hash,
        draft.terms_version,
        _JSON.encode(draft.reason),
        draft.units,
        account.unit,
        draft.carry_change,
        draft.balance_after,
        account.revision + 1,
        draft.reverses_id,
        to_micros(heading.created_at),
        part_of,
        entry.debt_change,
        entry.value_minor,
        entry.cost_minor,
    )
    scope.run_sql(sql.INSERT_OPERATION, row)


def _move(scope: Scope, operation_id: int, entry: Entry) -> None:
    draft = entry.draft
    account = draft.account
    merchant = scope.merchant
    for part in draft.transfers:
        sides = (part.debit_account_id, part.credit_account_id)
        row = (merchant, new_id(), operation_id, *sides, account.unit, part.amount)
        scope.run_sql(books.INSERT_TRANSFER, row)
    for lot in draft.lots:
        scope.run_sql(
            sql.INSERT_LOT,
            (
                merchant,
                new_id(),
                account.id,
                operation_id,
                lot.amount,
                lot.amount,
                to_micros(lot.available_from),
                None if lot.expires_at is None else to_micros(lot.expires_at),
                draft.terms_version,
                lot.idle_days,
            ),
        )
    allocate(scope, operation_id, draft.allocations)
    for lot_id, until in entry.extended:
        now = to_micros(scope.clock.now())
        scope.run_sql(sql.EXTEND_LOT, (to_micros(until), now, merchant, lot_id))
    values = (
        draft.balance_after,
        draft.carry_after,
        account.revision + 1,
        entry.debt + entry.debt_change,
        merchant,
        account.id,
        account.revision,
    )
    if scope.run_sql(sql.MOVE_ACCOUNT, values).rowcount != 1:
        raise RuntimeError(f"account {account.id} moved although it was locked")
