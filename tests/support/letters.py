"""What waits in the outbox, opened: for tests that need no mail server."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.mail_letters import MailLetter, write_letter
from loyalty.context import Loyalty
from storage import tables
from storage.mails import Mail, open_mail
from storage.unit_of_work import open_work


def with_mail(ctx: Loyalty) -> Loyalty:
    """The same context of an installation that has a mail server."""
    return replace(ctx, settings=replace(ctx.settings, sends_mail=True))


def waiting(ctx: Loyalty, merchant_id: int) -> list[tuple[str, Mail, MailLetter]]:
    """Kind, payload and letter of each mail that waits, the oldest first."""
    table = tables.outbox
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        rows = work.scope.execute(
            work.scope.select(table).where(table.c.channel == "mail").order_by(table.c.id)
        ).all()
    found = []
    for row in rows:
        mail = open_mail(ctx.keyring, row.payload_sealed, merchant_id=merchant_id)
        found.append((row.kind, mail, write_letter(row.kind, mail, written_at=row.created_at)))
    return found


def path_in(letter: MailLetter) -> str:
    """The path of a letter's button."""
    assert letter.button is not None
    found = re.fullmatch(r"https?://[^/]+(/.*)", letter.button[1])
    assert found
    return found[1]
