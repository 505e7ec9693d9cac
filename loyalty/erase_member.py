"""Erase a member: nothing about the person stays, the books do.

Name, contacts, birthday, address, answers and notes are gone, every code and link is dead, every card of theirs is void and says
nothing any more in either wallet; at Google the object expires. What they consented to stays, with
no contact beside it, as the proof that it was asked; so do their operations, which name nobody.
Not done here: copies on a till that is offline, backups (a restore applies erasures anew).

Rules: erasing twice is the same as once. The `erasure` row outlives all, so that an older backup
brings nobody back.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.actor import Actor
from common.errors import NotFound, Unavailable
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.lost_card import MEMBER_LINKS
from loyalty.new_card import BARCODE, CARD
from loyalty.old_codes import OLD_CODE
from signing.tokens import check_member_number
from storage.activities import Activities
from storage.gift_cards import GiftCards
from storage.members import MemberState
from storage.printed_codes import PrintedCodes
from storage.referrals import Referrals
from storage.unit_of_work import UnitOfWork, open_work, run_work


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was done: how many cards were voided; `again` when the member was erased before."""

    member_id: int
    cards: int
    again: bool


def erase_member(ctx: Loyalty, merchant_id: int, member_id: int, *, actor: Actor) -> Erased:
    """Erase, in one transaction; phones and Google follow by the ordinary way.

    Raises:
        NotFound: this merchant has no such member.
        Unavailable: the member is erased, and the list of erasures could not be written.
    """
    done = run_work(
        ctx.database,
        merchant_id,
        lambda work: _erase(work, member_id, actor=actor),
        clock=ctx.clock,
    )
    if ctx.after_erasure is not None:
        try:
            ctx.after_erasure()
        except OSError as error:
            raise Unavailable(
                _(
                    "The member is erased. The list of erasures beside the data could not be written:"
                )
                + f" {error.strerror}."
            ) from error
    return done


def member_of_number(ctx: Loyalty, merchant_id: int, number: str) -> int:
    """The member a card's number means, whatever became of them.

    Raises:
        NotFound: no member of this merchant has that number.
    """
    checked = check_member_number(number)
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        member = work.members.by_number(checked) if checked else None
    if member is None:
        raise NotFound(_("No member has this number. It stands on the card, below the code."))
    return member.id


def _erase(work: UnitOfWork, member_id: int, *, actor: Actor) -> Erased:
    member = work.members.get(member_id)
    if member.state == MemberState.ERASED:
        return Erased(member_id=member_id, cards=0, again=True)
    for other_id in work.members.merged_into(member_id):
        # The same person's card that was merged into this one.
        _erase(work, other_id, actor=actor)
    indexes = (member.email_index, member.phone_index)
    work.joining.forget_contacts([index for index in indexes if index is not None])
    work.members.blank(member_id)
    work.notes.drop_all(member_id)
    work.rules.forget_member(member_id)
    GiftCards(work.scope).forget_people(member_id)
    Referrals(work.scope).forget_member(member_id)
    Activities(work.scope).forget_member(member_id)
    PrintedCodes(work.scope).forget_member(member_id)
    work.directory.remove_tokens(CARD, member_id)
    for purpose in MEMBER_LINKS:
        work.sessions.drop_links(purpose, member_id)
    work.outbox.drop_member(member_id)
    cards = work.passes.of_member(member_id)
    for card in cards:
        work.directory.remove_tokens(BARCODE, card.id)
        work.directory.remove_tokens(OLD_CODE, card.id)
        # Older cards bear the name too: void ones as well are told what they say now.
        work.passes.void(card.id)
        # What was given up before must not keep a name in a wallet for ever.
        work.deliveries.reopen_pass(card.id)
    work.audit.add(
        actor=actor, action="member.erase", subject_kind="member", subject_id=member_id, detail={}
    )
    return Erased(member_id=member_id, cards=len(cards), again=False)
