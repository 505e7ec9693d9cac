"""From the driver's tuples to the ledger's records; the order of columns is book_statements'."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from common.clock import from_micros
from ledger.accounts import OperationKind
from ledger.lots import Lot
from storage.book_records import StoredOperation


def moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def lot_of(row: Any) -> Lot:
    return Lot(
        id=row[0],
        amount=row[1],
        remaining=row[2],
        available_from=from_micros(row[3]),
        expires_at=moment(row[4]),
    )


def operation_of(row: Any) -> StoredOperation:
    return StoredOperation(
        id=row[0],
        kind=OperationKind(row[1]),
        member_id=row[2],
        unit=row[3],
        units=row[4],
        carry_change=row[5],
        balance_after=row[6],
        terms_version=row[7],
        reason=json.loads(row[8]),
        request_hash=bytes(row[9]),
        actor_kind=row[10],
        actor_id=row[11],
        created_at=from_micros(row[12]),
        reverses_id=row[13],
        reward_name=row[14] or "",
        reversed_by=row[15],
        is_spent=bool(row[16]),
        part_of_id=row[17],
        debt_change=row[18],
        reward_id=row[19],
    )
