"""What the console's and the member's own page show beside balance and movements. Only reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ledger.programme_terms import ProgrammeTerms
from ledger.reasons import units_words
from ledger.unit_words import count_words, unit_of
from loyalty.candidates import Candidacy, candidacy, candidate_words
from loyalty.context import Loyalty
from loyalty.member_notes import OpenNote, read_notes
from loyalty.member_profile import Profile, read_profile
from loyalty.merge_members import MergeLine, merges_of, suggestions
from storage.members import Consent, Member
from storage.unit_of_work import UnitOfWork, open_work


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLine:
    """What is left of one credit, in words, and its dates."""

    words: str
    available_from: datetime
    expires_at: datetime | None
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberMore:
    """The rest of a member's page. `came_from` names where they joined, in the shop's words."""

    profile: Profile
    lots: tuple[LotLine, ...]
    notes: tuple[OpenNote, ...]
    consents: tuple[Consent, ...]
    came_from: str
    invitation: str
    candidate: str
    merges: tuple[MergeLine, ...]
    suggested: tuple[Member, ...]
    merged_into: Member | None


def member_more(ctx: Loyalty, merchant_id: int, member_id: int) -> MemberMore:
    """The rest of one member's page.

    Raises:
        NotFound: not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        member = work.members.get(member_id)
        lots = lots_of(work, member)
        consents = work.members.consents(member_id)
        source = work.joining.source(member.join_source_id) if member.join_source_id else None
        invitation = work.joining.invitation(member.invitation_id) if member.invitation_id else None
        candidate = candidacy(work, member_id)
        into = work.members.get(member.merged_into_id) if member.merged_into_id else None
    return MemberMore(
        profile=read_profile(ctx, merchant_id, member_id),
        lots=lots,
        notes=tuple(read_notes(ctx, merchant_id, member_id)),
        consents=tuple(consents),
        came_from=source.name if source else "",
        invitation=(invitation.label or invitation.code) if invitation else "",
        candidate=candidate_words(candidate) if candidate else "",
        merges=tuple(merges_of(ctx, merchant_id, member_id)),
        suggested=tuple(suggestions(ctx, merchant_id, member_id)),
        merged_into=into,
    )


def open_lots(ctx: Loyalty, merchant_id: int, member_id: int) -> tuple[LotLine, ...]:
    """What is left of each credit of a member, the first to end first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return lots_of(work, work.members.get(member_id))


def candidacy_of(ctx: Loyalty, merchant_id: int, member_id: int) -> str:
    """What a candidate still misses, in a sentence; empty for a full member."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        found: Candidacy | None = candidacy(work, member_id)
    return candidate_words(found) if found else ""


def lots_of(work: UnitOfWork, member: Member) -> tuple[LotLine, ...]:
    """As `open_lots`, inside the caller's transaction."""
    terms = work.programmes.terms(member.programme_id)
    accounts = work.rules.accounts(member.id, member.programme_id)
    lots = work.rules.open_lots(member.id)
    now = work.clock.now()
    found = [
        (unit, lot)
        for unit, account in accounts.items()
        for lot in lots.get(account.account.id, ())
        if lot.remaining
    ]
    found.sort(key=lambda one: (one[1].expires_at is None, one[1].expires_at or now, one[1].id))

    def words(unit: str, amount: int) -> str:
        if isinstance(terms, ProgrammeTerms):
            return count_words(amount, unit_of(unit, unit, terms), terms.currency)
        return units_words(amount, unit)

    return tuple(
        LotLine(
            words=words(unit, lot.remaining),
            available_from=lot.available_from,
            expires_at=lot.expires_at,
            waits=lot.available_from > now,
        )
        for unit, lot in found
    )
