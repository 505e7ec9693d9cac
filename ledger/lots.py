"""Lots: each credit is one, spending takes them by earliest expiry and then oldest.

An allocation ties a spend to a lot, positive when taken and negative when a reversal gives it
back, so that exactly the same lots come back. `remaining` is the amount less its allocations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from common.clock import to_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """A credit and what is left of it; `expires_at` None means never.

    `idle_days` ends it after so many days without any activity, whatever `expires_at` says.
    `operation_id` is the operation that made it, `terms_version` the terms it was earned under.
    """

    id: int
    amount: int
    remaining: int
    available_from: datetime
    expires_at: datetime | None = None
    idle_days: int | None = None
    operation_id: int = 0
    terms_version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLot:
    """A credit to come; `idle_days` ends it after so many days without any activity."""

    amount: int
    available_from: datetime
    expires_at: datetime | None = None
    idle_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """`amount` taken from a lot; below zero when given back."""

    lot_id: int
    amount: int


def is_spendable(lot: Lot, now: datetime) -> bool:
    """Whether something of the lot can be spent at `now`; its last moment is just before expiry."""
    return (
        lot.remaining > 0
        and lot.available_from <= now
        and (lot.expires_at is None or now < lot.expires_at)
    )


def available(lots: Iterable[Lot], now: datetime) -> int:
    """How much of the lots can be spent at `now`."""
    return sum(lot.remaining for lot in lots if is_spendable(lot, now))


def spend(lots: Iterable[Lot], amount: int, *, now: datetime) -> tuple[Allocation, ...]:
    """Take `amount` from the lots; the caller has seen that `available` covers it."""
    taken: list[Allocation] = []
    missing = amount
    for lot in sorted((lot for lot in lots if is_spendable(lot, now)), key=spending_order):
        if missing == 0:
            break
        part = min(lot.remaining, missing)
        taken.append(Allocation(lot_id=lot.id, amount=part))
        missing -= part
    if missing:
        raise ValueError(f"the lots hold {amount - missing}, not {amount}")
    return tuple(taken)


def give_back(taken: Iterable[Allocation]) -> tuple[Allocation, ...]:
    """The allocations that undo others, lot by lot."""
    return tuple(Allocation(lot_id=part.lot_id, amount=-part.amount) for part in taken)


def spending_order(lot: Lot) -> tuple[bool, int, int, int]:
    """What is spent first: the earliest end, then the oldest."""
    expires = 0 if lot.expires_at is None else to_micros(lot.expires_at)
    return (lot.expires_at is None, expires, to_micros(lot.available_from), lot.id)
