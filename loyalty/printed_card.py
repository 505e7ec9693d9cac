"""A card on paper, for who has no phone: the same code as the card in a wallet would show.

The paper is the card: whoever shows it has it, as with a phone. So printing is audited, and a lost
paper is a lost card.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from common.actor import Actor
from common.errors import Conflict, NotFound
from common.i18n import gettext as _
from loyalty.context import Loyalty
from storage.faces import load_face
from storage.members import MemberState
from storage.unit_of_work import UnitOfWork, run_work


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedCard:
    """What stands on the paper; `code` is what its QR says."""

    shop: str
    card: str
    name: str
    number: str
    code: str = field(repr=False)


def print_card(ctx: Loyalty, merchant_id: int, member_id: int, *, actor: Actor) -> PrintedCard:
    """The member's card as paper shows it.

    Raises:
        NotFound: this merchant has no such member, or the membership ended.
        Conflict: the card's code changes by the minute, so paper cannot show it.
    """

    def action(work: UnitOfWork) -> PrintedCard:
        member = work.members.get(member_id)
        if member.state != MemberState.ACTIVE:
            raise NotFound(_("This membership has ended."))
        current = work.passes.current_of_member(member_id)
        face = load_face(work, current.id, keyring=ctx.keyring, public_url=ctx.settings.public_url)
        if not face.content.barcode:
            raise Conflict(_("This card has no code that paper could show."))
        work.audit.add(
            actor=actor,
            action="member.printed_card",
            subject_kind="member",
            subject_id=member_id,
            detail={},
        )
        return PrintedCard(
            shop=work.merchants.get().name,
            card=face.design.programme_name,
            name=member.name,
            number=member.number,
            code=face.content.barcode,
        )

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)
