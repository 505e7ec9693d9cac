"""`outbox list|replay`: what waits to be mailed, what was refused and why, and once more."""

from __future__ import annotations

from typing import Any

import click

from common.actor import SYSTEM
from common.errors import ConfigurationError, InvalidInput
from delivery.smtp import MailRefused, MailServer
from loyalty.mails import mail_page, replay_mails
from regulars.commands.frame import Desk, chosen, framed, merchant_option
from storage.outbox import OutboxLine, OutboxState


@click.group("outbox")
def outbox_group() -> None:
    """E-mails and Google messages on their way."""


@outbox_group.command("list")
@click.option(
    "--state",
    type=click.Choice([str(state) for state in OutboxState]),
    help="Only rows that are open, sent or dead.",
)
@click.option("--before", type=int, help="Rows older than this number: the next page.")
@merchant_option
@framed
def list_rows(desk: Desk, *, state: str | None, before: int | None, merchant: str | None) -> None:
    """Show the newest rows; whom they go to and what they say is not shown."""
    installation = desk.open()
    shop = chosen(installation, merchant)
    found = mail_page(installation.loyalty, shop.id, state=state, before_id=before)
    facts = {
        "sends_mail": found.sends_mail,
        "stopped": found.stopped.reason if found.stopped else None,
        "counts": found.counts,
        "rows": [_facts(line) for line in found.lines],
        "older": found.older,
    }
    lines = [_line(line) for line in found.lines]
    if not found.sends_mail:
        lines.insert(0, "No mail server is set up: set REGULARS_SMTP_URL and REGULARS_MAIL_FROM.")
    if found.stopped:
        lines.insert(0, f"The mail server refuses us: {found.stopped.reason}.")
    waits = ", ".join(f"{name}: {number}" for name, number in found.counts.items())
    desk.console.show(facts, *lines, waits)


@outbox_group.command("replay")
@click.argument("row", required=False, type=int)
@click.option("--all", "everything", is_flag=True, help="Every dead row of the merchant.")
@merchant_option
@framed
def replay(desk: Desk, row: int | None, *, everything: bool, merchant: str | None) -> None:
    """Send the dead ROW again, or --all; a mail server that refused us is asked at once."""
    if (row is None) == (not everything):
        raise InvalidInput("Give the number of a row, or --all.", field="row")
    installation = desk.open()
    shop = chosen(installation, merchant)
    count = replay_mails(installation.loyalty, shop.id, row_id=row, actor=SYSTEM)
    desk.console.show({"rows": count}, f"{count} row(s) are tried again while a worker runs.")


@outbox_group.command("check")
@framed
def check(desk: Desk) -> int:
    """Connect to the mail server and log in; nothing is sent. Exit code 1 when it refuses."""
    mail = desk.open().delivery.mail
    if mail is None:
        raise ConfigurationError(
            "No mail server is set up: set REGULARS_SMTP_URL and REGULARS_MAIL_FROM."
        )
    try:
        with MailServer(mail):
            pass
    except MailRefused as refused:
        reason = refused.answer.reason
        text = f"{mail.host}:{mail.port} does not take our mail: {reason}. {_mend(reason)}"
        desk.console.show({"ok": False, "reason": reason}, text)
        return 1
    desk.console.show({"ok": True}, f"{mail.host}:{mail.port} takes our mail.")
    return 0


def _mend(reason: str) -> str:
    if reason.startswith("login"):
        return "Check user and password in REGULARS_SMTP_URL; write @ and : in them as %40 and %3A."
    if reason.startswith("tls"):
        return "Use smtps:// or another port, or name its roots with REGULARS_SMTP_CA."
    return "Check host and port in REGULARS_SMTP_URL, and that this machine may reach them."


def _facts(line: OutboxLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "channel": line.channel,
        "kind": line.kind,
        "state": line.state,
        "attempts": line.attempts,
        "reason": line.last_error,
        "created_at": line.created_at.isoformat(),
        "due_at": line.due_at.isoformat(),
    }


def _line(line: OutboxLine) -> str:
    why = f"  {line.last_error}" if line.last_error else ""
    return (
        f"{line.id}  {line.created_at:%Y-%m-%d %H:%M}  {line.channel:6}  {line.kind:14}"
        f"  {line.state:5}  {line.attempts} tries{why}"
    )


COMMANDS = (outbox_group,)
