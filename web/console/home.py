"""The first page: who joined, what each branch and person did today, which phones are behind."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from common.i18n import gettext as _
from loyalty.overview import today
from loyalty.programmes import list_programmes
from loyalty.retry import retry_parked
from web.console.door import blueprint, done, page
from web.services import services
from web.sessions import signed_in


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """Today."""
    who = signed_in()
    ctx = services().loyalty
    return page(
        "home.html",
        today=today(ctx, who.merchant),
        programmes=list_programmes(ctx, who.merchant_id),
    )


@blueprint.post("/deliveries/retry")
def retry() -> ResponseReturnValue:
    """Try everything again that was parked."""
    who = signed_in()
    count = retry_parked(services().loyalty, who.merchant_id, actor=who.actor())
    return done(_("Trying again: %(count)d.", count=count), "home")
