"""What is on its way to phones: how long changes take, what stands still, and mass changes to hold."""

from __future__ import annotations

from collections.abc import Callable

from flask.typing import ResponseReturnValue

from common.i18n import gettext as _
from loyalty.delivery_health import delivery_health
from loyalty.mass_changes import cancel, pause, resume
from web.console.door import blueprint, done, page
from web.services import services
from web.sessions import signed_in


@blueprint.get("/deliveries")
def deliveries() -> ResponseReturnValue:
    """The page."""
    who = signed_in()
    return page("deliveries.html", health=delivery_health(services().loyalty, who.merchant_id))


@blueprint.post("/deliveries/changes/<int:change_id>/pause")
def pause_change(change_id: int) -> ResponseReturnValue:
    """Move no further cards for now."""
    return _turned(pause, change_id, _("Held. Nothing more goes out until you let it go on."))


@blueprint.post("/deliveries/changes/<int:change_id>/resume")
def resume_change(change_id: int) -> ResponseReturnValue:
    """Go on where it stopped."""
    return _turned(resume, change_id, _("It goes on where it stopped."))


@blueprint.post("/deliveries/changes/<int:change_id>/cancel")
def cancel_change(change_id: int) -> ResponseReturnValue:
    """Move no further cards ever."""
    return _turned(cancel, change_id, _("Ended. The other cards change with their next visit."))


def _turned(turn: Callable[..., None], change_id: int, text: str) -> ResponseReturnValue:
    who = signed_in()
    turn(services().loyalty, who.merchant_id, change_id, actor=who.actor())
    return done(text, "deliveries")
