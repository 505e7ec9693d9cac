"""Undo a refund, once: what it took comes back, and what it gave back is spent again.

Everything that the refund changed is changed the other way in one transaction, or it is refused:
only the last refund of a sale can be undone, and only while what it gave back is still there.
What was owed and is paid meanwhile comes back as new units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from common.errors import AlreadyReversed, AlreadySpent, Conflict
from common.i18n import gettext as _
from ledger import lots as lot_rules
from ledger.accounts import AccountKind, OperationKind
from ledger.basis import read_progress
from ledger.expiry import effective, new_lot
from ledger.lots import Allocation, Lot
from ledger.movement_reasons import refund_undone_reason
from ledger.operations import NewLot, NotReversible, plan_reverse
from ledger.programme_terms import ProgrammeTerms
from ledger.refund_progress import moved
from ledger.refunds import left_after
from loyalty.event_posting import Chain
from loyalty.event_results import event_result
from loyalty.member_states import load_state
from loyalty.refundable import with_more_lots
from loyalty.results import OperationResult
from loyalty.rule_sums import SumChange, change_sums, settle_tier
from storage.book_records import Claim, Heading, StoredOperation
from storage.entries import Event
from storage.refunds import StoredRefund
from storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from loyalty.reverse import ReverseRequest


class LaterRefund(Conflict):
    """Something else came back of this sale since. Undo that first."""

    code = "later_refund"


@dataclass(slots=True, kw_only=True)
class _Undoing:
    """One undo as it is put together; `again` are places of what is spent again."""

    work: UnitOfWork
    chain: Chain
    rows: list[StoredRefund]
    now: datetime
    returned: list[Allocation] = field(default_factory=list)
    again: list[tuple[int, StoredOperation]] = field(default_factory=list)


def undo_refund(
    work: UnitOfWork,
    request: ReverseRequest,
    claim: Claim,
    *,
    operation: StoredOperation,
    programme_id: int,
    terms: ProgrammeTerms,
) -> OperationResult:
    """Undo the refund that `operation` began; the account is locked.

    Raises:
        NotReversible: it is a part of a refund, or of a time that kept too little of it.
        AlreadyReversed, LaterRefund: it was undone, or a later one stands.
        AlreadySpent: what it gave back is not there any more.
    """
    parts = [work.books.operation(one) for one in work.rules.parts(operation.id)]
    rows = work.refunds.of_event([part.id for part in parts])
    _check(work, operation, rows)
    loaded = load_state(
        work,
        terms,
        member_id=operation.member_id,
        programme_id=programme_id,
        at=work.clock.now(),
        whole=True,
    )
    loaded = with_more_lots(loaded, work.rules.lots_of(part.id for part in parts))
    chain = Chain(work=work, loaded=loaded, terms_version=terms.version)
    undoing = _Undoing(work=work, chain=chain, rows=rows, now=work.clock.now())
    first = _add_entries(undoing, parts, operation)
    event = Event(
        entries=chain.entries,
        heading=Heading(claim=claim, actor=request.actor, created_at=undoing.now),
        first=first,
    )
    _check_promises(undoing)
    ids = work.books.post_event(event)
    _use_again(undoing, ids)
    _change_state(undoing)
    work.deliveries.bump_member(operation.member_id)
    tier = work.rules.sums(operation.member_id).tier
    return event_result(event, ids, terms=terms, reward_name="", tier=(loaded.sums.tier, tier))


def _check(work: UnitOfWork, operation: StoredOperation, rows: Sequence[StoredRefund]) -> None:
    if operation.reversed_by is not None:
        raise AlreadyReversed(_("This refund was undone already."))
    own = [row for row in rows if row.operation_id == operation.id]
    if not own or any("progress" not in row.document for row in own):
        raise NotReversible(_("This cannot be undone by itself. Enter the movement again instead."))
    for row in rows:
        if work.refunds.of_sale(row.sale_id)[-1].id != row.id:
            raise LaterRefund(_("Something else came back of this sale since. Undo that first."))


def _add_entries(
    undoing: _Undoing, parts: Sequence[StoredOperation], operation: StoredOperation
) -> int:
    first = 0
    for part in parts:
        if part.kind is OperationKind.REFUND:
            place = _add_untake(undoing, part)
            first = place if part.id == operation.id else first
    for part in parts:
        if part.kind is OperationKind.REVERSE and part.reverses_id is not None:
            _add_spend(undoing, part, undoing.work.books.operation(part.reverses_id))
    return first


def _add_untake(undoing: _Undoing, part: StoredOperation) -> int:
    chain, past = undoing.chain, undoing.work.books.past(part)
    held = chain.account(part.unit)
    settled = min(held.debt, part.debt_change)
    draft = plan_reverse(
        held.account,
        chain.loaded.terms,
        past,
        contra_id=chain.loaded.contra(AccountKind.ISSUED, part.unit),
    )
    undoing.returned.extend(draft.allocations)
    place = chain.add(
        part.unit,
        OperationKind.REVERSE,
        units=draft.units,
        reason=refund_undone_reason(
            chain.loaded.terms,
            part.unit,
            units=part.debt_change - settled - part.units,
            settled=settled,
        ),
        transfers=(
            *draft.transfers,
            *chain.within(AccountKind.ISSUED, AccountKind.DEBT, part.unit, amount=settled),
        ),
        carry_change=draft.carry_change,
        debt_change=-settled,
        allocations=draft.allocations,
        reverses_id=part.id,
        terms_version=part.terms_version,
    )
    _add_paid_debt(undoing, part.unit, part.debt_change - settled)
    return place


def _add_paid_debt(undoing: _Undoing, unit: str, units: int) -> None:
    """What the refund made the member owe and a later purchase paid comes back as a new lot."""
    if units <= 0:
        return
    chain = undoing.chain
    terms = chain.loaded.terms
    now = undoing.now
    known = next((one for one in terms.units if one.code == unit), None)
    lot = NewLot(amount=units, available_from=now)
    if known is not None:
        lot = new_lot(known, units, earned_at=now, now=now, zone=chain.loaded.zone, pending=False)
    chain.add(
        unit,
        OperationKind.ADJUST,
        units=units,
        reason=refund_undone_reason(terms, unit, units=units),
        transfers=chain.from_programme(AccountKind.ADJUSTED, unit, units),
        lots=(lot,),
    )


def _add_spend(undoing: _Undoing, given: StoredOperation, spent: StoredOperation) -> None:
    """Spend again what the refund gave back, in the order anything is spent."""
    chain, unit = undoing.chain, given.unit
    taken: tuple[Allocation, ...] = ()
    if given.units:
        lots = _lots_now(undoing, unit)
        if lot_rules.available(lots, undoing.now) < given.units:
            raise AlreadySpent(_("What the refund gave back is spent or over. It stays."))
        taken = lot_rules.spend(lots, given.units, now=undoing.now)
    undoing.returned.extend(Allocation(lot_id=p.lot_id, amount=p.amount) for p in taken)
    value, cost = undoing.work.refunds.worth_of(spent.id)
    place = chain.add(
        unit,
        OperationKind.REDEEM,
        units=-given.units,
        reason=spent.reason,
        transfers=chain.to_programme(AccountKind.REDEEMED, unit, given.units),
        allocations=taken,
        reward_id=spent.reward_id,
        value_minor=value,
        cost_minor=cost,
    )
    undoing.again.append((place, spent))


def _lots_now(undoing: _Undoing, unit: str) -> tuple[Lot, ...]:
    loaded = undoing.chain.loaded
    holding = left_after(loaded.state, undoing.returned).holding(unit)
    return effective(
        holding.lots,
        last_active_at=loaded.state.last_active_at,
        zone=loaded.zone,
        pauses=holding.pauses,
    )


def _check_promises(undoing: _Undoing) -> None:
    """Refuse where a promise that came back is used by now."""
    promises = undoing.work.promises
    member_id = undoing.chain.loaded.member_id
    for row in undoing.rows:
        reopened = [one for ids in row.document.get("reopened", {}).values() for one in ids]
        spent_by = promises.keepers(member_id, [*row.document.get("back", ()), *reopened])
        if spent_by:
            raise AlreadySpent(
                _("A bonus that the refund gave back is used by now. It stays."),
                spent_by=spent_by,
            )


def _use_again(undoing: _Undoing, ids: Sequence[int]) -> None:
    """Take reward, coupon and promise of what is spent again."""
    work, member_id = undoing.work, undoing.chain.loaded.member_id
    reopened: dict[str, list[int]] = {}
    for row in undoing.rows:
        reopened |= row.document.get("reopened", {})
    for place, spent in undoing.again:
        coupon = work.coupons.of_operation(spent.id)
        taken = spent.reward_id is None or work.programmes.take_reward(spent.reward_id)
        if not taken or (coupon is not None and not work.coupons.take(coupon)):
            raise AlreadySpent(_("What the refund gave back is handed out by now. It stays."))
        if coupon is not None:
            work.coupons.note_use(
                coupon.id,
                member_id=member_id,
                operation_id=ids[place],
                saved_minor=int(spent.reason.get("discount_minor", 0)),
            )
        work.promises.keep(member_id, reopened.get(str(spent.id), ()), kept_by=ids[place])


def _change_state(undoing: _Undoing) -> None:
    work, loaded = undoing.work, undoing.chain.loaded
    member_id = loaded.member_id
    for row in undoing.rows:
        document = row.document
        if "earn" in document:
            work.promises.keep(member_id, document.get("back", ()), kept_by=document["earn"])
        work.promises.put_back(member_id, document.get("withdrawn", ()))
        work.rules.put_progress(member_id, _progress_again(undoing, document))
        change_sums(
            work,
            loaded,
            SumChange(
                at=datetime.fromisoformat(document["at"]),
                purchases=int(document["whole"]),
                net_minor=row.amount_minor,
                counted_minor=-document.get("counted", 0),
                units=dict(document["taken"]),
            ),
        )
    settle_tier(work, loaded.terms, member_id, loaded.programme_id)


def _progress_again(undoing: _Undoing, document: Mapping[str, Any]) -> dict[str, Any]:
    known = undoing.chain.loaded.state.progress
    found = {}
    for rule, (before, after) in document.get("progress", {}).items():
        was, then = read_progress(before), read_progress(after)
        today = known.get(rule)
        if today is not None:
            found[rule] = was if today == then else moved(today, then, was)
    return found
