"""Pay a purchase with units, or take a class of a pack: units that are the price themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from common.actor import Actor
from common.errors import InvalidInput
from common.i18n import gettext as _
from ledger.accounts import OperationKind
from ledger.limits import LIMITS, check_sale
from ledger.offers import Due, Refused
from ledger.redeeming import may_attend, pay
from loyalty import posting
from loyalty.context import Loyalty
from loyalty.member_states import Loaded
from loyalty.results import OperationResult
from loyalty.spending import Spend, demand_rules, locked, spend
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class PayRequest:
    """How many units (None: as many as fit) towards what is to be paid, for whom, by whom."""

    member_id: int
    unit: str
    to_pay_minor: int
    actor: Actor
    idempotency_key: str
    units: int | None = None
    source: str = "till"
    source_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendRequest:
    """One class of a pack, for whom, by whom."""

    member_id: int
    unit: str
    actor: Actor
    idempotency_key: str
    source: str = "till"
    source_ref: str | None = None


def pay_with_points(ctx: Loyalty, merchant_id: int, request: PayRequest) -> OperationResult:
    """Pay with units; `discount_minor` of the answer is what they paid.

    Raises:
        InvalidInput: fields `units` and `to_pay`.
        InsufficientBalance, NotDue: with a sentence for staff.
        NotFound, MerchantSuspended, MemberInactive, IdempotencyMismatch, OperationInFlight,
        Unavailable: as `redeem`.
    """
    if type(request.to_pay_minor) is not int or request.to_pay_minor <= 0:
        raise InvalidInput(_("Enter the amount of the sale."), field="to_pay")
    check_sale(request.to_pay_minor, LIMITS.sale_ceiling_minor)
    if request.units is not None and (type(request.units) is not int or request.units <= 0):
        raise InvalidInput(_("The number must be more than zero."), field="units")

    def decide(work: UnitOfWork, loaded: Loaded) -> Due | Refused:
        return pay(
            loaded.terms,
            loaded.state,
            unit=request.unit,
            units=request.units,
            to_pay_minor=request.to_pay_minor,
            now=work.clock.now(),
        )

    body = {"unit": request.unit, "units": request.units, "to_pay": request.to_pay_minor}
    return _run(ctx, merchant_id, request, body, decide)


def attend(ctx: Loyalty, merchant_id: int, request: AttendRequest) -> OperationResult:
    """Take one class from the member's pack.

    Raises:
        InsufficientBalance, NotDue: the pack is empty, rests or is locked.
        As `redeem` for the rest.
    """

    def decide(work: UnitOfWork, loaded: Loaded) -> Due | Refused:
        return may_attend(loaded.terms, loaded.state, unit=request.unit, now=work.clock.now())

    return _run(ctx, merchant_id, request, {"attend": request.unit}, decide)


def _run(
    ctx: Loyalty,
    merchant_id: int,
    request: PayRequest | AttendRequest,
    body: Mapping[str, object],
    decide: Callable[[UnitOfWork, Loaded], Due | Refused],
) -> OperationResult:
    claim = posting.claim(
        OperationKind.REDEEM,
        {"member": request.member_id, **body},
        key=request.idempotency_key,
        source=request.source,
        source_ref=request.source_ref,
    )

    def action(work: UnitOfWork) -> OperationResult:
        standing = locked(work, request.member_id, claim)
        earlier = posting.replay(work, standing, claim)
        if earlier is not None:
            return earlier
        wanted = Spend(
            member_id=request.member_id, actor=request.actor, decide=decide, then=_nothing
        )
        return spend(work, wanted, claim, standing=standing, terms=demand_rules(standing))

    return posting.run_once(ctx, merchant_id, action)


def _nothing(_work: UnitOfWork, _due: Due, _operation_id: int) -> None:
    """Nothing is left behind but the operation."""
