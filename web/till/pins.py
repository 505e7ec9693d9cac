"""Staff choose their own PIN by a one-time link, on their own phone."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.staff_session import PinLinkSpent, choose_pin, open_pin_link
from web.errors import answer, wants_json
from web.forms import Form, secret, shown
from web.security import address
from web.services import services
from web.throttle import PIN_LINK, throttle
from web.till.door import blueprint


@blueprint.get("/till/pin/<token>")
def pin_link(token: str) -> ResponseReturnValue:
    """The form; looking spends nothing."""
    name = open_pin_link(services().loyalty, token)
    return render_template("till/choose_pin.html", name=name, token=token, form=shown())


@blueprint.post("/till/pin/<token>")
def set_own_pin(token: str) -> ResponseReturnValue:
    """Keep the PIN and spend the link."""
    throttle(PIN_LINK, address())
    name = open_pin_link(services().loyalty, token)
    pin = secret("pin")
    try:
        _refuse_different(pin, secret("again"))
        choose_pin(services().loyalty, token, pin)
    except InvalidInput as error:
        if wants_json():
            raise
        form = Form(errors={error.field: error.message})
        page = render_template("till/choose_pin.html", name=name, token=token, form=form)
        return page, error.status
    return render_template("till/pin_chosen.html", name=name)


@blueprint.errorhandler(PinLinkSpent)
def _spent(error: PinLinkSpent) -> ResponseReturnValue:
    if wants_json():
        return answer(error)
    return render_template("till/pin_spent.html", error=error), error.status


def _refuse_different(pin: str, again: str) -> None:
    if pin != again:
        raise InvalidInput(_("The two PINs differ. Type the same one twice."), field="again")
