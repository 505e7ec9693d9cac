"""Reverse: undo an operation exactly, once; a reversal itself stays.

Staff may undo only their own last movement within five minutes (DESIGN 8); a manager, the owner
and the command line may undo any.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from common.actor import Actor
from common.errors import AlreadySpent, NotAllowed
from common.i18n import gettext as _
from ledger.accounts import CONTRA, AccountKind, OperationKind
from ledger.operations import Draft, plan_reverse
from ledger.programme_terms import ProgrammeTerms
from loyalty import posting
from loyalty.context import Loyalty
from loyalty.next_terms import current
from loyalty.results import OperationResult
from loyalty.reverse_by_rules import reverse_by_rules
from loyalty.rule_drafts import as_rules
from loyalty.undo_refund import undo_refund
from storage.book_records import Claim, Standing, StoredOperation
from storage.unit_of_work import UnitOfWork

OWN_UNDO_WINDOW: Final = timedelta(minutes=5)


class NotYourLast(NotAllowed):
    """You can undo only your own last movement, within five minutes. Ask a manager."""

    code = "not_your_last"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseRequest:
    """Which operation to undo; `own_recent_only` holds staff to their own last movement."""

    operation_id: int
    actor: Actor
    idempotency_key: str
    own_recent_only: bool
    source: str = "till"
    source_ref: str | None = None


def reverse(ctx: Loyalty, merchant_id: int, request: ReverseRequest) -> OperationResult:
    """Take back exactly what the operation did, once.

    Raises:
        NotFound: the merchant has no such operation.
        NotReversible: it is a reversal.
        AlreadyRefunded: part of its sale was refunded.
        LaterRefund: it is a refund, and not the last of its sale.
        AlreadyReversed, AlreadySpent: it was undone, or what it earned is spent (`spent_by`).
        NotYourLast: `own_recent_only`, and it is another's, older, or not the last.
        MerchantSuspended, MemberInactive: nothing moves there.
        IdempotencyMismatch, OperationInFlight: the key stands for another request, or is busy.
        Unavailable: the database cannot take it now; nothing was changed.
    """
    claim = posting.claim(
        OperationKind.REVERSE,
        {"operation": request.operation_id},
        key=request.idempotency_key,
        source=request.source,
        source_ref=request.source_ref,
    )

    def action(work: UnitOfWork) -> OperationResult:
        return _reverse(work, request, claim)

    return posting.run_once(ctx, merchant_id, action)


def _reverse(work: UnitOfWork, request: ReverseRequest, claim: Claim) -> OperationResult:
    member_id, kind = work.books.member_of_operation(request.operation_id)
    contra = CONTRA.get(kind, AccountKind.ADJUSTED)
    standing = current(work, lambda: work.books.standing(member_id, claim, contra=contra))
    earlier = posting.replay(work, standing, claim)
    if earlier is not None:
        return earlier
    posting.demand_active(standing)
    # Read again: only under the account's lock is it certain that nobody undoes it meanwhile.
    operation = work.books.operation(request.operation_id)
    if request.own_recent_only:
        _demand_own_last(work, operation, request.actor)
    if operation.kind is OperationKind.REFUND:
        return _undo_refund(work, request, claim, operation=operation, standing=standing)
    if isinstance(standing.terms, ProgrammeTerms):
        return reverse_by_rules(
            work, request, claim, operation=operation, standing=standing, terms=standing.terms
        )
    return posting.post(
        work,
        _plan(work, standing, operation),
        claim,
        actor=request.actor,
        reward_id=None,
        reward_name=operation.reward_name,
    )


def _undo_refund(
    work: UnitOfWork,
    request: ReverseRequest,
    claim: Claim,
    *,
    operation: StoredOperation,
    standing: Standing,
) -> OperationResult:
    merchant = work.merchants.get()
    return undo_refund(
        work,
        request,
        claim,
        operation=operation,
        programme_id=standing.account.programme_id,
        terms=as_rules(standing.terms, currency=merchant.currency, time_zone=merchant.time_zone),
    )


def _demand_own_last(work: UnitOfWork, operation: StoredOperation, actor: Actor) -> None:
    own = (operation.actor_kind, operation.actor_id) == (str(actor.kind), actor.id)
    if own and operation.reversed_by is not None:
        return  # the plan will say that it was undone already, which helps more
    if not own or actor.id is None or _latest(work, actor, actor.id) != operation.id:
        raise NotYourLast(
            _("You can undo only your own last movement, within five minutes. Ask a manager.")
        )


def _latest(work: UnitOfWork, actor: Actor, actor_id: int) -> int | None:
    since = work.clock.now() - OWN_UNDO_WINDOW
    return work.books.latest_of_actor(str(actor.kind), actor_id, since=since)


def _plan(work: UnitOfWork, standing: Standing, operation: StoredOperation) -> Draft:
    try:
        return plan_reverse(
            standing.account,
            standing.terms,
            work.books.past(operation),
            contra_id=standing.contra_id,
        )
    except AlreadySpent as error:
        names = [work.books.operation(spend).reward_name for spend in error.spent_by]
        if not any(names):
            raise
        raise AlreadySpent(
            _(
                "What this earned is already spent on: %(rewards)s. Undo that first.",
                rewards=", ".join(name for name in names if name),
            ),
            spent_by=error.spent_by,
        ) from error
