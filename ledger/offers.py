"""Rewards and coupons as values, and what an attempt to use one answers: due, or refused.

Decisions stand in redeeming.py; where offers are kept and how stock is counted down is not ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ledger.lots import Allocation
from ledger.programme_terms import Floor, Match


class RewardKind(StrEnum):
    """What a member gets."""

    PERCENT = "percent"
    FIXED = "fixed"
    PRODUCT = "product"
    SERVICE = "service"
    MERCHANDISE = "merchandise"
    EXCLUSIVE = "exclusive"
    EXPERIENCE = "experience"
    VOUCHER = "voucher"
    DONATION = "donation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`amount` of one unit; a prize for a full set has several costs."""

    unit: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardOffer:
    """A reward as a redemption needs it.

    `percent` for PERCENT; `value_minor` for FIXED, DONATION and VOUCHER. `stock` None is without
    end; `per_member` None is as often as one likes; `tiers` empty is for everybody. `match` says
    for which lines a discount holds.
    """

    id: int
    kind: RewardKind
    costs: tuple[Cost, ...]
    percent: int = 0
    value_minor: int = 0
    match: Match = field(default_factory=Match)
    floor: Floor = field(default_factory=Floor)
    stock: int | None = None
    per_member: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    tiers: tuple[str, ...] = ()
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """A coupon: a reward without a cost, of PERCENT, FIXED, PRODUCT or SERVICE.

    `member_id` None is for everybody; `uses_max` None is as often as one likes per member.
    """

    id: int
    kind: RewardKind
    percent: int = 0
    value_minor: int = 0
    match: Match = field(default_factory=Match)
    floor: Floor = field(default_factory=Floor)
    stock: int | None = None
    uses_max: int | None = 1
    member_id: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    tiers: tuple[str, ...] = ()
    active: bool = True


class Refusal(StrEnum):
    """Why something cannot be redeemed now."""

    INACTIVE = "inactive"
    NOT_YET = "not_yet"
    OVER = "over"
    OUT_OF_STOCK = "out_of_stock"
    USED_UP = "used_up"
    FOREIGN = "foreign"
    WRONG_TIER = "wrong_tier"
    TOO_SMALL = "too_small"
    NO_AVERAGE = "no_average"
    NO_SALE = "no_sale"
    NOTHING_MATCHES = "nothing_matches"
    NOT_ENOUGH = "not_enough"
    PENDING = "pending"
    LOCKED = "locked"
    PAUSED = "paused"
    TOO_LITTLE = "too_little"
    TOO_MUCH = "too_much"
    NO_RATE = "no_rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Not now, and why: `facts` are numbers for the sentence (offer_words.refusal_sentence)."""

    why: Refusal
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What one unit pays, from which lots."""

    unit: str
    amount: int
    allocations: tuple[Allocation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What the till does: take the units, give `discount_minor` off, hand out the thing.

    `stock_after` None is a reward without end. `donated_minor` goes to the running total.
    """

    kind: RewardKind
    spendings: tuple[Spending, ...] = ()
    discount_minor: int = 0
    donated_minor: int = 0
    stock_after: int | None = None
    reason: Mapping[str, Any] = field(default_factory=dict)
