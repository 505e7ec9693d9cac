"""A short time in which a member may see and change what is kept of them, after a mailed code.

Rules: the proof is bound to one member, lives a quarter of an hour, and ends when the card is
replaced, the contact changes or the member leaves.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from common.errors import NotAllowed
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.mailed_codes import send_code, spend_code
from loyalty.open_card import CardId
from signing.tokens import random_token, token_hash
from storage.outbox import OutboxKind
from storage.sessions import OneTimeLink
from storage.unit_of_work import UnitOfWork, open_work, run_work

PROOF_LIFE: Final = timedelta(minutes=15)
PROOF: Final = "member_proof"
TOKEN_TEXT_MAX: Final = 64


class NotProven(NotAllowed):
    """Ask for a code first: it shows that the card is yours."""

    code = "not_proven"


def send_proof_code(ctx: Loyalty, card: CardId) -> None:
    """Mail a code to the address that is kept.

    Raises:
        NoAddress: none is kept, or no mail server is set up.
        TooMany: the card asked for several just now.
    """
    send_code(ctx, card, OutboxKind.MEMBER_CODE)


def prove(ctx: Loyalty, card: CardId, code: str) -> str:
    """Use the code up for a proof; its token is returned.

    Raises:
        WrongCode: field `code`; it is not right, used, or too old.
        TooMany: too many tries.
    """
    spend_code(ctx, card, OutboxKind.MEMBER_CODE, code)
    token = random_token()
    now = ctx.clock.now()

    def keep(work: UnitOfWork) -> None:
        work.sessions.drop_links(PROOF, card.member_id)
        work.sessions.add_link(
            OneTimeLink(
                token_hash=token_hash(token),
                purpose=PROOF,
                merchant_id=card.merchant_id,
                subject_id=card.member_id,
                created_at=now,
                expires_at=now + PROOF_LIFE,
            )
        )

    run_work(ctx.database, card.merchant_id, keep, clock=ctx.clock)
    return token


def is_proven(ctx: Loyalty, card: CardId, token: str) -> bool:
    """Whether the token proves this card's member, now."""
    if not token or len(token) > TOKEN_TEXT_MAX:
        return False
    with open_work(ctx.database, card.merchant_id, clock=ctx.clock, writing=False) as work:
        link = work.sessions.link(token_hash(token))
        return (
            link is not None
            and (link.purpose, link.merchant_id) == (PROOF, card.merchant_id)
            and link.subject_id == card.member_id
            and link.spent_at is None
            and link.expires_at > work.clock.now()
        )


def demand_proof(ctx: Loyalty, card: CardId, token: str) -> None:
    """Refuse whoever has the card's link alone.

    Raises:
        NotProven: the time is over, or there was no code.
    """
    if not is_proven(ctx, card, token):
        raise NotProven(_("Ask for a code first: it shows that the card is yours."))
