"""Greet: what the rules promise whoever joins, shown at once and kept with the first purchase.

Once per contact: who joined before, left and comes back is known by the blind index of the
contact for as long as the contact itself is kept.
"""

from __future__ import annotations

from ledger.activity import Activity, ActivityKind
from ledger.evaluate import evaluate
from ledger.member_state import MemberState
from ledger.programme_terms import ProgrammeTerms
from storage.members import Member
from storage.unit_of_work import UnitOfWork


def greet(work: UnitOfWork, member: Member) -> None:
    """Write the promises of joining, if the programme makes any and this contact had none."""
    terms = work.programmes.terms(member.programme_id)
    if not isinstance(terms, ProgrammeTerms):
        return
    now = work.clock.now()
    state = MemberState(
        welcomed=work.rules.welcomed(member.id, member.programme_id),
        shop_average_minor=work.rules.shop_average(member.programme_id),
    )
    answer = evaluate(terms, state, Activity(kind=ActivityKind.JOIN, at=now), now)
    work.promises.add(member.id, answer.promised, made_by=None)
    if any(promise.welcome for promise in answer.promised):
        indexes = (member.email_index, member.phone_index)
        work.rules.note_welcome(
            member.id, member.programme_id, [index for index in indexes if index is not None]
        )
