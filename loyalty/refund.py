"""Refund: part or whole of a sale comes back, in any order, once per reference.

What the sale earned is taken back by rating what is left of it under the terms it was rated by;
what the card no longer holds is owed, openly. A reward that was spent on a sale that is wholly
back is restored to the very lots it came from, or not, as the terms or the staff say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from common.actor import Actor
from common.errors import AlreadyReversed, InvalidInput, NotFound
from common.i18n import gettext as _
from ledger.accounts import AccountKind, OperationKind
from ledger.basis import read_basis, write_progress
from ledger.expiry import day_start, local_day
from ledger.lots import Allocation
from ledger.programme_terms import ProgrammeTerms, SpentReward
from ledger.refund_plan import Refund, RefundPlan, Restore, TakeBack
from ledger.refunds import left_after, plan_refund
from loyalty import posting
from loyalty.context import Loyalty
from loyalty.event_posting import Chain, add_lapse
from loyalty.later_sales import LaterTake, later_takes, reasons_of
from loyalty.next_terms import current
from loyalty.refund_results import RefundResult, refund_question, refund_result
from loyalty.refund_view import RefundableSale, refundable
from loyalty.refundable import Rated, earlier_refunds, given_of, rated_sale, spent_on, with_lots
from loyalty.reverse_by_rules import give_back_offer
from loyalty.rule_sums import SumChange, change_sums, settle_tier
from loyalty.sold import SaleItem, check_lines, known_items, ledger_lines, lines_document
from storage.book_records import Claim, Heading, Standing, StoredOperation
from storage.entries import PART, Event
from storage.refunds import StoredRefund
from storage.unit_of_work import UnitOfWork

__all__ = ["RefundRequest", "RefundResult", "RefundableSale", "refund", "refundable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """What comes back of the sale that `operation_id` earned from, told by whom.

    `amount_minor` is money that was paid and goes back, the price of `lines` in it. `refund_ref`
    is the outside's name of the refund, by default the key. `choice` is what staff said of a
    reward that was spent on it.
    """

    operation_id: int
    amount_minor: int
    actor: Actor
    idempotency_key: str
    lines: tuple[SaleItem, ...] = ()
    choice: SpentReward | None = None
    source: str = "till"
    refund_ref: str | None = None


def refund(ctx: Loyalty, merchant_id: int, request: RefundRequest) -> RefundResult:
    """Take back what the returned part earned, once per reference.

    Raises:
        NotFound: the merchant has no such sale.
        InvalidInput: fields `amount` and `lines.<n>`: more than was paid or sold, or nothing.
        AlreadyReversed: the sale was undone as a whole.
        MerchantSuspended, MemberInactive: nothing moves there.
        IdempotencyMismatch, OperationInFlight: the key stands for another request, or is busy.
        Unavailable: the database cannot take it now; nothing was changed.
    """
    check_lines(request.lines)
    claim = posting.claim(
        OperationKind.REFUND,
        {
            "operation": request.operation_id,
            "amount_minor": request.amount_minor,
            "lines": lines_document(request.lines),
        },
        key=request.idempotency_key,
        source=request.source,
        source_ref=request.refund_ref,
    )

    def action(work: UnitOfWork) -> RefundResult:
        return _refund(work, request, claim)

    return posting.run_once(ctx, merchant_id, action)


def _refund(work: UnitOfWork, request: RefundRequest, claim: Claim) -> RefundResult:
    head = work.refunds.sale_of(request.operation_id)
    member_id, _kind = work.books.member_of_operation(request.operation_id)
    standing = current(
        work, lambda: work.books.standing(member_id, claim, contra=AccountKind.ISSUED)
    )
    earlier = _replay(work, standing, claim)
    if earlier is not None:
        return earlier
    posting.demand_active(standing)
    operation = work.books.operation(request.operation_id)
    if operation.reversed_by is not None:
        raise AlreadyReversed(_("This sale was undone already."))
    rated = rated_sale(work, operation, head)
    rows = work.refunds.of_sale(head.id)
    if any(row.document["whole"] for row in rows):
        raise InvalidInput(_("All of this sale came back already."), field="amount")
    before, taken = earlier_refunds(rows)
    spent = spent_on(work, rated.redemptions, member_id)
    used = work.promises.used(member_id, made_by=operation.id)
    earned = [operation.id, *(one.kept_by_id for one in used)]
    loaded = with_lots(work, standing, rated, earned, spent)
    back = Refund(
        paid_minor=request.amount_minor,
        lines=ledger_lines(request.lines, known_items(work, request.lines)),
    )
    plan = plan_refund(
        rated.terms,
        rated.basis,
        back,
        before=before,
        given=given_of(work, operation.id, taken),
        spent=spent,
        state=loaded.state,
        choice=request.choice,
        now=work.clock.now(),
    )
    if plan.ask:
        return refund_question(work.clock.now(), loaded.sums.tier)
    later = later_takes(
        work,
        [one for one in used if one.rule in plan.promises_void],
        state=left_after(loaded.state, _allocations(plan)),
        lapsed=plan.lapsed,
        programme_id=standing.account.programme_id,
        now=work.clock.now(),
    )
    chain = Chain(work=work, loaded=loaded, terms_version=rated.terms.version)
    first, places = _add_entries(chain, plan, later)
    return _write(
        work,
        request,
        claim,
        _Planned(
            plan=plan,
            later=tuple(zip(later, places, strict=True)),
            chain=chain,
            first=first,
            rated=rated,
            operation=operation,
            sale_id=head.id,
            back=back,
        ),
    )


def _allocations(plan: RefundPlan) -> list[Allocation]:
    back = [part for one in plan.lapsed for part in one.allocations]
    back += [part for one in plan.restores for part in one.allocations]
    return back + [part for one in plan.takes for part in one.allocations]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """A refund as it is written; `later` are later sales and the place of their first entry."""

    plan: RefundPlan
    later: tuple[tuple[LaterTake, int], ...]
    chain: Chain
    first: int
    rated: Rated
    operation: StoredOperation
    sale_id: int
    back: Refund


def _add_entries(
    chain: Chain, plan: RefundPlan, later: Sequence[LaterTake]
) -> tuple[int, list[int]]:
    """Add what the plan says; the place of the first entry, and that of each later sale's."""
    reason = dict(plan.reason)
    if later:
        reason["others"] = [*reason.get("others", ()), *reasons_of(later)]
    for lapse in plan.lapsed:
        add_lapse(chain, lapse)
    for restore in plan.restores:
        _add_restore(chain, restore)
    own = [
        _add_take(chain, take, reason if number == 0 else take.reason)
        for number, take in enumerate(plan.takes)
    ]
    if not own:
        unit = chain.loaded.terms.units[0].code
        own.append(chain.add(unit, OperationKind.REFUND, units=0, reason=reason, transfers=()))
    added = [[_add_take(chain, take, take.reason) for take in one.takes] for one in later]
    return own[0], [places[0] for places in added]


