"""The shop's own facts: name, privacy page, limits of the till."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from common.money import format_plain
from loyalty.shop import change_shop
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, refused, shown, text
from web.services import services
from web.sessions import signed_in


@blueprint.get("/shop")
def shop() -> ResponseReturnValue:
    """The form."""
    merchant = signed_in().merchant
    values = {
        "name": merchant.name,
        "privacy_url": merchant.privacy_url,
        "sale_max": format_plain(merchant.sale_max_minor, merchant.currency),
        "refund_max": format_plain(merchant.staff_refund_max_minor, merchant.currency),
    }
    return _form(shown(values))


@blueprint.post("/shop")
def change_the_shop() -> ResponseReturnValue:
    """Store the facts."""
    who = signed_in()
    who.require_owner()
    try:
        change_shop(
            services().loyalty,
            who.merchant_id,
            name=text("name"),
            privacy_url=text("privacy_url"),
            sale_max=text("sale_max"),
            refund_max=text("refund_max"),
            actor=who.actor(),
        )
    except InvalidInput as error:
        return answer(error) if wants_json() else (_form(refused(error)), error.status)
    return done(_("The shop's facts are changed."), "settings")


def _form(form: Form) -> str:
    return page("shop.html", form=form)
