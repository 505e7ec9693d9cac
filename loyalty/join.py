"""Join at the public page: enrol, and mail the card's link where mail is set up.

Rules (DESIGN 8):
- A new card opens at once, as customers stand at a counter. A known contact sees the same page and
  gets no card from it: the link goes to the address that is kept, never to a newer one that was
  typed; without a mail server staff hand the card over. Who then tries the page's link learns which
  of the two it was.
- Where the owner wants nobody to learn that, who typed an address gets the card by mail alone, new
  or known.
- One address gets few of these mails, however often the form is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from loyalty.context import Loyalty
from loyalty.enrol import Enrolment, EnrolRequest, enrol
from loyalty.new_card import card_token
from loyalty.referrals import note_friend
from signing.sealing import unseal
from storage.mails import Mail, mail_receiver, write_mail
from storage.members import Member, MemberState
from storage.outbox import OutboxKind
from storage.unit_of_work import UnitOfWork, open_work

MAIL_LIFE: Final = timedelta(days=3)
MAILS_AT_ONCE: Final = 3
MAILS_REFILL_PER_S: Final = 1 / 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What the page may show: the card of `card_token`, or that a mail is on its way."""

    card_token: str
    by_mail: bool


def join(
    ctx: Loyalty, merchant_id: int, request: EnrolRequest, *, friend_of: str = "", device: str = ""
) -> Joined:
    """Enrol, and mail what is to be mailed, in one transaction.

    `friend_of` is the code of the member's link they came by, `device` their browser's number.

    Raises:
        InvalidInput: what was given cannot be used, or something asked for is missing.
        NotOpen: the card was never published.
        MerchantSuspended: the merchant is suspended.
    """

    def mail(work: UnitOfWork, done: Enrolment) -> None:
        if ctx.settings.sends_mail and not done.again:
            _mail(ctx, work, done)
        if friend_of and not done.known and not done.again:
            note_friend(work, done.member_id, code=friend_of, device=device)

    done = enrol(ctx, merchant_id, request, then=mail)
    by_mail = ctx.settings.sends_mail and _is_by_mail_alone(ctx, merchant_id, request)
    return Joined(card_token="" if by_mail else done.card_token, by_mail=by_mail)


def kept_email(ctx: Loyalty, merchant_id: int, member: Member) -> str:
    """The member's e-mail address, empty when none is kept."""
    if member.email_sealed is None:
        return ""
    opened = unseal(
        ctx.keyring, member.email_sealed, merchant_id=merchant_id, column="member.email"
    )
    return opened.decode()


def _is_by_mail_alone(ctx: Loyalty, merchant_id: int, request: EnrolRequest) -> bool:
    """Whether an address was typed where the programme asks for one and mails the card to it."""
    if not request.email.strip():
        return False
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        programme = work.programmes.get(request.programme_id)
    return bool(programme.join_by_mail) and programme.ask_email != "off"


def _mail(ctx: Loyalty, work: UnitOfWork, done: Enrolment) -> None:
    member = work.members.get(done.member_id)
    merchant = work.merchants.get()
    to = kept_email(ctx, merchant.id, member)
    if not to or member.state != MemberState.ACTIVE:
        return
    kind = OutboxKind.KNOWN if done.known else OutboxKind.WELCOME
    receiver = mail_receiver(ctx.keyring, to, kind, merchant_id=merchant.id)
    waits_s = work.buckets.take(
        f"mail-to|{merchant.id}|{receiver.hex()[:32]}",
        capacity=MAILS_AT_ONCE,
        refill_per_s=MAILS_REFILL_PER_S,
    )
    if waits_s > 0:
        return
    token = card_token(
        ctx.keyring, member.id, merchant_id=merchant.id, generation=member.generation
    )
    public_url = (merchant.public_url or ctx.settings.public_url).rstrip("/")
    facts = {
        "shop": merchant.name,
        "card": work.programmes.get(member.programme_id).name,
        "url": f"{public_url}/m/{token}",
    }
    mail = Mail(to=to, language=member.language, time_zone=merchant.time_zone, facts=facts)
    write_mail(work, mail, kind, keyring=ctx.keyring, life=MAIL_LIFE, member_id=member.id)
