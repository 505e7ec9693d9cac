"""Refunds: what a sale earned is taken back by rating what is left of it under the same terms.

Both states are rated, the one before this refund and the one after, and the difference is what is
written; so part or whole, in any order, in one piece or in ten, ends the same. Never more is taken
than was given. What was over by then ends first. What is taken comes from the sale's own lots, then from the others as spending
would, then it is owed or forgiven. Not done here: once per refund id (storage's unique key).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ledger import movement_reasons
from ledger.basis import read_basis
from ledger.evaluate import rate
from ledger.evaluation import Evaluation, Lapse
from ledger.expiry import day_start, effective, local_day, plan_lapses
from ledger.lots import Allocation, Lot, give_back, spending_order
from ledger.member_state import MemberState
from ledger.programme_terms import DebtPolicy, ProgrammeTerms, SpentReward, TierBasis
from ledger.refund_plan import Given, Refund, RefundPlan, Restore, SpentOn, TakeBack
from ledger.refund_progress import progress_back
from ledger.remainder import add, check_refund, is_whole, remainder


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """What a sale gives at one point of its refunds; `answer` None when nothing of it is left."""

    answer: Evaluation | None

    def units(self, unit: str) -> int:
        credit = self.answer.credit(unit) if self.answer else None
        return credit.units if credit else 0

    def carry_change(self, unit: str) -> int:
        credit = self.answer.credit(unit) if self.answer else None
        return credit.carry_change if credit else 0

    @property
    def counted_minor(self) -> int:
        return self.answer.counted_minor if self.answer else 0

    @property
    def promised(self) -> tuple[str, ...]:
        return tuple(p.rule for p in self.answer.promised) if self.answer else ()

    @property
    def consumed(self) -> tuple[int, ...]:
        return self.answer.consumed if self.answer else ()


def plan_refund(
    terms: ProgrammeTerms,
    basis: Mapping[str, Any],
    refund: Refund,
    *,
    before: Refund,
    given: Sequence[Given],
    spent: Sequence[SpentOn],
    state: MemberState,
    choice: SpentReward | None,
    now: datetime,
) -> RefundPlan:
    """Plan one refund of a sale.

    Args:
        terms: the version the sale was rated under.
        basis: what its evaluation left.
        refund: what goes back now.
        before: all that went back already, added up.
        given: what the sale gave, unit by unit, and what was taken of it.
        spent: redemptions on this sale that stand.
        state: the member's holdings as they are, with every lot that has something left, those
            of the sale and those the redemptions took from.
        choice: what staff said of a spent reward; None is the policy of the terms.
        now: the moment of the refund.

    Raises:
        InvalidInput: more goes back than was paid or sold; `field` names the place.
    """
    activity, then, _moment = read_basis(basis)
    check_refund(activity, refund, before=before)
    gone = add(before, refund)
    whole = is_whole(activity, gone)
    old = rated_rest(terms, basis, before)
    new = Rated(answer=None) if whole else rated_rest(terms, basis, gone)
    policy = choice or terms.spent_reward
    restores = (
        _restores(terms, spent, state, now=now) if whole and policy is SpentReward.RESTORE else ()
    )
    lapsed = plan_lapses(state, now, zone=ZoneInfo(terms.time_zone))
    takes = plan_takes(
        terms,
        [without_lapsed(one, lapsed) for one in given],
        new,
        state=left_after(state, (part for lapse in lapsed for part in lapse.allocations)),
        restores=restores,
        now=now,
    )
    return RefundPlan(
        lapsed=lapsed,
        takes=takes,
        restores=restores,
        ask=whole and bool(spent) and policy is SpentReward.ASK,
        whole=whole,
        counted_change=min(0, new.counted_minor - old.counted_minor),
        tier_change=_tier_change(terms, takes, old=old, new=new),
        progress=progress_back(state.progress, then.progress, old=old.answer, new=new.answer),
        promises_void=tuple(rule for rule in old.promised if rule not in new.promised),
        promises_back=tuple(item for item in old.consumed if item not in new.consumed),
        policy=policy,
        reason=_reason(terms, takes, restores, new=new),
    )


def rated_rest(terms: ProgrammeTerms, basis: Mapping[str, Any], gone: Refund) -> Rated:
    """What the sale gives when all of `gone` went back, from the state that counted then."""
    activity, then, evaluated_at = read_basis(basis)
    if gone == Refund():
        return Rated(answer=rate(terms, then, activity, evaluated_at))
    if is_whole(activity, gone):
        return Rated(answer=None)
    return Rated(answer=rate(terms, then, remainder(activity, gone), evaluated_at))


def plan_takes(
    terms: ProgrammeTerms,
    given: Sequence[Given],
    new: Rated,
    *,
    state: MemberState,
    restores: Sequence[Restore] = (),
    now: datetime,
) -> tuple[TakeBack, ...]:
    """What was given and is not given by `new`, unit by unit."""
    found = (_take(terms, one, new, state=state, restores=restores, now=now) for one in given)
    return tuple(take for take in found if take is not None)


def without_lapsed(given: Given, lapsed: Iterable[Lapse]) -> Given:
    """What a sale gave, when these lots are over as well."""
    parts = (part for lapse in lapsed for part in lapse.allocations)
    over = sum(part.amount for part in parts if part.lot_id in given.lot_ids)
    return replace(given, expired=given.expired + over)


def left_after(state: MemberState, allocations: Iterable[Allocation]) -> MemberState:
    """The state with these taken from its lots: what another take of the same moment finds."""
    taken: dict[int, int] = {}
    for part in allocations:
        taken[part.lot_id] = taken.get(part.lot_id, 0) + part.amount
    return replace(
        state,
        holdings={
            unit: replace(
                holding,
                lots=tuple(
                    replace(lot, remaining=lot.remaining - taken.get(lot.id, 0))
                    for lot in holding.lots
                ),
            )
            for unit, holding in state.holdings.items()
        },
    )


def _tier_change(
    terms: ProgrammeTerms, takes: Sequence[TakeBack], *, old: Rated, new: Rated
) -> int:
    if terms.tiers is None:
        return 0
    if terms.tiers.basis is TierBasis.SPEND:
        return min(0, new.counted_minor - old.counted_minor)
    return -sum(take.units for take in takes if take.unit == terms.tiers.unit)


def _take(
    terms: ProgrammeTerms,
    given: Given,
    new: Rated,
    *,
    state: MemberState,
    restores: Sequence[Restore],
    now: datetime,
) -> TakeBack | None:
    standing = given.units - given.taken_back
    units = max(0, standing - new.units(given.unit))
    carry_change = new.carry_change(given.unit) - given.carry_change
    if units == 0 and carry_change == 0:
        return None
    # What ended of the sale's own lots is gone: only the rest can still be asked for.
    gone = min(units, max(0, given.expired - given.gone))
    lots = _lots_of(terms, given.unit, state, restores=restores)
    taken = _from_lots(lots, units - gone, own=given.lot_ids, now=now)
    from_lots = sum(part.amount for part in taken)
    short = units - gone - from_lots
    owes = terms.debt is DebtPolicy.OWE
    owed, forgiven = (short, gone) if owes else (0, gone + short)
    return TakeBack(
        unit=given.unit,
        units=units,
        from_lots=from_lots,
        owed=owed,
        forgiven=forgiven,
        carry_change=carry_change,
        allocations=taken,
        gone=gone,
        reason=movement_reasons.take_back_reason(
            terms,
            given.unit,
            units=units,
            owed=owed,
            forgiven=forgiven,
            rest_minor=new.counted_minor,
            carry_change=carry_change,
        ),
    )


def _lots_of(
    terms: ProgrammeTerms, unit: str, state: MemberState, *, restores: Sequence[Restore]
) -> tuple[Lot, ...]:
    back: dict[int, int] = {}
    ends: dict[int, datetime] = {}
    for restore in restores:
        ends.update(restore.extended)
        for part in restore.allocations:
            back[part.lot_id] = back.get(part.lot_id, 0) - part.amount
    holding = state.holding(unit)
    lots = effective(
        holding.lots,
        last_active_at=state.last_active_at,
        zone=ZoneInfo(terms.time_zone),
        pauses=holding.pauses,
    )
    return tuple(
        replace(
            lot,
            remaining=lot.remaining + back.get(lot.id, 0),
            expires_at=ends.get(lot.id, lot.expires_at),
        )
        for lot in lots
    )


def _from_lots(
    lots: Sequence[Lot], units: int, *, own: Sequence[int], now: datetime
) -> tuple[Allocation, ...]:
    """Take from the sale's own lots first, ended or not; then from those that still live."""
    mine = [lot for lot in lots if lot.id in own]
    others = [
        lot
        for lot in lots
        if lot.id not in own and (lot.expires_at is None or now < lot.expires_at)
    ]
    taken: list[Allocation] = []
    for lot in (*sorted(mine, key=spending_order), *sorted(others, key=spending_order)):
        part = min(lot.remaining, units)
        if part > 0:
            taken.append(Allocation(lot_id=lot.id, amount=part))
            units -= part
    return tuple(taken)