def _add_restore(chain: Chain, restore: Restore) -> None:
    chain.add(
        restore.unit,
        OperationKind.REVERSE,
        units=restore.units,
        reason=restore.reason,
        transfers=chain.from_programme(AccountKind.REDEEMED, restore.unit, restore.units),
        allocations=restore.allocations,
        extended=restore.extended,
        reverses_id=restore.operation_id,
    )


def _add_take(chain: Chain, take: TakeBack, reason: Mapping[str, Any]) -> int:
    return chain.add(
        take.unit,
        OperationKind.REFUND,
        units=-take.from_lots,
        reason=reason,
        transfers=(
            *chain.to_programme(AccountKind.ISSUED, take.unit, take.from_lots),
            *chain.within(AccountKind.DEBT, AccountKind.ISSUED, take.unit, amount=take.owed),
        ),
        carry_change=take.carry_change,
        debt_change=take.owed,
        allocations=take.allocations,
    )


def _write(
    work: UnitOfWork, request: RefundRequest, claim: Claim, planned: _Planned
) -> RefundResult:
    plan, chain = planned.plan, planned.chain
    member_id = planned.operation.member_id
    event = Event(
        entries=chain.entries,
        heading=Heading(claim=claim, actor=request.actor, created_at=work.clock.now()),
        first=planned.first,
        sale_id=planned.sale_id,
    )
    ids = work.books.post_event(event)
    left = {**_change_state(work, planned), "reopened": _give_back_offers(work, planned)}
    refund_id = work.refunds.add(
        sale_id=planned.sale_id,
        source=claim.source,
        source_ref=claim.source_ref,
        amount_minor=request.amount_minor,
        operation_id=ids[planned.first],
        document=_document(planned) | left,
        request_hash=claim.request_hash,
    )
    _write_later(work, claim, planned, ids)
    settle_tier(work, chain.loaded.terms, member_id, chain.loaded.programme_id)
    work.deliveries.bump_member(member_id)
    tier = work.rules.sums(member_id).tier
    parts = [work.books.operation(one) for one in ids]
    return refund_result(
        refund_id,
        parts,
        operation_id=ids[planned.first],
        whole=plan.whole,
        tier=tier,
        terms=chain.loaded.terms,
        replayed=False,
        created_at=event.heading.created_at,
    )


