"""How an operation becomes rows: sale, operation, transfers, lots, allocations, balance.

Only inserts, but for what a lot still holds and what the member's account caches. Not done here:
deciding anything (ledger), refusing a taken key (books).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from common.actor import ActorKind
from common.clock import to_micros
from common.ids import new_id
from ledger.lots import Allocation
from ledger.operations import Draft
from storage import book_statements as sql
from storage.book_records import Heading, NewSale
from storage.scope import Scope

# The same bytes as types.JsonText writes; an encoder made once is much of the cost saved.
_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def write(scope: Scope, draft: Draft, heading: Heading, *, sale: NewSale | None) -> int:
    """Write everything of an operation; the member's account is locked.

    Returns:
        The operation's id.
    """
    sale_id = None if sale is None else _add_sale(scope, draft, heading, sale)
    operation_id = new_id()
    _add_operation(scope, operation_id, draft, heading, sale_id=sale_id)
    _add_transfers(scope, operation_id, draft)
    _add_lots(scope, operation_id, draft)
    allocate(scope, operation_id, draft.allocations)
    _move_balance(scope, draft)
    return operation_id


def _add_sale(scope: Scope, draft: Draft, heading: Heading, sale: NewSale) -> int:
    sale_id, actor, gross = new_id(), heading.actor, sale.gross_minor
    row = (
        scope.merchant,
        sale_id,
        actor.location_id,
        actor.till_id,
        actor.id if actor.kind is ActorKind.STAFF else None,
        draft.account.member_id,
        heading.claim.source,
        heading.claim.source_ref,
        to_micros(sale.sold_at),
        sale.currency,
        gross,
        gross,
        to_micros(heading.created_at),
    )
    scope.run_sql(sql.INSERT_SALE, row)
    return sale_id


def _add_operation(
    scope: Scope, operation_id: int, draft: Draft, heading: Heading, *, sale_id: int | None
) -> None:
    account, actor, claim = draft.account, heading.actor, heading.claim
    row = (
        scope.merchant,
        operation_id,
        account.programme_id,
        account.member_id,
        str(draft.kind),
        sale_id,
        heading.reward_id,
        actor.location_id,
        actor.till_id,
        str(actor.kind),
        actor.id,
        claim.source,
        claim.source_ref,
        claim.idempotency_key,
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
    )
    scope.run_sql(sql.INSERT_OPERATION, row)


def _add_transfers(scope: Scope, operation_id: int, draft: Draft) -> None:
    for part in draft.transfers:
        row = (
            scope.merchant,
            new_id(),
            operation_id,
            part.debit_account_id,
            part.credit_account_id,
            draft.account.unit,
            part.amount,
        )
        scope.run_sql(sql.INSERT_TRANSFER, row)


def _add_lots(scope: Scope, operation_id: int, draft: Draft) -> None:
    for lot in draft.lots:
        row = (
            scope.merchant,
            new_id(),
            draft.account.id,
            operation_id,
            lot.amount,
            lot.amount,
            to_micros(lot.available_from),
            None if lot.expires_at is None else to_micros(lot.expires_at),
            draft.terms_version,
        )
        scope.run_sql(sql.INSERT_LOT, row)


def allocate(scope: Scope, operation_id: int, parts: Sequence[Allocation]) -> None:
    merchant = scope.merchant
    if not parts:
        return
    scope.run_sql_many(
        sql.INSERT_ALLOCATION,
        [(merchant, new_id(), part.lot_id, operation_id, part.amount) for part in parts],
    )
    scope.run_sql_many(sql.TAKE_FROM_LOT, [(part.amount, merchant, part.lot_id) for part in parts])


def _move_balance(scope: Scope, draft: Draft) -> None:
    account = draft.account
    values = (
        draft.balance_after,
        draft.carry_after,
        account.revision + 1,
        scope.merchant,
        account.id,
        account.revision,
    )
    if scope.run_sql(sql.MOVE_BALANCE, values).rowcount != 1:
        raise RuntimeError(f"account {account.id} moved although it was locked")
