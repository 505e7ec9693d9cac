"""E-mail as facts: whether a mail server is set up, what waits, what was refused, and once more."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from common.i18n import gettext as _
from loyalty.mails import mail_page, replay_mails
from web.console.activity import before
from web.console.door import blueprint, done, page
from web.forms import text
from web.services import services
from web.sessions import signed_in

STATES = ("open", "dead", "sent")


@blueprint.get("/mails")
def mails() -> ResponseReturnValue:
    """The outbox of the shop."""
    who = signed_in()
    state = request.args.get("state", "")
    found = mail_page(
        services().loyalty,
        who.merchant_id,
        state=state if state in STATES else None,
        before_id=before(),
    )
    return page("mails.html", found=found, state=state)


@blueprint.post("/mails/replay")
def replay() -> ResponseReturnValue:
    """Send one dead row again, or all."""
    who = signed_in()
    value = text("row_id")
    row_id = int(value) if value.isascii() and value.isdigit() and len(value) <= 19 else None  # noqa: PLR2004
    count = replay_mails(services().loyalty, who.merchant_id, row_id=row_id, actor=who.actor())
    return done(_("Trying again: %(count)d.", count=count), "mails")
