"""Earn under terms of many rules: state, evaluation, operations, in the caller's transaction.

The path of one scan is that of earn.py; only what decides is richer. A visit without an amount is
no sale.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from common.errors import InvalidInput
from common.i18n import gettext as _
from ledger.activity import Activity, ActivityKind
from ledger.evaluate import evaluate
from ledger.limits import Limits, check_sale
from ledger.programme_terms import ProgrammeTerms
from loyalty.event_posting import Chain, add_evaluation, leave_behind
from loyalty.event_results import event_result
from loyalty.member_states import load_state
from loyalty.results import OperationResult
from loyalty.sold import check_lines, known_items, ledger_lines, paid_minor, stored_sale
from storage.book_records import Claim, Heading, Standing
from storage.entries import Event
from storage.items import Item
from storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from loyalty.earn import EarnRequest


def earn_by_rules(
    work: UnitOfWork,
    request: EarnRequest,
    claim: Claim,
    *,
    standing: Standing,
    terms: ProgrammeTerms,
    limits: Limits,
) -> OperationResult:
    """Write what the rules give for the request; the member's account is locked.

    Raises:
        InvalidInput, LimitReached: as `ledger.evaluate`.
    """
    check_lines(request.lines)
    known = known_items(work, request.lines)
    activity = _activity(work, request, known=known)
    check_sale(activity.gross_minor, min(standing.sale_max_minor, limits.sale_ceiling_minor))
    loaded = load_state(
        work,
        terms,
        member_id=request.member_id,
        programme_id=standing.account.programme_id,
        at=activity.at,
    )
    now = work.clock.now()
    evaluation = evaluate(terms, loaded.state, activity, now)
    chain = Chain(work=work, loaded=loaded, terms_version=terms.version)
    first = add_evaluation(chain, evaluation)
    heading = Heading(claim=claim, actor=request.actor, created_at=now)
    is_sale = activity.kind is ActivityKind.SALE
    event = Event(
        entries=chain.entries,
        heading=heading,
        first=first,
        sale=(
            stored_sale(activity, currency=standing.currency, lines=request.lines, known=known)
            if is_sale
            else None
        ),
        rating={"basis": evaluation.basis, "redemptions": list(request.redemptions)},
    )
    ids = work.books.post_event(event)
    leave_behind(
        work,
        loaded,
        evaluation,
        activity=activity,
        paid_minor=paid_minor(activity) if is_sale else 0,
        operation_id=ids[first],
    )
    work.deliveries.bump_member(request.member_id)
    return event_result(
        event, ids, terms=terms, reward_name="", tier=(loaded.state.tier, evaluation.tier_after)
    )


def _activity(work: UnitOfWork, request: EarnRequest, *, known: Mapping[str, Item]) -> Activity:
    if request.amount_minor is None and request.visits is None and not request.taps:
        raise InvalidInput(_("Enter the amount of the sale."), field="amount")
    is_sale = request.amount_minor is not None
    return Activity(
        kind=ActivityKind.SALE if is_sale else ActivityKind.VISIT,
        at=request.sold_at or work.clock.now(),
        gross_minor=request.amount_minor or 0,
        tax_minor=request.tax_minor,
        tip_minor=request.tip_minor,
        discount_minor=request.discount_minor,
        redeemed_minor=request.redeemed_minor,
        lines=ledger_lines(request.lines, known),
        visits=request.visits,
        taps=request.taps,
    )
