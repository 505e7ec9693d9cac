"""Accounts: what a member's account knows of itself, and which account stands across.

Every transfer is between a member account and one of the programme's own, so the sum over all
accounts of one unit is zero. Only member accounts carry a cached balance.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class AccountKind(StrEnum):
    """The kinds of account; all but `MEMBER` exist once per programme and unit.

    `DEBT` is what refunds took back beyond what cards held; its balance is never above zero. Who
    owes how much of it is kept beside, and what that member earns next goes there first.
    """

    MEMBER = "member"
    ISSUED = "issued"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    ADJUSTED = "adjusted"
    SOLD = "sold"
    DEBT = "debt"


PROGRAMME_KINDS: Final = tuple(kind for kind in AccountKind if kind is not AccountKind.MEMBER)


class OperationKind(StrEnum):
    """The kinds of operation."""

    EARN = "earn"
    REDEEM = "redeem"
    REVERSE = "reverse"
    EXPIRE = "expire"
    ADJUST = "adjust"
    REFUND = "refund"
    LOAD = "load"  # money put on a gift card


CONTRA: Final = {
    OperationKind.EARN: AccountKind.ISSUED,
    OperationKind.REDEEM: AccountKind.REDEEMED,
    OperationKind.EXPIRE: AccountKind.EXPIRED,
    OperationKind.ADJUST: AccountKind.ADJUSTED,
    OperationKind.LOAD: AccountKind.SOLD,
}
"""The programme account across from the member's; a reversal takes that of what it reverses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A member's account as read under its lock.

    `balance` is whole units and never negative. `carry` is minor units that counted and did not
    yet make a whole unit; after a reversal it may be below zero, or more than one unit's worth.
    `revision` is the number of operations so far.
    """

    id: int
    programme_id: int
    member_id: int
    unit: str
    balance: int
    carry: int
    revision: int
