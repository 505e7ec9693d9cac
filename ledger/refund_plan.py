"""What a refund is and what it answers; refunds.py makes the plan.

Values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ledger.accounts import AccountKind
from ledger.activity import Line
from ledger.evaluation import Lapse, Move
from ledger.lots import Allocation
from ledger.member_state import Progress
from ledger.programme_terms import SpentReward


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """What goes back: money, and lines where known (their net and tax are part of the money).

    Line matching is by item and category; `quantity`, `net_minor` and `tax_minor` are what came
    back of that line. The same value adds up all earlier refunds of a sale.
    """

    paid_minor: int = 0
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the sale gave in one unit, and what earlier refunds took of it already.

    `carry_change` is what stands of the sale's change of carry. `lot_ids` are the lots it made,
    `expired` what ended of them: it is gone already and never asked for again. `gone` is how much
    of that `taken_back` counts already.
    """

    unit: str
    units: int
    taken_back: int = 0
    expired: int = 0
    gone: int = 0
    carry_change: int = 0
    lot_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentOn:
    """A redemption that belongs to the sale and stands: what it took, unit by unit."""

    operation_id: int
    unit: str
    units: int
    allocations: tuple[Allocation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBack:
    """What one unit loses.

    `units` is all that is taken back: `from_lots` by the allocations, `owed` becomes debt,
    `forgiven` is written down and not asked for; `gone` of that had expired.
    """

    unit: str
    units: int
    from_lots: int
    owed: int
    forgiven: int
    carry_change: int
    allocations: tuple[Allocation, ...]
    gone: int = 0
    reason: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """What a spent reward gives back to its very lots.

    `extended` are lots whose end moves, and to when: what comes back can still be used. Such a
    lot ends on that day, however idle the member is.
    """

    operation_id: int
    unit: str
    units: int
    allocations: tuple[Allocation, ...]
    extended: tuple[tuple[int, datetime], ...] = ()
    reason: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPlan:
    """Everything a refund writes.

    `ask` is True where the policy leaves it to staff and they have not said: nothing may be
    written; ask, and plan again with `choice`. `lapsed` is what was over before the refund: it
    ends first, so that a late job brings nothing back. `progress` is what becomes of challenges
    and the like; `promises_void` are rules of this sale whose open promises fall away;
    `promises_back` are ids this sale had used. `purchase_undone` tells that the whole sale is
    back. `counted_change` (zero or less) is for tier totals and averages.
    """

    lapsed: tuple[Lapse, ...]
    takes: tuple[TakeBack, ...]
    restores: tuple[Restore, ...]
    ask: bool
    whole: bool
    counted_change: int
    tier_change: int
    progress: Mapping[str, Progress]
    promises_void: tuple[str, ...]
    promises_back: tuple[int, ...]
    policy: SpentReward
    reason: Mapping[str, Any]

    @property
    def purchase_undone(self) -> bool:
        return self.whole

    def moves(self) -> tuple[Move, ...]:
        """The transfers: what was over, what is restored, what goes to `issued`."""
        found = [
            _move(one.unit, AccountKind.MEMBER, AccountKind.EXPIRED, amount=one.units)
            for one in self.lapsed
        ]
        found += [
            _move(back.unit, AccountKind.REDEEMED, AccountKind.MEMBER, amount=back.units)
            for back in self.restores
        ]
        for take in self.takes:
            for account, amount in (
                (AccountKind.MEMBER, take.from_lots),
                (AccountKind.DEBT, take.owed),
            ):
                found.append(_move(take.unit, account, AccountKind.ISSUED, amount=amount))
        return tuple(move for move in found if move.amount)


def _move(unit: str, debit: AccountKind, credit: AccountKind, *, amount: int) -> Move:
    return Move(unit=unit, debit=debit, credit=credit, amount=amount)
