"""Put what one card holds on another, unit by unit and lot by lot, and take it back.

Part of merging (merge_members.py); both members' accounts are locked by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from common.actor import Actor
from ledger.accounts import AccountKind, OperationKind
from ledger.limits import LIMITS, check_balance
from ledger.lots import Allocation, Lot, NewLot
from ledger.operations import Draft, Transfer, plan_reverse
from loyalty import posting
from storage.book_records import Heading
from storage.entries import Entry, Event
from storage.members import Member
from storage.rule_records import UnitAccount
from storage.unit_of_work import UnitOfWork

SOURCE: Final = "merge"


def move_units(
    work: UnitOfWork, kept: Member, merged: Member, *, merge_id: int, actor: Actor
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two events: everything off the one card, and on the other; the operations' ids of each.

    Raises:
        LimitReached: the kept card would hold more than a card may.
    """
    mover = _Mover(work, merged.programme_id)
    accounts = work.rules.accounts(merged.id, merged.programme_id)
    lots = work.rules.open_lots(merged.id)
    mine = work.rules.accounts(kept.id, kept.programme_id)
    off, on = [], []
    for unit, found in sorted(accounts.items()):
        if not found.account.balance and not found.account.carry:
            continue
        held = lots.get(found.account.id, [])
        target = mine.get(unit) or UnitAccount(
            account=work.books.open_member(kept.id, kept.programme_id, unit)
        )
        off.append(mover.off(found, held))
        on.append(mover.on(target, found, held))
    return (
        _post(work, off, OperationKind.ADJUST, f"{merge_id} out", actor=actor),
        _post(work, on, OperationKind.ADJUST, f"{merge_id} in", actor=actor),
    )


def take_back(
    work: UnitOfWork, member: Member, operation_ids: Sequence[int], *, reference: str, actor: Actor
) -> None:
    """Reverse what a merge did to one of the two cards.

    Raises:
        AlreadySpent: something of it was spent since.
    """
    terms = work.programmes.terms(member.programme_id)
    accounts = work.rules.accounts(member.id, member.programme_id)
    contras = work.rules.programme_accounts(member.programme_id)
    entries = []
    for operation_id in operation_ids:
        operation = work.books.operation(operation_id)
        found = accounts[operation.unit]
        draft = plan_reverse(
            found.account,
            terms,
            work.books.past(operation),
            contra_id=contras[(AccountKind.ADJUSTED, operation.unit)],
        )
        entries.append(Entry(draft=draft, debt=found.debt))
    _post(work, entries, OperationKind.REVERSE, reference, actor=actor)


class _Mover:
    """The drafts of one merge."""

    def __init__(self, work: UnitOfWork, programme_id: int) -> None:
        self._version = work.programmes.get(programme_id).terms_version
        self._contras = work.rules.programme_accounts(programme_id)

    def off(self, found: UnitAccount, held: Sequence[Lot]) -> Entry:
        account = found.account
        draft = Draft(
            kind=OperationKind.ADJUST,
            account=account,
            units=-account.balance,
            carry_change=-account.carry,
            terms_version=self._version,
            reason=self._reason(account.unit, -account.balance),
            transfers=self._transfers(account.unit, account.balance, taken_from=account.id),
            allocations=tuple(Allocation(lot_id=one.id, amount=one.remaining) for one in held),
        )
        return Entry(draft=draft, debt=found.debt)

    def on(self, target: UnitAccount, found: UnitAccount, held: Sequence[Lot]) -> Entry:
        account, amount = target.account, found.account.balance
        check_balance(account.balance + amount, LIMITS)
        draft = Draft(
            kind=OperationKind.ADJUST,
            account=account,
            units=amount,
            carry_change=found.account.carry,
            terms_version=self._version,
            reason=self._reason(account.unit, amount),
            transfers=self._transfers(account.unit, amount, given_to=account.id),
            lots=tuple(_copy(one) for one in held),
        )
        return Entry(draft=draft, debt=target.debt)

    def _transfers(
        self, unit: str, amount: int, *, taken_from: int | None = None, given_to: int | None = None
    ) -> tuple[Transfer, ...]:
        if not amount:
            return ()
        contra = self._contras[(AccountKind.ADJUSTED, unit)]
        return (
            Transfer(
                debit_account_id=contra if taken_from is None else taken_from,
                credit_account_id=contra if given_to is None else given_to,
                amount=amount,
            ),
        )

    def _reason(self, unit: str, units: int) -> dict[str, Any]:
        return {"rule": "merge", "terms_version": self._version, "unit": unit, "units": units}


def _copy(lot: Lot) -> NewLot:
    return NewLot(
        amount=lot.remaining,
        available_from=lot.available_from,
        expires_at=lot.expires_at,
        idle_days=lot.idle_days,
    )


def _post(
    work: UnitOfWork, entries: list[Entry], kind: OperationKind, reference: str, *, actor: Actor
) -> tuple[int, ...]:
    if not entries:
        return ()
    claim = posting.claim(
        kind,
        {"merge": reference},
        key=f"merge-{reference.replace(' ', '-')}",
        source=SOURCE,
        source_ref=reference,
    )
    heading = Heading(claim=claim, actor=actor, created_at=work.clock.now())
    return work.books.post_event(Event(entries=entries, heading=heading, first=0))
