"""Redeem a reward of a programme of many rules; the account is locked and nothing was replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ledger.offers import Due, Refused, RewardKind
from ledger.programme_terms import ProgrammeTerms
from ledger.redeeming import may_redeem
from loyalty.member_states import Loaded
from loyalty.race_words import nothing_left
from loyalty.results import OperationResult
from loyalty.sold import SaleAtHand, activity_of, check_lines, known_items
from loyalty.spending import NotDue, Spend, spend
from storage.book_records import Claim, Standing
from storage.offers import reward_offer
from storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from ledger.activity import Activity
    from loyalty.redeem import RedeemRequest

HANDED_OUT: Final = frozenset(RewardKind) - {RewardKind.PERCENT, RewardKind.FIXED}


def redeem_by_rules(
    work: UnitOfWork,
    request: RedeemRequest,
    claim: Claim,
    *,
    standing: Standing,
    terms: ProgrammeTerms,
) -> OperationResult:
    """Hand the reward over and write it.

    Raises:
        NotDue, InsufficientBalance: with a sentence for staff.
    """
    reward = work.programmes.reward(request.reward_id)
    offer = reward_offer(reward, first_unit=terms.units[0].code)
    activity = sale_activity(work, request.sale)

    def decide(work: UnitOfWork, loaded: Loaded) -> Due | Refused:
        used = 0
        if offer.per_member is not None:
            used = work.books.times_redeemed(request.member_id, reward.id)
        return may_redeem(
            offer, terms, loaded.state, used=used, activity=activity, now=work.clock.now()
        )

    def then(work: UnitOfWork, due: Due, operation_id: int) -> None:  # noqa: ARG001
        if not work.programmes.take_reward(reward.id):
            raise NotDue(
                nothing_left(work.books.last_of_reward(reward.id), work.clock.now()),
                why="out_of_stock",
            )

    return spend(
        work,
        Spend(
            member_id=request.member_id,
            actor=request.actor,
            decide=decide,
            then=then,
            reward_id=reward.id,
            name=reward.name,
            value_minor=reward.value if offer.kind in HANDED_OUT else None,
            cost_minor=reward.cost_minor,
            last=lambda work, member: None if member else work.books.last_of_reward(reward.id),
        ),
        claim,
        standing=standing,
        terms=terms,
    )


def sale_activity(work: UnitOfWork, sale: SaleAtHand | None) -> Activity | None:
    """The sale at hand as rules see it."""
    if sale is None:
        return None
    check_lines(sale.lines)
    return activity_of(sale, work.clock.now(), known_items(work, sale.lines))