def _give_back_offers(work: UnitOfWork, planned: _Planned) -> dict[str, list[int]]:
    """Let rewards, coupons and promises be there again; which promises, by redemption."""
    found = {}
    until = _usable_until(work, planned)
    for restore in planned.plan.restores:
        kept = give_back_offer(work, work.books.operation(restore.operation_id), until=until)
        if kept:
            found[str(restore.operation_id)] = kept
    return found


def _usable_until(work: UnitOfWork, planned: _Planned) -> datetime:
    """How long what comes back can be used at least: as long as units that come back."""
    days = planned.rated.terms.restore_days + 1
    zone = planned.chain.loaded.zone
    return day_start(local_day(work.clock.now(), zone) + timedelta(days=days), zone)


def _write_later(work: UnitOfWork, claim: Claim, planned: _Planned, ids: Sequence[int]) -> None:
    """Note at each later sale what was taken of it, so that its own refund takes no more."""
    for later, place in planned.later:
        taken = {take.unit: take.units for take in later.takes}
        change_sums(
            work,
            planned.chain.loaded,
            SumChange(at=later.at, units={unit: -units for unit, units in taken.items()}),
        )
        if later.sale_id is None:
            continue
        work.refunds.add(
            sale_id=later.sale_id,
            source=claim.source,
            source_ref=f"{claim.source_ref}{PART}{later.sale_id}",
            amount_minor=0,
            operation_id=ids[place],
            document={
                "lines": [],
                "taken": taken,
                "gone": {take.unit: take.gone for take in later.takes},
                "carry": {take.unit: take.carry_change for take in later.takes},
                "whole": False,
                "at": later.at.isoformat(),
                "fell": list(later.promise_ids),
            },
            request_hash=claim.request_hash,
        )


def _change_state(work: UnitOfWork, planned: _Planned) -> dict[str, Any]:
    """Change promises, progress and sums; what an undo must know of it."""
    plan, loaded = planned.plan, planned.chain.loaded
    member_id = loaded.member_id
    activity, _state, _moment = read_basis(planned.rated.basis)
    work.rules.put_progress(member_id, plan.progress)
    withdrawn = work.promises.withdraw(member_id, plan.promises_void, made_by=planned.operation.id)
    work.promises.reopen(plan.promises_back, until=_usable_until(work, planned))
    change_sums(
        work,
        loaded,
        SumChange(
            at=activity.at,
            purchases=-int(plan.whole),
            net_minor=-planned.back.paid_minor,
            counted_minor=plan.counted_change,
            units={take.unit: -take.units for take in plan.takes},
        ),
    )
    return {
        "at": activity.at.isoformat(),
        "earn": planned.operation.id,
        "counted": plan.counted_change,
        "withdrawn": withdrawn,
        "back": list(plan.promises_back),
        "progress": {
            rule: [write_progress(loaded.state.progress[rule]), write_progress(after)]
            for rule, after in plan.progress.items()
        },
    }


def _document(planned: _Planned) -> dict[str, Any]:
    return {
        "paid": planned.back.paid_minor,
        "lines": [
            [one.item, one.category, one.quantity, one.net_minor, one.tax_minor, one.gift_card]
            for one in planned.back.lines
        ],
        "taken": {take.unit: take.units for take in planned.plan.takes},
        "gone": {take.unit: take.gone for take in planned.plan.takes},
        "carry": {take.unit: take.carry_change for take in planned.plan.takes},
        "whole": planned.plan.whole,
        "policy": str(planned.plan.policy),
    }


def _replay(work: UnitOfWork, standing: Standing, claim: Claim) -> RefundResult | None:
    if posting.replay(work, standing, claim) is None or standing.earlier_id is None:
        return None
    stored: StoredRefund | None = work.refunds.by_operation(standing.earlier_id)
    if stored is None:
        raise NotFound(_("There is no such refund here."))
    parts = [work.books.operation(one) for one in work.rules.parts(standing.earlier_id)]
    terms = standing.terms if isinstance(standing.terms, ProgrammeTerms) else None
    return refund_result(
        stored.id,
        parts,
        operation_id=standing.earlier_id,
        whole=bool(stored.document["whole"]),
        tier=work.rules.sums(parts[0].member_id).tier,
        terms=terms,
        replayed=True,
        created_at=stored.created_at,
    )
