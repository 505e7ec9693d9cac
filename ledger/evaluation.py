"""What an evaluation answers: everything that must be written, and why.

Values only; `evaluate.py` makes them. All of it is written in one commit, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ledger.accounts import AccountKind
from ledger.lots import Allocation, NewLot
from ledger.member_state import Progress, Promise
from ledger.programme_terms import LimitKind


class PartKind(StrEnum):
    """Where units of a credit come from."""

    SPEND = "spend"
    CASHBACK = "cashback"
    VISIT = "visit"
    ITEM = "item"
    PACK = "pack"
    BONUS = "bonus"
    CHALLENGE = "challenge"
    SET = "set"
    WELCOME = "welcome"
    PROMISE = "promise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplied:
    """`size` (minor units, or pieces) that counted `percent` / 100 times, by a rule or a tier.

    A tier is written `tier:gold`, a promise `promise:` and the rule that made it.
    """

    rule: str
    percent: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Units of one rule, before caps, and what multiplied them.

    `counted` is minor units for rules by amount, visits or pieces for the others.
    """

    rule: str
    kind: PartKind
    units: int
    counted: int = 0
    multiplied: tuple[Multiplied, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CapHit:
    """A limit that trimmed the credit by `cut` units (or minor units, AMOUNT_PER_SCAN)."""

    kind: LimitKind
    most: int
    cut: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """What one unit gets.

    `units` is the sum of `parts` less what caps cut; `debt_paid` of it goes to what is owed, the
    rest becomes `lots`. A credit of no unit still changes the carry.
    """

    unit: str
    units: int
    debt_paid: int
    carry_before: int
    carry_after: int
    parts: tuple[Part, ...] = ()
    caps: tuple[CapHit, ...] = ()
    lots: tuple[NewLot, ...] = ()
    reason: Mapping[str, Any] = field(default_factory=dict)

    @property
    def credited(self) -> int:
        """How much the member's balance grows."""
        return self.units - self.debt_paid

    @property
    def carry_change(self) -> int:
        return self.carry_after - self.carry_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapse:
    """Lots of one unit whose time is over: an `expire` operation, before anything else."""

    unit: str
    units: int
    allocations: tuple[Allocation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A transfer to come: `amount` (above zero) between a member's and a programme's account."""

    unit: str
    debit: AccountKind
    credit: AccountKind
    amount: int


class WhyNot(StrEnum):
    """Why a rule gave nothing."""

    NOT_NOW = "not_now"
    NO_MATCH = "no_match"
    BELOW_MINIMUM = "below_minimum"
    BEATEN = "beaten"
    ALREADY_GIVEN = "already_given"
    NO_AVERAGE = "no_average"
    ON_THE_WAY = "on_the_way"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A rule that gave nothing; `by` is the rule that beat it, or empty."""

    rule: str
    why: WhyNot
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The answer to one activity.

    `left_out` tells which amounts did not count, by cause (`tax`, `tip`, `discount`, `gift_card`,
    `excluded`, `redeemed`, `limit`). `progress` holds only what changed, whole. `consumed` are
    ids of promises used up. `basis` is what a refund needs to rate this again; it and `reason`
    are JSON documents of numbers and codes, without typed text.
    """

    terms_version: int
    counted_minor: int
    left_out: tuple[tuple[str, int], ...]
    credits: tuple[Credit, ...]
    lapsed: tuple[Lapse, ...]
    promised: tuple[Promise, ...]
    consumed: tuple[int, ...]
    progress: Mapping[str, Progress]
    tier_before: str
    tier_after: str
    tier_total: int
    rules_left_out: tuple[LeftOut, ...]
    reason: Mapping[str, Any]
    basis: Mapping[str, Any]

    def credit(self, unit: str) -> Credit | None:
        """What that unit gets, or None."""
        return next((credit for credit in self.credits if credit.unit == unit), None)

    def moves(self) -> tuple[Move, ...]:
        """The transfers, expiry first; each moves one unit, so each sums to zero."""
        found = [
            Move(
                unit=lapse.unit,
                debit=AccountKind.MEMBER,
                credit=AccountKind.EXPIRED,
                amount=lapse.units,
            )
            for lapse in self.lapsed
        ]
        for credit in self.credits:
            for account, amount in (
                (AccountKind.DEBT, credit.debt_paid),
                (AccountKind.MEMBER, credit.credited),
            ):
                if amount:
                    found.append(
                        Move(
                            unit=credit.unit,
                            debit=AccountKind.ISSUED,
                            credit=account,
                            amount=amount,
                        )
                    )
        return tuple(found)