def _restores(
    terms: ProgrammeTerms, spent: Sequence[SpentOn], state: MemberState, *, now: datetime
) -> tuple[Restore, ...]:
    zone = ZoneInfo(terms.time_zone)
    grace = day_start(local_day(now, zone) + timedelta(days=terms.restore_days + 1), zone)
    found = []
    for item in spent:
        holding = state.holding(item.unit)
        lots = {
            lot.id: lot
            for lot in effective(
                holding.lots,
                last_active_at=state.last_active_at,
                zone=zone,
                pauses=holding.pauses,
            )
        }
        touched = [lots[part.lot_id] for part in item.allocations if part.lot_id in lots]
        found.append(
            Restore(
                operation_id=item.operation_id,
                unit=item.unit,
                units=item.units,
                allocations=give_back(item.allocations),
                extended=tuple(
                    (lot.id, grace)
                    for lot in touched
                    if lot.expires_at is not None and lot.expires_at < grace
                ),
                reason=movement_reasons.give_back_reason(terms, item.unit, units=item.units),
            )
        )
    return tuple(found)


def _reason(
    terms: ProgrammeTerms,
    takes: Sequence[TakeBack],
    restores: Sequence[Restore],
    *,
    new: Rated,
) -> dict[str, Any]:
    if takes:
        return {
            **takes[0].reason,
            "others": [*(t.reason for t in takes[1:]), *(r.reason for r in restores)],
        }
    if restores:
        return {**restores[0].reason, "others": [r.reason for r in restores[1:]]}
    unit = terms.units[0].code
    return movement_reasons.take_back_reason(
        terms,
        unit,
        units=0,
        owed=0,
        forgiven=0,
        rest_minor=new.counted_minor,
        carry_change=0,
    )
