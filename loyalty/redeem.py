"""Redeem: a reward is handed over and paid from the member's lots, once.

The account is locked before the lots are read, so of two tills that redeem the last reward one
wins and the other is told who was faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InsufficientBalance, NotFound
from common.i18n import gettext as _
from ledger.accounts import OperationKind
from ledger.operations import Draft, plan_redeem
from ledger.programme_terms import ProgrammeTerms
from ledger.reasons import units_words
from ledger.terms import Terms
from loyalty import posting
from loyalty.candidates import refuse_candidate
from loyalty.context import Loyalty
from loyalty.race_words import who_was_faster
from loyalty.redeem_by_rules import redeem_by_rules
from loyalty.results import OperationResult
from loyalty.sold import SaleAtHand
from loyalty.spending import locked
from storage.book_records import Claim, LastRedemption, RewardPrice, Standing
from storage.unit_of_work import UnitOfWork

# How long ago another redemption still explains why the card no longer holds enough.
RACE_WINDOW: Final = timedelta(minutes=2)


class RewardInactive(Conflict):
    """This reward is no longer offered."""

    code = "reward_inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemRequest:
    """Which reward for whom, told by whom; `source_ref` is by default the key.

    `sale` is the one it is for: rewards in percent, of an amount, or with a least sale want it.
    """

    member_id: int
    reward_id: int
    actor: Actor
    idempotency_key: str
    source: str = "till"
    source_ref: str | None = None
    sale: SaleAtHand | None = None


def redeem(ctx: Loyalty, merchant_id: int, request: RedeemRequest) -> OperationResult:
    """Pay for the reward, once per key.

    Raises:
        NotFound: the merchant has no such member, or the member's programme no such reward.
        InsufficientBalance: the card holds too little; after a lost race the text says who.
        NotDue: stock, validity, tier, limit or the sale stand against it.
        RewardInactive, MerchantSuspended, MemberInactive: nothing moves there.
        CandidateCard: the card gives nothing before more purchases.
        IdempotencyMismatch, OperationInFlight: the key stands for another request, or is busy.
        Unavailable: the database cannot take it now; nothing was changed.
    """
    claim = posting.claim(
        OperationKind.REDEEM,
        {
            "member": request.member_id,
            "reward": request.reward_id,
            **({} if request.sale is None else {"sale": request.sale.document()}),
        },
        key=request.idempotency_key,
        source=request.source,
        source_ref=request.source_ref,
    )

    def action(work: UnitOfWork) -> OperationResult:
        return _redeem(work, request, claim)

    return posting.run_once(ctx, merchant_id, action)


def _redeem(work: UnitOfWork, request: RedeemRequest, claim: Claim) -> OperationResult:
    standing = locked(work, request.member_id, claim)
    earlier = posting.replay(work, standing, claim)
    if earlier is not None:
        return earlier
    posting.demand_active(standing)
    reward = _reward(work, request.reward_id, standing)
    if isinstance(standing.terms, ProgrammeTerms):
        return redeem_by_rules(work, request, claim, standing=standing, terms=standing.terms)
    refuse_candidate(work, request.member_id)
    draft = _plan(work, standing, reward, terms=standing.terms)
    return posting.post(
        work,
        draft,
        claim,
        actor=request.actor,
        reward_id=reward.id,
        reward_name=reward.name,
    )


def _reward(work: UnitOfWork, reward_id: int, standing: Standing) -> RewardPrice:
    reward = work.books.reward(reward_id)
    if reward.programme_id != standing.account.programme_id:
        raise NotFound(_("There is no such reward here."))
    if not reward.active:
        raise RewardInactive(_("This reward is no longer offered."))
    return reward


def _plan(work: UnitOfWork, standing: Standing, reward: RewardPrice, *, terms: Terms) -> Draft:
    now = work.clock.now()
    try:
        return plan_redeem(
            standing.account,
            terms,
            contra_id=standing.contra_id,
            cost=reward.cost,
            lots=work.books.open_lots(standing.account.id),
            now=now,
        )
    except InsufficientBalance as error:
        last = work.books.last_redemption(standing.account.member_id)
        unit = standing.account.unit
        raise InsufficientBalance(
            _why_too_little(error, last, reward, unit=unit, now=now),
            available=error.available,
            needed=error.needed,
        ) from error


def _why_too_little(
    error: InsufficientBalance,
    last: LastRedemption | None,
    reward: RewardPrice,
    *,
    unit: str,
    now: datetime,
) -> str:
    plain = _(
        "%(reward)s costs %(cost)s and the card holds %(held)s.",
        reward=reward.name,
        cost=units_words(error.needed, unit),
        held=units_words(error.available, unit),
    )
    if last is None or now - last.created_at > RACE_WINDOW:
        return plain
    return who_was_faster(last, now) + " " + plain
