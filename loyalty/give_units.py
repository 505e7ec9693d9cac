"""Give a member units for something that is no purchase: a friend, a review, a visit.

Part of a use case: opens no transaction of its own. The account is locked, the key makes it once,
and the reason says what for. It is an adjustment: no sale, and no earn in the shop's numbers.
"""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from common.actor import Actor
from ledger.accounts import AccountKind, OperationKind
from ledger.any_terms import first_unit
from ledger.expiry import new_lot
from ledger.given_reasons import given_reason
from ledger.limits import LIMITS, check_balance
from ledger.operations import Draft, NewLot, Transfer
from ledger.programme_terms import ProgrammeTerms
from loyalty import posting
from loyalty.event_posting import Chain
from loyalty.member_states import load_state
from loyalty.next_terms import current
from storage.book_records import Claim, Heading, Standing
from storage.entries import Event
from storage.unit_of_work import UnitOfWork

UNITS_MAX: Final = 1_000_000


def give_units(
    work: UnitOfWork,
    member_id: int,
    *,
    units: int,
    unit: str,
    rule: str,
    what: str,
    actor: Actor,
    key: str,
) -> int:
    """Give, once per key; the operation's id is returned.

    `unit` empty means the programme's first. `rule` and `what` are words of ledger.given_reasons.

    Raises:
        NotFound: the programme does not count that unit.
        MerchantSuspended, MemberInactive: nothing moves there.
        LimitReached: the card would hold more than any may.
    """
    claim = posting.claim(
        OperationKind.ADJUST,
        {"member": member_id, "units": units, "unit": unit, "what": what},
        key=key,
        source=rule,
        source_ref=None,
    )
    standing = current(
        work, lambda: work.books.standing(member_id, claim, contra=AccountKind.ADJUSTED)
    )
    earlier = posting.replay(work, standing, claim)
    if earlier is not None:
        return earlier.operation_id
    posting.demand_active(standing)
    wanted = unit or first_unit(standing.terms)
    reason = given_reason(rule, standing.terms, what=what, unit=wanted, units=units)
    if isinstance(standing.terms, ProgrammeTerms):
        return _to_rules(
            work, standing, claim, units=units, unit=wanted, reason=reason, actor=actor
        )
    draft = Draft(
        kind=OperationKind.ADJUST,
        account=standing.account,
        units=units,
        carry_change=0,
        terms_version=standing.terms.version,
        reason={**reason, "carry_minor": standing.account.carry},
        transfers=(
            Transfer(
                debit_account_id=standing.contra_id,
                credit_account_id=standing.account.id,
                amount=units,
            ),
        ),
        lots=(NewLot(amount=units, available_from=work.clock.now()),),
    )
    check_balance(draft.balance_after, LIMITS)
    return posting.post(work, draft, claim, actor=actor).operation_id


def _to_rules(
    work: UnitOfWork,
    standing: Standing,
    claim: Claim,
    *,
    units: int,
    unit: str,
    reason: dict[str, object],
    actor: Actor,
) -> int:
    terms = standing.terms
    assert isinstance(terms, ProgrammeTerms)  # noqa: S101 - the caller looked
    now = work.clock.now()
    loaded = load_state(
        work,
        terms,
        member_id=standing.account.member_id,
        programme_id=standing.account.programme_id,
        at=now,
        whole=True,
    )
    zone = ZoneInfo(terms.time_zone)
    lot = new_lot(terms.unit(unit), units, earned_at=now, now=now, zone=zone, pending=False)
    chain = Chain(work=work, loaded=loaded, terms_version=terms.version)
    check_balance(chain.account(unit).account.balance + units, LIMITS)
    chain.add(
        unit,
        OperationKind.ADJUST,
        units=units,
        reason=reason,
        transfers=chain.from_programme(AccountKind.ADJUSTED, unit, units),
        lots=(lot,),
    )
    event = Event(
        entries=chain.entries,
        heading=Heading(claim=claim, actor=actor, created_at=now),
        first=0,
    )
    (operation_id,) = work.books.post_event(event)
    work.deliveries.bump_member(standing.account.member_id)
    return operation_id
