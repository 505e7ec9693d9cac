"""What `Books` takes and gives: frozen records of the ledger's rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.actor import Actor
from ledger.accounts import Account, OperationKind
from ledger.any_terms import AnyTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a request says of itself, so that it is done once.

    `source_ref` is the outside's own name for the event; `request_hash` tells the same request
    from another one under the same key.
    """

    kind: OperationKind
    source: str
    source_ref: str
    idempotency_key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that decides whether a member's account may move, read under the account's lock.

    `contra_id` is the programme account across; `earlier_id` the operation that already bears the
    claim's key or reference; `nth_earn_at` when the n-th latest earn was, None when there are
    fewer.
    """

    merchant_status: str
    currency: str
    time_zone: str
    sale_max_minor: int
    member_state: str
    terms: AnyTerms
    account: Account
    contra_id: int
    earlier_id: int | None
    nth_earn_at: datetime | None
    next_terms_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSale:
    """A sale to store; amounts in minor units of `currency`."""

    sold_at: datetime
    currency: str
    gross_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """Who and what stands above an operation's transfers."""

    claim: Claim
    actor: Actor
    created_at: datetime
    reward_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOperation:
    """An operation as it was written, with the names that its sentences need.

    `reversed_by` is the id of its reversal. `is_spent` tells that something of what it credited
    is gone, so that it cannot be undone now.
    """

    id: int
    kind: OperationKind
    member_id: int
    unit: str
    units: int
    carry_change: int
    balance_after: int
    terms_version: int
    reason: Mapping[str, Any]
    request_hash: bytes
    actor_kind: str
    actor_id: int | None
    created_at: datetime
    reverses_id: int | None
    reward_name: str
    reversed_by: int | None
    is_spent: bool
    part_of_id: int | None = None
    reward_id: int | None = None
    debt_change: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardPrice:
    """A reward as a redemption needs it."""

    id: int
    programme_id: int
    name: str
    cost: int
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRedemption:
    """The latest redemption of a card: who took it, where and when; names may be empty."""

    reward_name: str
    staff_name: str
    till_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CardReward:
    """An active reward of a card's programme."""

    id: int
    slug: str
    name: str
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """A member's card as the ledger sees it; `spendable` leaves expired lots out."""

    member_id: int
    number: str
    name: str
    unit: str
    balance: int
    spendable: int
    carry_minor: int
    terms: AnyTerms
    rewards: tuple[CardReward, ...]
