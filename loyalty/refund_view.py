"""A sale as a form of returns shows it: what was paid, what came back, what was spent on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ledger.activity import Line
from ledger.basis import read_basis
from ledger.programme_terms import SpentReward
from ledger.remainder import paid
from loyalty.context import Loyalty
from loyalty.refundable import earlier_refunds, rated_sale
from storage.unit_of_work import open_work


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundableSale:
    """A sale as a refund form shows it; `rewards` were spent on it."""

    operation_id: int
    member_id: int
    currency: str
    sold_at: datetime
    paid_minor: int
    refunded_minor: int
    lines: tuple[Line, ...]
    returned: tuple[Line, ...]
    rewards: tuple[str, ...]
    policy: SpentReward


def refundable(ctx: Loyalty, merchant_id: int, operation_id: int) -> RefundableSale:
    """What can come back of a sale.

    Raises:
        NotFound: there is no such sale.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        head = work.refunds.sale_of(operation_id)
        operation = work.books.operation(operation_id)
        rated = rated_sale(work, operation, head)
        before, _taken = earlier_refunds(work.refunds.of_sale(head.id))
        activity, _state, _moment = read_basis(rated.basis)
        names = [work.books.operation(one).reward_name for one in rated.redemptions]
        return RefundableSale(
            operation_id=operation_id,
            member_id=operation.member_id,
            currency=head.currency,
            sold_at=head.sold_at,
            paid_minor=paid(activity),
            refunded_minor=before.paid_minor,
            lines=activity.lines,
            returned=before.lines,
            rewards=tuple(name for name in names if name),
            policy=rated.terms.spent_reward,
        )
