"""From what the rules answer to operations: accounts, transfers, lots, and what they leave behind.

Each unit that moves becomes one operation; all of them, the promises, the progress and the sums
are written in the caller's transaction, or nothing is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ledger.accounts import Account, AccountKind, OperationKind
from ledger.activity import Activity, ActivityKind
from ledger.evaluation import Credit, Evaluation, Lapse
from ledger.lots import Allocation
from ledger.movement_reasons import lapse_reason
from ledger.operations import Draft, NewLot, Transfer
from loyalty.member_states import Loaded
from storage.entries import Entry
from storage.rule_records import DaySum, Sums, UnitAccount
from storage.unit_of_work import UnitOfWork


@dataclass(slots=True, kw_only=True)
class Chain:
    """The member's accounts as they stand after each entry that was added."""

    work: UnitOfWork
    loaded: Loaded
    terms_version: int
    entries: list[Entry] = field(default_factory=list)
    accounts: dict[str, UnitAccount] = field(default_factory=dict)

    def account(self, unit: str) -> UnitAccount:
        """The member's account of a unit, opened with the first that moves it."""
        found = self.accounts.get(unit) or self.loaded.accounts.get(unit)
        if found is None:
            opened = self.work.books.open_member(
                self.loaded.member_id, self.loaded.programme_id, unit
            )
            found = UnitAccount(account=opened)
        self.accounts[unit] = found
        return found

    def add(  # one entry's facts, each by name
        self,
        unit: str,
        kind: OperationKind,
        *,
        units: int,
        reason: Mapping[str, Any],
        transfers: tuple[Transfer, ...],
        carry_change: int = 0,
        debt_change: int = 0,
        lots: tuple[NewLot, ...] = (),
        allocations: tuple[Allocation, ...] = (),
        extended: tuple[tuple[int, datetime], ...] = (),
        reverses_id: int | None = None,
        terms_version: int | None = None,
        reward_id: int | None = None,
        value_minor: int | None = None,
        cost_minor: int | None = None,
    ) -> int:
        """Add an entry behind those before it; its place is returned."""
        before = self.account(unit)
        draft = Draft(
            kind=kind,
            account=before.account,
            units=units,
            carry_change=carry_change,
            terms_version=self.terms_version if terms_version is None else terms_version,
            reason=reason,
            transfers=transfers,
            lots=lots,
            allocations=allocations,
            reverses_id=reverses_id,
        )
        self.entries.append(
            Entry(
                draft=draft,
                debt=before.debt,
                debt_change=debt_change,
                extended=extended,
                reward_id=reward_id,
                value_minor=value_minor,
                cost_minor=cost_minor,
            )
        )
        self.accounts[unit] = replace(before, account=_after(draft), debt=before.debt + debt_change)
        return len(self.entries) - 1

    def from_programme(self, kind: AccountKind, unit: str, amount: int) -> tuple[Transfer, ...]:
        """What the programme gives the member; nothing for nothing."""
        contra, mine = self.loaded.contra(kind, unit), self.account(unit).account.id
        return _transfer(contra, mine, amount)

    def to_programme(self, kind: AccountKind, unit: str, amount: int) -> tuple[Transfer, ...]:
        """What the member gives the programme."""
        contra, mine = self.loaded.contra(kind, unit), self.account(unit).account.id
        return _transfer(mine, contra, amount)

    def within(
        self, debit: AccountKind, credit: AccountKind, unit: str, *, amount: int
    ) -> tuple[Transfer, ...]:
        """Between two accounts of the programme: what is owed or settled."""
        sides = (self.loaded.contra(debit, unit), self.loaded.contra(credit, unit))
        return _transfer(*sides, amount)


def add_lapse(chain: Chain, lapse: Lapse) -> None:
    """What had run out before the event: an operation of its own."""
    chain.add(
        lapse.unit,
        OperationKind.EXPIRE,
        units=-lapse.units,
        reason=lapse_reason(chain.loaded.terms, lapse),
        transfers=chain.to_programme(AccountKind.EXPIRED, lapse.unit, lapse.units),
        allocations=lapse.allocations,
    )


def add_evaluation(chain: Chain, evaluation: Evaluation) -> int:
    """The entries of an activity; the place of the first unit's, which tells the whole reason."""
    for lapse in evaluation.lapsed:
        add_lapse(chain, lapse)
    first_unit = chain.loaded.terms.units[0].code
    first = None
    for credit in evaluation.credits:
        place = _add_credit(chain, credit, evaluation, whole=credit.unit == first_unit)
        if credit.unit == first_unit:
            first = place
    if first is not None:
        return first
    return chain.add(
        first_unit, OperationKind.EARN, units=0, reason=evaluation.reason, transfers=()
    )


def _add_credit(chain: Chain, credit: Credit, evaluation: Evaluation, *, whole: bool) -> int:
    return chain.add(
        credit.unit,
        OperationKind.EARN,
        units=credit.credited,
        reason=evaluation.reason if whole else credit.reason,
        transfers=(
            *chain.within(
                AccountKind.ISSUED, AccountKind.DEBT, credit.unit, amount=credit.debt_paid
            ),
            *chain.from_programme(AccountKind.ISSUED, credit.unit, credit.credited),
        ),
        carry_change=credit.carry_change,
        debt_change=-credit.debt_paid,
        lots=credit.lots,
    )


def leave_behind(
    work: UnitOfWork,
    loaded: Loaded,
    evaluation: Evaluation,
    *,
    activity: Activity,
    paid_minor: int,
    operation_id: int,
) -> None:
    """Promises, progress and sums after an activity."""
    member_id = loaded.member_id
    work.promises.keep(member_id, evaluation.consumed, kept_by=operation_id)
    work.promises.add(member_id, evaluation.promised, made_by=operation_id)
    work.rules.put_progress(member_id, evaluation.progress)
    sums = loaded.sums
    is_sale = activity.kind is ActivityKind.SALE
    work.rules.put_sums(
        member_id,
        loaded.programme_id,
        replace(
            moved_to_tier(sums, evaluation.tier_after, work.clock.now()),
            purchases=sums.purchases + is_sale,
            net_minor=sums.net_minor + paid_minor,
            active_at=_later(sums.active_at, activity.at),
            earned_at=_later(sums.earned_at, activity.at),
        ),
    )
    money = DaySum(
        unit="",
        day=loaded.day,
        earns=1,
        sales=int(is_sale),
        net_minor=paid_minor,
        counted_minor=evaluation.counted_minor,
    )
    units = (
        DaySum(unit=credit.unit, day=loaded.day, earns=1, units=credit.units)
        for credit in evaluation.credits
        if credit.units
    )
    work.rules.add_days(member_id, (money, *units))


def moved_to_tier(sums: Sums, tier: str, now: datetime) -> Sums:
    """The sums with another tier, or as they were."""
    if tier == sums.tier:
        return sums
    return replace(sums, tier=tier, tier_since=now, grace_until=None)


def _later(known: datetime | None, new: datetime) -> datetime:
    return new if known is None else max(known, new)


def _after(draft: Draft) -> Account:
    return replace(
        draft.account,
        balance=draft.balance_after,
        carry=draft.carry_after,
        revision=draft.account.revision + 1,
    )


def _transfer(debit_id: int, credit_id: int, amount: int) -> tuple[Transfer, ...]:
    if amount == 0:
        return ()
    return (Transfer(debit_account_id=debit_id, credit_account_id=credit_id, amount=amount),)
