"""Balance: a member's card as people read it, with what is due and why it is so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.actor import ActorKind
from ledger import reasons
from ledger.accounts import OperationKind
from ledger.any_terms import AnyTerms, goal_of
from ledger.programme_terms import ProgrammeTerms
from ledger.terms import PointsTerms
from loyalty.context import Loyalty
from storage.book_records import CardFacts, StoredOperation
from storage.unit_of_work import open_work

HISTORY_LENGTH: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardState:
    """An active reward; `due` when the card pays for it now."""

    id: int
    slug: str
    name: str
    cost: int
    due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One line of a card's history; `sentences` in the current language, headline first.

    `reversible` tells that nothing but the rules about people stands against undoing it;
    `staff_id` is who did it at a till, None for anyone else.
    """

    operation_id: int
    kind: OperationKind
    units: int
    sentences: tuple[str, ...]
    created_at: datetime
    reversible: bool
    reversed: bool
    staff_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardState:
    """A card: `balance` in whole `unit`s; `goal` for stamps only; `history` newest first.

    `carried` is a sentence about `carry_minor`, empty for none.
    """

    member_id: int
    number: str
    name: str
    unit: str
    balance: int
    goal: int | None
    carry_minor: int
    carried: str
    rewards: tuple[RewardState, ...]
    history: tuple[Movement, ...]


def card_state(ctx: Loyalty, merchant_id: int, member_id: int) -> CardState:
    """The member's card at one moment; cheapest reward first.

    Raises:
        NotFound: the merchant has no such member.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        facts = work.books.card(member_id)
        operations = work.books.history(member_id, HISTORY_LENGTH)
    return CardState(
        member_id=facts.member_id,
        number=facts.number,
        name=facts.name,
        unit=facts.unit,
        balance=facts.balance,
        goal=goal_of(facts.terms),
        carry_minor=facts.carry_minor,
        carried=_carried(facts.terms, facts.carry_minor),
        rewards=_rewards(facts),
        history=tuple(_movement(operation, facts.terms) for operation in operations),
    )


def _carried(terms: AnyTerms, carry_minor: int) -> str:
    if not isinstance(terms, PointsTerms):
        return ""  # rule_card tells it unit by unit
    return reasons.carried(carry_minor, terms.currency, terms.points)


def _rewards(facts: CardFacts) -> tuple[RewardState, ...]:
    return tuple(
        RewardState(
            id=reward.id,
            slug=reward.slug,
            name=reward.name,
            cost=reward.cost,
            due=facts.spendable >= reward.cost,
        )
        for reward in facts.rewards
    )


def _movement(operation: StoredOperation, terms: AnyTerms) -> Movement:
    names = terms if isinstance(terms, ProgrammeTerms) else None
    is_reversed = operation.reversed_by is not None
    return Movement(
        operation_id=operation.id,
        kind=operation.kind,
        units=operation.units,
        sentences=reasons.sentences(
            operation.reason, reward_name=operation.reward_name, terms=names
        ),
        created_at=operation.created_at,
        reversible=(
            not is_reversed
            and not operation.is_spent
            and operation.kind is not OperationKind.REVERSE
        ),
        reversed=is_reversed,
        staff_id=operation.actor_id if operation.actor_kind == ActorKind.STAFF else None,
    )
