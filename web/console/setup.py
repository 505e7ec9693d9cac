"""How the wallets are wired, as facts: certificate, Google account, public address, worker."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from loyalty.overview import set_up
from loyalty.phone_log import phone_log
from loyalty.phone_words import is_serious, meaning, title
from web.console.door import blueprint, page
from web.services import services
from web.sessions import signed_in


@blueprint.get("/set-up")
def setup() -> ResponseReturnValue:
    """The facts, and the command that mends each."""
    who = signed_in()
    return page("setup.html", facts=set_up(services().loyalty, who.merchant))


@blueprint.get("/set-up/phones")
def complaints() -> ResponseReturnValue:
    """What phones complained of, alike lines together."""
    who = signed_in()
    told = phone_log(services().loyalty, who.merchant_id)
    lines = [
        {"group": one, "title": title(one), "meaning": meaning(one), "serious": is_serious(one)}
        for one in told.groups
    ]
    return page("complaints.html", told=told, lines=lines)
