"""Replace a lost card: a new generation with the same balance, and everything before it is dead.

The old code, personal link and one-time links stop working in this transaction; the old pass is
voided, which its phone shows at its next update. Balance and history stay: they belong to the
member, not to the card.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.actor import Actor
from common.errors import Conflict, NotFound
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.new_card import BARCODE, CARD, card_token, make_card
from loyalty.old_codes import OLD_CODE
from storage.members import MemberState
from storage.unit_of_work import UnitOfWork, run_work

MEMBER_LINKS: Final = ("new_phone", "new_card_code", "member_code", "member_proof")
"""Links and codes that end with a card, or with a membership."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """The new card."""

    member_id: int
    pass_id: int
    generation: int
    card_token: str


def replace_lost_card(
    ctx: Loyalty, merchant_id: int, member_id: int, *, actor: Actor, generation: int | None = None
) -> Replacement:
    """End the member's card and make the next one.

    Args:
        ctx: the context.
        merchant_id: whose member.
        member_id: who lost the card.
        actor: staff at a till, or the owner.
        generation: the card the actor saw; a second tap then replaces nothing again.

    Raises:
        Conflict: the card was replaced in between.
        NotFound: no such member, or the membership ended.
    """
    return run_work(
        ctx.database,
        merchant_id,
        lambda work: _replace(
            ctx, work, member_id, merchant_id=merchant_id, actor=actor, seen=generation
        ),
        clock=ctx.clock,
    )


def replace_in(ctx: Loyalty, work: UnitOfWork, member_id: int, *, actor: Actor) -> Replacement:
    """`replace_lost_card` as a part of the caller's transaction."""
    return _replace(ctx, work, member_id, merchant_id=work.scope.merchant, actor=actor, seen=None)


def _replace(
    ctx: Loyalty,
    work: UnitOfWork,
    member_id: int,
    *,
    merchant_id: int,
    actor: Actor,
    seen: int | None,
) -> Replacement:
    member = work.members.get(member_id)
    if member.state != MemberState.ACTIVE:
        raise NotFound(_("This membership has ended."))
    was = member.generation if seen is None else seen
    if not work.members.set_generation(member_id, was=was, becomes=was + 1):
        raise Conflict(_("This card was replaced a moment ago. Look the member up again."))
    old = work.passes.current_of_member(member_id)
    _end_card(work, old.id, member_id=member_id)
    new = make_card(work, member, merchant_id=merchant_id, keyring=ctx.keyring, generation=was + 1)
    work.audit.add(
        actor=actor,
        action="member.lost_card",
        subject_kind="member",
        subject_id=member_id,
        detail={"generation": was + 1, "old_pass": old.id, "new_pass": new.id},
    )
    return Replacement(
        member_id=member_id,
        pass_id=new.id,
        generation=was + 1,
        card_token=card_token(ctx.keyring, member_id, merchant_id=merchant_id, generation=was + 1),
    )


def _end_card(work: UnitOfWork, pass_id: int, *, member_id: int) -> None:
    work.directory.remove_tokens(BARCODE, pass_id)
    work.directory.remove_tokens(OLD_CODE, pass_id)
    work.directory.remove_tokens(CARD, member_id)
    for purpose in MEMBER_LINKS:
        work.sessions.drop_links(purpose, member_id)
    # Its phones and Google learn it by the ordinary way: the face changed to a voided one.
    work.passes.void(pass_id)
