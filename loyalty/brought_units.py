"""Credit once what a card of another system held.

Part of a use case: opens no transaction of its own. It is an adjustment that no sale stands behind;
what an old card collected does not run out by rules it was not collected under.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from common.actor import Actor
from ledger.accounts import Account, AccountKind, OperationKind
from ledger.limits import LIMITS, check_balance
from ledger.operations import Draft, NewLot, Transfer
from loyalty import posting
from storage.book_records import Claim, Heading, Standing, StoredOperation
from storage.entries import Entry, Event
from storage.rule_records import UnitAccount
from storage.unit_of_work import UnitOfWork

SOURCE: Final = "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What one old card held; `unit` empty means the programme's first.

    `identity` is what the old system called the card; it is credited once for ever.
    """

    identity: str
    units: int
    unit: str = ""


def bring_units(work: UnitOfWork, member_id: int, brought: Brought, *, actor: Actor) -> int:
    """Credit the member, and say how many units: 0 where there were none, or at the second time.

    Raises:
        IdempotencyMismatch: this old card was credited with something else, or to somebody else.
        MerchantSuspended, MemberInactive: nothing moves there.
        LimitReached: the card would hold more than any may.
        NotFound: the programme does not count that unit.
        KeyTaken: somebody credits it in this moment; run the transaction again.
    """
    if not brought.units:
        return 0
    claim = _claim(member_id, brought)
    standing = work.books.standing(member_id, claim, contra=AccountKind.ADJUSTED)
    if posting.replay(work, standing, claim) is not None:
        return 0
    posting.demand_active(standing)
    if brought.unit and brought.unit != standing.account.unit:
        _post_other_unit(work, standing, claim, brought, actor=actor)
    else:
        draft = _draft(work, standing, standing.account, standing.contra_id, brought.units)
        posting.post(work, draft, claim, actor=actor)
    return brought.units


def brought_before(work: UnitOfWork, identity: str) -> StoredOperation | None:
    """What was credited for an old card, whatever became of the card since."""
    operation_id = work.books.id_of_key(_key(_name(identity)))
    return None if operation_id is None else work.books.operation(operation_id)


def _name(identity: str) -> str:
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()


def _key(name: str) -> str:
    return f"kept-{name}"


def _claim(member_id: int, brought: Brought) -> Claim:
    name = _name(brought.identity)
    body: dict[str, object] = {"member": member_id, "units": brought.units}
    if brought.unit:
        body["unit"] = brought.unit
    return posting.claim(
        OperationKind.ADJUST, body, key=_key(name), source=SOURCE, source_ref=f"card {name}"
    )


def _post_other_unit(
    work: UnitOfWork, standing: Standing, claim: Claim, brought: Brought, *, actor: Actor
) -> None:
    member_id, programme_id = standing.account.member_id, standing.account.programme_id
    contra = work.rules.programme_accounts(programme_id)[(AccountKind.ADJUSTED, brought.unit)]
    mine = work.rules.accounts(member_id, programme_id)
    found = mine.get(brought.unit) or UnitAccount(
        account=work.books.open_member(member_id, programme_id, brought.unit)
    )
    draft = _draft(work, standing, found.account, contra, brought.units)
    heading = Heading(claim=claim, actor=actor, created_at=work.clock.now())
    work.books.post_event(
        Event(entries=[Entry(draft=draft, debt=found.debt)], heading=heading, first=0)
    )
    work.deliveries.bump_member(member_id)


def _draft(
    work: UnitOfWork, standing: Standing, account: Account, contra_id: int, units: int
) -> Draft:
    check_balance(account.balance + units, LIMITS)
    return Draft(
        kind=OperationKind.ADJUST,
        account=account,
        units=units,
        carry_change=0,
        terms_version=standing.terms.version,
        reason={
            "rule": "import",
            "terms_version": standing.terms.version,
            "unit": account.unit,
            "units": units,
            "carry_minor": account.carry,
        },
        transfers=(
            Transfer(debit_account_id=contra_id, credit_account_id=account.id, amount=units),
        ),
        lots=(NewLot(amount=units, available_from=work.clock.now()),),
    )
