"""Give something for units, or for nothing: what rewards, coupons, promises and packs share.

The member's first account is locked before anything is read, so of two tills that hand over the
last one, one wins and the other is told who was faster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InsufficientBalance, InvalidInput
from common.i18n import gettext as _
from ledger.accounts import AccountKind, OperationKind
from ledger.offer_words import refusal_sentence
from ledger.offers import Due, Refusal, Refused
from ledger.programme_terms import ProgrammeTerms
from loyalty import posting
from loyalty.candidates import refuse_candidate
from loyalty.event_posting import Chain
from loyalty.event_results import event_result
from loyalty.member_states import Loaded, load_state
from loyalty.next_terms import current
from loyalty.race_words import nothing_left, who_was_faster
from loyalty.results import OperationResult
from storage.book_records import Claim, Heading, LastRedemption, Standing
from storage.entries import Event
from storage.unit_of_work import UnitOfWork

RACE_WINDOW: Final = timedelta(minutes=2)


class NotDue(Conflict):
    """This cannot be had now."""

    code = "not_due"

    def __init__(self, message: str = "", *, why: str = "") -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What is asked for; `reward_id` and `name` when it is a reward.

    `value_minor` is what it is worth to the member where it takes nothing off the sale, and
    `cost_minor` what it costs the shop. `last` tells who had it last, of all or for one member:
    whoever comes second is told.
    """

    member_id: int
    actor: Actor
    decide: Callable[[UnitOfWork, Loaded], Due | Refused]
    then: Callable[[UnitOfWork, Due, int], None]
    reward_id: int | None = None
    name: str = ""
    value_minor: int | None = None
    cost_minor: int | None = None
    last: Callable[[UnitOfWork, int | None], LastRedemption | None] = lambda _work, _member: None


def locked(work: UnitOfWork, member_id: int, claim: Claim) -> Standing:
    """The member's standing under the lock, by the terms that count now."""
    return current(
        work,
        lambda: work.books.standing(member_id, claim, contra=AccountKind.REDEEMED),
    )


def demand_rules(standing: Standing) -> ProgrammeTerms:
    """The terms, when they are of many rules.

    Raises:
        InvalidInput: the card has no such thing.
    """
    if isinstance(standing.terms, ProgrammeTerms):
        return standing.terms
    raise InvalidInput(_("This card knows only its rewards."), field="member")


def spend(
    work: UnitOfWork, wanted: Spend, claim: Claim, *, standing: Standing, terms: ProgrammeTerms
) -> OperationResult:
    """Write what is due, or say why nothing is; the account is locked and nothing was replayed.

    Raises:
        InsufficientBalance: the card holds too little; after a lost race the text says who.
        NotDue: anything else that stands against it.
        CandidateCard: the card gives nothing before more purchases.
    """
    posting.demand_active(standing)
    refuse_candidate(work, wanted.member_id)
    now = work.clock.now()
    loaded = load_state(
        work,
        terms,
        member_id=wanted.member_id,
        programme_id=standing.account.programme_id,
        at=now,
        whole=True,
    )
    answer = wanted.decide(work, loaded)
    if isinstance(answer, Refused):
        raise _refusal(work, answer, loaded, wanted)
    chain = Chain(work=work, loaded=loaded, terms_version=terms.version)
    first = _add_spendings(chain, answer, wanted)
    event = Event(
        entries=chain.entries,
        heading=Heading(claim=claim, actor=wanted.actor, created_at=now),
        first=first,
    )
    ids = work.books.post_event(event)
    wanted.then(work, answer, ids[first])
    work.rules.put_sums(wanted.member_id, loaded.programme_id, replace(loaded.sums, active_at=now))
    work.deliveries.bump_member(wanted.member_id)
    return event_result(
        event,
        ids,
        terms=terms,
        reward_name=wanted.name,
        tier=(loaded.sums.tier, loaded.sums.tier),
        discount_minor=answer.discount_minor,
    )


def _add_spendings(chain: Chain, due: Due, wanted: Spend) -> int:
    value = due.discount_minor or due.donated_minor or wanted.value_minor
    for number, spending in enumerate(due.spendings):
        is_first = number == 0
        chain.add(
            spending.unit,
            OperationKind.REDEEM,
            units=-spending.amount,
            reason=due.reason,
            transfers=chain.to_programme(AccountKind.REDEEMED, spending.unit, spending.amount),
            allocations=spending.allocations,
            reward_id=wanted.reward_id if is_first else None,
            value_minor=value if is_first else None,
            cost_minor=wanted.cost_minor if is_first else None,
        )
    if due.spendings:
        return 0
    return chain.add(
        chain.loaded.terms.units[0].code,
        OperationKind.REDEEM,
        units=0,
        reason=due.reason,
        transfers=(),
        reward_id=wanted.reward_id,
        value_minor=value,
        cost_minor=wanted.cost_minor,
    )


def _refusal(work: UnitOfWork, refused: Refused, loaded: Loaded, wanted: Spend) -> Conflict:
    sentence = refusal_sentence(refused, loaded.terms)
    if refused.why is Refusal.OUT_OF_STOCK:
        sentence = nothing_left(wanted.last(work, None), work.clock.now())
    if refused.why is Refusal.USED_UP and (had := wanted.last(work, wanted.member_id)) is not None:
        sentence = f"{sentence} {who_was_faster(had, work.clock.now())}"
    if refused.why is Refusal.NOT_ENOUGH:
        last = work.books.last_redemption(loaded.member_id)
        now = work.clock.now()
        if last is not None and now - last.created_at <= RACE_WINDOW:
            sentence = f"{who_was_faster(last, now)} {sentence}"
        return InsufficientBalance(
            sentence,
            available=int(refused.facts.get("available", 0)),
            needed=int(refused.facts.get("needed", 0)),
        )
    return NotDue(sentence, why=str(refused.why))
