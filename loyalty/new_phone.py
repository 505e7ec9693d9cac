"""The same card on a new phone: a link that works once for five minutes, handed over by staff.

The card does not change: same code, same balance; the old phone keeps its copy until it is wiped.
Where the old card may be in wrong hands, it is a lost card (lost_card.py).

Rules: opening the link changes nothing, pressing its button spends it; both who made it and that
it was spent are audited.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from common.actor import Actor, ActorKind
from common.errors import NotFound
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.new_card import card_token
from signing.tokens import random_token, token_hash
from storage.members import MemberState
from storage.sessions import OneTimeLink
from storage.unit_of_work import UnitOfWork, open_work, run_work

LINK_LIFE: Final = timedelta(minutes=5)
_PURPOSE: Final = "new_phone"


class LinkSpent(NotFound):
    """This link has been used, or its five minutes are over."""

    code = "phone_link_spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPhoneLink:
    """`token` belongs into the address `/m/again/<token>`."""

    token: str
    expires_at: datetime


def make_new_phone_link(
    ctx: Loyalty, merchant_id: int, member_id: int, *, actor: Actor
) -> NewPhoneLink:
    """A link to the member's card; an earlier one of the same member is dead.

    Raises:
        NotFound: no such member, or the membership ended.
    """
    token = random_token()
    expires_at = ctx.clock.now() + LINK_LIFE

    def make(work: UnitOfWork) -> None:
        member = work.members.get(member_id)
        if member.state != MemberState.ACTIVE:
            raise NotFound(_("This membership has ended."))
        work.sessions.drop_links(_PURPOSE, member_id)
        work.sessions.add_link(
            OneTimeLink(
                token_hash=token_hash(token),
                purpose=_PURPOSE,
                merchant_id=merchant_id,
                subject_id=member_id,
                created_at=work.clock.now(),
                expires_at=expires_at,
            )
        )
        _audit(work, actor, "member.new_phone_link", member_id)

    run_work(ctx.database, merchant_id, make, clock=ctx.clock)
    return NewPhoneLink(token=token, expires_at=expires_at)


def check_new_phone_link(ctx: Loyalty, token: str) -> None:
    """Change nothing; tell whether the link would still work.

    Raises:
        LinkSpent: it would not.
    """
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        link = _living_link(work, token)
        if link.spent_at is not None:
            raise _spent()


def spend_new_phone_link(ctx: Loyalty, token: str) -> str:
    """The token of the member's personal link, for exactly one caller.

    Raises:
        LinkSpent: used before, too late, or no such link.
    """
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        merchant_id = _living_link(work, token).merchant_id

    def spend(work: UnitOfWork) -> str:
        link = _living_link(work, token)
        if not work.sessions.spend_link(link.token_hash):
            raise _spent()
        member = work.members.get(link.subject_id)
        actor = Actor(kind=ActorKind.MEMBER, id=member.id)
        _audit(work, actor, "member.new_phone", member.id)
        return card_token(
            ctx.keyring, member.id, merchant_id=merchant_id, generation=member.generation
        )

    return run_work(ctx.database, merchant_id, spend, clock=ctx.clock)


def _living_link(work: UnitOfWork, token: str) -> OneTimeLink:
    link = work.sessions.link(token_hash(token))
    if link is None or link.purpose != _PURPOSE or link.expires_at <= work.clock.now():
        raise _spent()
    return link


def _spent() -> LinkSpent:
    return LinkSpent(
        _("This link has been used, or its five minutes are over. Ask at the till for a new one.")
    )


def _audit(work: UnitOfWork, actor: Actor, action: str, member_id: int) -> None:
    detail = {"till_id": actor.till_id} if actor.till_id else {}
    work.audit.add(
        actor=actor, action=action, subject_kind="member", subject_id=member_id, detail=detail
    )
