"""A code to the e-mail address that is kept: it proves that whoever holds a card's link is the member.

Not done here: what the proof is good for (new_card_code.py, member_proof.py).

Rules: six digits, a quarter of an hour, five tries; a newer code ends the one before of the same
purpose; the code is stored as a keyed hash and never logged.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

from common.errors import Conflict, InvalidInput
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.join import kept_email
from loyalty.limits import take
from loyalty.open_card import CardId
from signing.sealing import blind_index
from storage.mails import Mail, write_mail
from storage.members import MemberState
from storage.outbox import OutboxKind
from storage.sessions import OneTimeLink
from storage.unit_of_work import UnitOfWork, open_work, run_work

CODE_LIFE: Final = timedelta(minutes=15)
CODE_DIGITS: Final = 6
MAILS_AT_ONCE: Final = 3
MAILS_REFILL_PER_S: Final = 1 / 1200
TRIES: Final = 5
TRIES_REFILL_PER_S: Final = 1 / 600


class NoAddress(Conflict):
    """No e-mail address is kept for this card, or no mail server is set up. Ask at the till."""

    code = "no_address"


class WrongCode(InvalidInput):
    """This is not the code, or its time is over."""

    code = "wrong_code"


def masked_address(ctx: Loyalty, card: CardId) -> str:
    """Where a code would go, as `a•••@example.com`; empty when none can be sent."""
    if not ctx.settings.sends_mail:
        return ""
    with open_work(ctx.database, card.merchant_id, clock=ctx.clock, writing=False) as work:
        member = work.members.get(card.member_id)
    name, at, domain = kept_email(ctx, card.merchant_id, member).partition("@")
    return f"{name[:1]}•••{at}{domain}" if at else ""


def send_code(ctx: Loyalty, card: CardId, kind: OutboxKind) -> None:
    """Mail a fresh code of a kind to the address that is kept.

    Raises:
        NoAddress: none is kept, or no mail server is set up.
        TooMany: the card asked for several just now.
    """
    if not masked_address(ctx, card):
        raise NoAddress(_("No code can be mailed for this card. Ask at the till: staff help."))
    take(
        ctx,
        f"card-code-mail|{card.pass_id}",
        capacity=MAILS_AT_ONCE,
        refill_per_s=MAILS_REFILL_PER_S,
    )
    run_work(
        ctx.database, card.merchant_id, lambda work: _send(ctx, work, card, kind), clock=ctx.clock
    )


def spend_code(ctx: Loyalty, card: CardId, kind: OutboxKind, code: str) -> None:
    """Use a code up.

    Raises:
        WrongCode: field `code`; it is not right, used, or too old.
        TooMany: too many tries.
    """
    take(ctx, f"card-code|{card.pass_id}", capacity=TRIES, refill_per_s=TRIES_REFILL_PER_S)
    digits = "".join(symbol for symbol in code[:32] if symbol.isdecimal())
    hashed = _hash(ctx, card, kind, digits)

    def spend(work: UnitOfWork) -> bool:
        link = work.sessions.link(hashed)
        mine = link is not None and link.purpose == kind and link.subject_id == card.member_id
        return mine and work.sessions.spend_link(hashed)

    if not run_work(ctx.database, card.merchant_id, spend, clock=ctx.clock):
        raise WrongCode(
            _("This is not the code, or its time is over. Look at the newest mail."), field="code"
        )


def _send(ctx: Loyalty, work: UnitOfWork, card: CardId, kind: OutboxKind) -> None:
    member = work.members.get(card.member_id)
    merchant = work.merchants.get()
    to = kept_email(ctx, merchant.id, member)
    if not to or member.state != MemberState.ACTIVE:
        return
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    now = work.clock.now()
    work.sessions.drop_links(kind, member.id)
    work.sessions.add_link_once(
        OneTimeLink(
            token_hash=_hash(ctx, card, kind, code),
            purpose=kind,
            merchant_id=merchant.id,
            subject_id=member.id,
            created_at=now,
            expires_at=now + CODE_LIFE,
        )
    )
    facts = {
        "shop": merchant.name,
        "code": f"{code[:3]} {code[3:]}",
        "minutes": str(CODE_LIFE // timedelta(minutes=1)),
    }
    write_mail(
        work,
        Mail(to=to, language=member.language, time_zone=merchant.time_zone, facts=facts),
        kind,
        keyring=ctx.keyring,
        life=CODE_LIFE,
        member_id=member.id,
    )


def _hash(ctx: Loyalty, card: CardId, kind: OutboxKind, code: str) -> bytes:
    # Keyed: a million codes are tried in a second by whoever has the database alone.
    return blind_index(
        ctx.keyring,
        f"{card.member_id}|{code}",
        merchant_id=card.merchant_id,
        column=str(kind),
    )
