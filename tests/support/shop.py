"""A shop in the middle of its life: what `verify` and archives are tried on."""

from __future__ import annotations

from dataclasses import dataclass

from common.actor import SYSTEM
from ledger.limits import Limits
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from loyalty.redeem import RedeemRequest, redeem
from loyalty.reverse import ReverseRequest, reverse
from storage.unit_of_work import open_work
from tests.support import builders

MANY = Limits(earns_per_card_day=1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Ids of what stands in it; the first member redeemed, the second had an earn undone."""

    merchant_id: int
    programme_id: int
    reward_id: int
    member_ids: tuple[int, ...]


def a_busy_shop(ctx: Loyalty, merchant_id: int, *, members: int = 3) -> Shop:
    """Members with phones who earned twice each; one redemption, one reversal."""
    shop = _furnish(ctx, merchant_id, members=members)
    for member_id in shop.member_ids:
        buy(ctx, shop, member_id, amount_minor=1240)
        ctx.clock.advance(seconds=7)  # type: ignore[attr-defined]
        last = buy(ctx, shop, member_id, amount_minor=380)
    redeem(
        ctx,
        merchant_id,
        RedeemRequest(
            member_id=shop.member_ids[0],
            reward_id=shop.reward_id,
            actor=SYSTEM,
            idempotency_key=f"redeem-{shop.member_ids[0]}",
        ),
    )
    reverse(
        ctx,
        merchant_id,
        ReverseRequest(
            operation_id=last, actor=SYSTEM, idempotency_key=f"undo-{last}", own_recent_only=False
        ),
    )
    return shop


def buy(ctx: Loyalty, shop: Shop, member_id: int, *, amount_minor: int, key: str = "") -> int:
    """A sale at the till; returns the operation."""
    now = ctx.clock.now().isoformat()
    request = EarnRequest(
        member_id=member_id,
        amount_minor=amount_minor,
        visits=None,
        actor=SYSTEM,
        idempotency_key=key or f"{member_id}-{now}",
    )
    return earn(ctx, shop.merchant_id, request, limits=MANY).operation_id


def _furnish(ctx: Loyalty, merchant_id: int, *, members: int) -> Shop:
    with open_work(ctx.database, merchant_id, clock=ctx.clock) as work:
        builders.a_pass_type(work)
        programme = builders.a_programme(work)
        reward = builders.a_reward(work, programme)
        builders.a_till(work, builders.a_location(work))
        builders.a_staff(work)
        people = [builders.a_member(work, programme) for _ in range(members)]
        for member in people:
            card = work.passes.current_of_member(member.id)
            builders.a_registration(work, card)
            work.deliveries.want_google_object(card.id)
        work.audit.add(actor=SYSTEM, action="programme.add", subject_kind="programme")
        work.commit()
    return Shop(
        merchant_id=merchant_id,
        programme_id=programme.id,
        reward_id=reward.id,
        member_ids=tuple(member.id for member in people),
    )
