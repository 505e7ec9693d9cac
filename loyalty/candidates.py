"""Candidates: cards that count and redeem nothing before so many purchases.

A purchase is a sale or a stamp that stands; what was counted before they joined counts too.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import Conflict
from common.i18n import gettext as _
from common.i18n import ngettext
from ledger.programme_terms import ProgrammeTerms
from storage.unit_of_work import UnitOfWork


class CandidateCard(Conflict):
    """This card counts, and gives nothing before enough purchases."""

    code = "candidate_card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidacy:
    """How far somebody is on the way to a full card."""

    purchases: int
    needed: int

    @property
    def left(self) -> int:
        """Purchases that are missing."""
        return max(0, self.needed - self.purchases)


def candidacy(work: UnitOfWork, member_id: int) -> Candidacy | None:
    """How far a candidate is; None for a full member.

    Raises:
        NotFound: this merchant has no such member.
    """
    member = work.members.get(member_id)
    if member.candidate_until is None:
        return None
    made = member.purchases_before + _purchases(work, member_id, member.programme_id)
    if made >= member.candidate_until:
        return None
    return Candidacy(purchases=made, needed=member.candidate_until)


def _purchases(work: UnitOfWork, member_id: int, programme_id: int) -> int:
    if isinstance(work.programmes.terms(programme_id), ProgrammeTerms):
        return work.rules.sums(member_id).purchases
    return work.members.purchases(member_id)


def candidate_words(found: Candidacy) -> str:
    """What is missing, in a sentence."""
    return ngettext(
        "One more purchase, and this card gives rewards.",
        "%(number)d more purchases, and this card gives rewards.",
        found.left,
    )


def refuse_candidate(work: UnitOfWork, member_id: int) -> None:
    """Raise where a card gives nothing yet.

    Raises:
        CandidateCard: it says how many purchases are missing.
    """
    found = candidacy(work, member_id)
    if found is not None:
        raise CandidateCard(_("This card counts already.") + " " + candidate_words(found))
