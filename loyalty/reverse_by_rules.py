"""Undo an event of several units exactly: every operation of it, and what it left behind.

What had run out before the event stays so. Not done here: undoing a refund (undo_refund.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from common.errors import Conflict
from common.i18n import gettext as _
from ledger.accounts import CONTRA, AccountKind, OperationKind
from ledger.activity import ActivityKind
from ledger.basis import read_basis
from ledger.operations import NotReversible, plan_reverse
from ledger.programme_terms import ProgrammeTerms
from ledger.refund_plan import Refund
from ledger.refunds import plan_refund
from ledger.remainder import paid
from loyalty.coupons import tell_of_stock
from loyalty.event_posting import Chain
from loyalty.event_results import event_result
from loyalty.member_states import Loaded, load_state
from loyalty.results import OperationResult
from loyalty.rule_sums import SumChange, change_sums, settle_tier
from storage.book_records import Claim, Heading, Standing, StoredOperation
from storage.entries import Event
from storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from loyalty.reverse import ReverseRequest


class AlreadyRefunded(Conflict):
    """Part of this sale was refunded; refund the rest instead."""

    code = "already_refunded"


def reverse_by_rules(
    work: UnitOfWork,
    request: ReverseRequest,
    claim: Claim,
    *,
    operation: StoredOperation,
    standing: Standing,
    terms: ProgrammeTerms,
) -> OperationResult:
    """Undo the event of `operation`; the account is locked.

    Raises:
        NotReversible: it is a reversal, a refund or a part of another event.
        AlreadyReversed, AlreadySpent, AlreadyRefunded: it cannot be undone any more.
    """
    _check(work, operation)
    loaded = load_state(
        work,
        terms,
        member_id=operation.member_id,
        programme_id=standing.account.programme_id,
        at=work.clock.now(),
        whole=True,
    )
    chain = Chain(work=work, loaded=loaded, terms_version=terms.version)
    first = 0
    for part_id in work.rules.parts(operation.id):
        part = work.books.operation(part_id)
        if part.kind is OperationKind.EXPIRE and part.id != operation.id:
            continue
        place = _add(work, chain, part)
        first = place if part.id == operation.id else first
    event = Event(
        entries=chain.entries,
        heading=Heading(claim=claim, actor=request.actor, created_at=work.clock.now()),
        first=first,
    )
    ids = work.books.post_event(event)
    _undo_what_was_left(work, operation, loaded)
    work.deliveries.bump_member(operation.member_id)
    tier = work.rules.sums(operation.member_id).tier
    return event_result(
        event, ids, terms=terms, reward_name=operation.reward_name, tier=(loaded.sums.tier, tier)
    )


def _check(work: UnitOfWork, operation: StoredOperation) -> None:
    if operation.kind is OperationKind.REFUND or operation.part_of_id is not None:
        raise NotReversible(_("This cannot be undone by itself. Enter the movement again instead."))
    head = work.refunds.maybe_sale_of(operation.id)
    if head is not None and work.refunds.of_sale(head.id):
        raise AlreadyRefunded(_("Part of this sale was refunded. Refund the rest instead."))


def _add(work: UnitOfWork, chain: Chain, part: StoredOperation) -> int:
    account = chain.account(part.unit).account
    contra = CONTRA.get(part.kind, AccountKind.ADJUSTED)
    draft = plan_reverse(
        account,
        chain.loaded.terms,
        work.books.past(part),
        contra_id=chain.loaded.contra(contra, part.unit),
    )
    owed_again = -part.debt_change
    return chain.add(
        part.unit,
        OperationKind.REVERSE,
        units=draft.units,
        reason=draft.reason,
        transfers=(
            *draft.transfers,
            *chain.within(AccountKind.DEBT, contra, part.unit, amount=owed_again),
        ),
        carry_change=draft.carry_change,
        debt_change=owed_again,
        allocations=draft.allocations,
        reverses_id=part.id,
        terms_version=part.terms_version,
    )


def _undo_what_was_left(work: UnitOfWork, operation: StoredOperation, loaded: Loaded) -> None:
    match operation.kind:
        case OperationKind.REDEEM:
            give_back_offer(work, operation)
        case OperationKind.EARN:
            rated = work.rules.rating(operation.id)
            if rated is not None:
                _undo_rating(work, operation, loaded, rated)


def give_back_offer(
    work: UnitOfWork, operation: StoredOperation, *, until: datetime | None = None
) -> list[int]:
    """A reward, a coupon or a promise that was used is there again; which promises, is told."""
    if operation.reward_id is not None:
        work.programmes.give_back_reward(operation.reward_id)
    coupon = work.coupons.of_operation(operation.id)
    if coupon is not None:
        tell_of_stock(work, coupon.id)
        work.coupons.give_back(coupon.id)
    kept = work.promises.kept_by(operation.id)
    work.promises.reopen(kept, until=until)
    return kept


def _undo_rating(
    work: UnitOfWork,
    operation: StoredOperation,
    loaded: Loaded,
    rated: tuple[int, dict[str, Any]],
) -> None:
    version, document = rated
    basis = document["basis"]
    terms = work.programmes.terms(loaded.programme_id, version)
    if not isinstance(terms, ProgrammeTerms):
        return
    activity, _state, _moment = read_basis(basis)
    plan = plan_refund(
        terms,
        basis,
        Refund(paid_minor=paid(activity)),
        before=Refund(),
        given=(),
        spent=(),
        state=loaded.state,
        choice=None,
        now=work.clock.now(),
    )
    member_id = operation.member_id
    is_sale = activity.kind is ActivityKind.SALE
    work.rules.put_progress(member_id, plan.progress)
    work.promises.withdraw(member_id, plan.promises_void, made_by=operation.id)
    work.promises.reopen(plan.promises_back)
    gave = {
        part.unit: part.units - part.debt_change
        for part_id in work.rules.parts(operation.id)
        if (part := work.books.operation(part_id)).kind is OperationKind.EARN
    }
    change_sums(
        work,
        loaded,
        SumChange(
            at=activity.at,
            purchases=-int(is_sale),
            earns=-1,
            net_minor=-paid(activity) if is_sale else 0,
            counted_minor=plan.counted_change,
            units={unit: -units for unit, units in gave.items()},
        ),
    )
    settle_tier(work, loaded.terms, member_id, loaded.programme_id)
