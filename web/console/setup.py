"""How the wallets are wired, as facts: certificate, Google account, public address, worker."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from loyalty.overview import set_up
from web.console.door import blueprint, page
from web.services import services
from web.sessions import signed_in


@blueprint.get("/set-up")
def setup() -> ResponseReturnValue:
    """The facts, and the command that mends each."""
    who = signed_in()
    return page("setup.html", facts=set_up(services().loyalty, who.merchant))
