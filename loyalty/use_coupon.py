"""Use a coupon, or a discount that was promised for the next purchase: once per key.

Both cost the member no unit; each is an operation, so that it can be undone and is told in the
card's history.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.actor import Actor
from common.errors import NotFound
from common.i18n import gettext as _
from ledger.accounts import OperationKind
from ledger.member_state import Promise
from ledger.offers import Due, Refused
from ledger.programme_terms import GrantKind, ProgrammeTerms
from ledger.redeeming import may_use, may_use_promise
from loyalty import posting
from loyalty.context import Loyalty
from loyalty.coupons import normal_code, tell_of_stock
from loyalty.member_states import Loaded
from loyalty.race_words import nothing_left
from loyalty.redeem_by_rules import sale_activity
from loyalty.results import OperationResult
from loyalty.sold import SaleAtHand
from loyalty.spending import NotDue, Spend, demand_rules, locked, spend
from storage.book_records import Claim, Standing
from storage.coupons import Coupon
from storage.offers import coupon_offer
from storage.unit_of_work import UnitOfWork

OFF_NEXT = frozenset({GrantKind.PERCENT_OFF_NEXT, GrantKind.FIXED_OFF_NEXT})


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponRequest:
    """Which code for whom, told by whom; `sale` is the one it is used on."""

    member_id: int
    code: str
    actor: Actor
    idempotency_key: str
    source: str = "till"
    source_ref: str | None = None
    sale: SaleAtHand | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseRequest:
    """Which promised discount for whom; `sale` is the one it is used on."""

    member_id: int
    promise_id: int
    actor: Actor
    idempotency_key: str
    source: str = "till"
    source_ref: str | None = None
    sale: SaleAtHand | None = None


def use_coupon(ctx: Loyalty, merchant_id: int, request: CouponRequest) -> OperationResult:
    """Use a coupon; `discount_minor` of the answer is what the till takes off.

    Raises:
        NotFound: no such member, or no such coupon of the card's programme.
        NotDue: it has ended, is used up, is another's, or the sale does not fit.
        InvalidInput: the card is of one rate and takes no coupons.
        MerchantSuspended, MemberInactive: nothing moves there.
        IdempotencyMismatch, OperationInFlight: the key stands for another request, or is busy.
        Unavailable: the database cannot take it now; nothing was changed.
    """
    code = normal_code(request.code)
    claim = _claim(request, {"coupon": code})

    def action(work: UnitOfWork) -> OperationResult:
        standing = locked(work, request.member_id, claim)
        earlier = posting.replay(work, standing, claim)
        if earlier is not None:
            return earlier
        terms = demand_rules(standing)
        coupon = work.coupons.by_code(code)
        if coupon is None or coupon.programme_id != standing.account.programme_id:
            raise NotFound(_("There is no such coupon here."))
        return _use(work, request, coupon, claim, standing=standing, terms=terms)

    return posting.run_once(ctx, merchant_id, action)


def use_promise(ctx: Loyalty, merchant_id: int, request: PromiseRequest) -> OperationResult:
    """Use a discount that was promised for the next purchase.

    Raises:
        NotFound: the member was promised no such thing, or it was kept or ended.
        NotDue: the sale does not reach what it asks.
        As `use_coupon` for the rest.
    """
    claim = _claim(request, {"promise": request.promise_id})

    def action(work: UnitOfWork) -> OperationResult:
        standing = locked(work, request.member_id, claim)
        earlier = posting.replay(work, standing, claim)
        if earlier is not None:
            return earlier
        return _keep(work, request, claim, standing=standing, terms=demand_rules(standing))

    return posting.run_once(ctx, merchant_id, action)


def _use(
    work: UnitOfWork,
    request: CouponRequest,
    coupon: Coupon,
    claim: Claim,
    *,
    standing: Standing,
    terms: ProgrammeTerms,
) -> OperationResult:
    offer, activity = coupon_offer(coupon), sale_activity(work, request.sale)

    def decide(work: UnitOfWork, loaded: Loaded) -> Due | Refused:
        return may_use(
            offer,
            terms,
            loaded.state,
            member_id=request.member_id,
            used=work.coupons.uses(coupon.id, request.member_id),
            activity=activity,
            now=work.clock.now(),
        )

    def then(work: UnitOfWork, due: Due, operation_id: int) -> None:
        if not work.coupons.take(coupon):
            last = work.coupons.last_use(coupon.id)
            raise NotDue(nothing_left(last, work.clock.now()), why="out_of_stock")
        tell_of_stock(work, coupon.id)
        work.coupons.note_use(
            coupon.id,
            member_id=request.member_id,
            operation_id=operation_id,
            saved_minor=due.discount_minor,
        )

    wanted = Spend(
        member_id=request.member_id,
        actor=request.actor,
        decide=decide,
        then=then,
        name=coupon.name,
        cost_minor=coupon.cost_minor,
        last=lambda work, member: work.coupons.last_use(coupon.id, member_id=member),
    )
    return spend(work, wanted, claim, standing=standing, terms=terms)


def _keep(
    work: UnitOfWork,
    request: PromiseRequest,
    claim: Claim,
    *,
    standing: Standing,
    terms: ProgrammeTerms,
) -> OperationResult:
    activity = sale_activity(work, request.sale)

    def decide(work: UnitOfWork, loaded: Loaded) -> Due | Refused:
        promise = _promise(loaded, request.promise_id)
        return may_use_promise(
            promise, terms, loaded.state, activity=activity, now=work.clock.now()
        )

    def then(work: UnitOfWork, due: Due, operation_id: int) -> None:  # noqa: ARG001
        work.promises.keep(request.member_id, [request.promise_id], kept_by=operation_id)

    wanted = Spend(member_id=request.member_id, actor=request.actor, decide=decide, then=then)
    return spend(work, wanted, claim, standing=standing, terms=terms)


def _promise(loaded: Loaded, promise_id: int) -> Promise:
    for one in loaded.state.promises:
        if one.id == promise_id and one.kind in OFF_NEXT:
            return one
    raise NotFound(_("This card was promised no such thing, or it is over."))


def _claim(request: CouponRequest | PromiseRequest, body: dict[str, object]) -> Claim:
    return posting.claim(
        OperationKind.REDEEM,
        {
            "member": request.member_id,
            **body,
            **({} if request.sale is None else {"sale": request.sale.document()}),
        },
        key=request.idempotency_key,
        source=request.source,
        source_ref=request.source_ref,
    )
