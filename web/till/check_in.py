"""The code on the till's screen that counts a visit; it changes every 30 seconds."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from common.i18n import gettext as _
from loyalty.activity_pages import screen_code
from web.codes import code_drawing
from web.services import services
from web.till.door import blueprint
from web.till.session import open_till


@blueprint.get("/till/check-in")
def check_in_screen() -> ResponseReturnValue:
    """Show the code of this half minute."""
    till = open_till()
    code = screen_code(services().loyalty, till.merchant_id, till.till_id)
    address = services().absolute(url_for("activities.check_in", code=code))
    drawing = code_drawing(address, title=_("Code that counts this visit"))
    return render_template("till/check_in.html", till=till, address=address, code=drawing)
