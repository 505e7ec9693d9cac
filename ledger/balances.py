"""Balances: what accounts must hold, from their transfers alone; the proof behind the cache."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ledger.operations import Transfer


def balances(transfers: Iterable[Transfer]) -> dict[int, int]:
    """The balance of every account that moved: credits less debits; they add up to zero."""
    sums: defaultdict[int, int] = defaultdict(int)
    for transfer in transfers:
        sums[transfer.debit_account_id] -= transfer.amount
        sums[transfer.credit_account_id] += transfer.amount
    return dict(sums)
