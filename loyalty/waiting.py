"""Who wants to be told when an announced card opens: kept sealed, mailed once, then forgotten.

Rules: a contact that waits already gets the same answer as a new one; nobody is kept where no mail
can be sent; the list has an end, so that nobody fills it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from common.errors import Conflict
from common.i18n import current_language
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.contacts import normalise_email
from loyalty.context import Loyalty
from signing.sealing import blind_index, seal, unseal
from storage.join_rules import ProgrammeState
from storage.joining import Waiting
from storage.mails import Mail, write_mail
from storage.outbox import OutboxKind
from storage.unit_of_work import UnitOfWork, run_work

WAITING_MAX: Final = 20_000
"""Of one programme."""

BATCH: Final = 200
MAIL_LIFE: Final = timedelta(days=7)
WORDING_VERSION: Final = 1
"""Raise it with every change of the line under "Tell me" in templates/join/announced.html."""

_COLUMN: Final = "waiting_contact.email"


class NothingToWaitFor(Conflict):
    """This card is not announced, or no mail can be sent."""

    code = "nothing_to_wait_for"


def wait_for(ctx: Loyalty, merchant_id: int, programme_id: int, email: str) -> None:
    """Keep whom to tell; twice is once.

    Raises:
        InvalidInput: field `email`.
        NothingToWaitFor: the card is not announced, the list is full, or no mail is sent here.
    """
    address = normalise_email(email)

    def action(work: UnitOfWork) -> None:
        door = work.joining.door(programme_id)
        full = work.joining.waiting(programme_id) >= WAITING_MAX
        if door.state is not ProgrammeState.ANNOUNCED or full or not ctx.settings.sends_mail:
            raise NothingToWaitFor(_("Nobody can be told by mail now. Please come back later."))
        work.joining.add_waiting(
            Waiting(
                id=new_id(),
                programme_id=programme_id,
                email_sealed=seal(
                    ctx.keyring, address.encode(), merchant_id=merchant_id, column=_COLUMN
                ),
                email_index=waiting_index(ctx, merchant_id, address),
                language=current_language(),
                wording_version=WORDING_VERSION,
                created_at=work.clock.now(),
            )
        )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def waiting_index(ctx: Loyalty, merchant_id: int, email: str) -> bytes:
    """What a contact of every list of joining is found by: the same as a member's."""
    return blind_index(ctx.keyring, email, merchant_id=merchant_id, column="email")


def tell_waiting(ctx: Loyalty, merchant_id: int, programme_id: int) -> int:
    """Mail everyone who waits that the card is open, and forget them; how many it were.

    Done in steps, so it may be broken off and done again: nobody is told twice.
    """
    told = 0
    while True:
        step = run_work(
            ctx.database,
            merchant_id,
            lambda work: _tell_some(ctx, work, programme_id),
            clock=ctx.clock,
        )
        told += step
        if step == 0:
            return told


def _tell_some(ctx: Loyalty, work: UnitOfWork, programme_id: int) -> int:
    if work.joining.door(programme_id).state is not ProgrammeState.LIVE:
        return 0
    merchant = work.merchants.get()
    programme = work.programmes.get(programme_id)
    public_url = (merchant.public_url or ctx.settings.public_url).rstrip("/")
    found = work.joining.take_waiting(programme_id, BATCH)
    for one in found:
        to = unseal(ctx.keyring, one.email_sealed, merchant_id=merchant.id, column=_COLUMN)
        facts = {
            "shop": merchant.name,
            "card": programme.name,
            "url": f"{public_url}/j/{programme.join_code}",
        }
        mail = Mail(
            to=to.decode(), language=one.language, time_zone=merchant.time_zone, facts=facts
        )
        write_mail(work, mail, OutboxKind.OPENED, keyring=ctx.keyring, life=MAIL_LIFE)
    return len(found)
