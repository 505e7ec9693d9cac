"""A member's card on a new phone, or a new card for a lost one, by the owner instead of the till."""

from __future__ import annotations

from flask import url_for
from flask.typing import ResponseReturnValue

from common.i18n import gettext as _
from loyalty.lost_card import replace_lost_card
from loyalty.new_phone import make_new_phone_link
from web.codes import code_drawing
from web.console.door import blueprint, page
from web.forms import whole
from web.services import services
from web.sessions import signed_in


@blueprint.post("/members/<id:member_id>/new-phone")
def member_new_phone(member_id: int) -> ResponseReturnValue:
    """Show the code that brings the same card to another phone."""
    return _show_code(member_id, replaced=False)


@blueprint.post("/members/<id:member_id>/lost-card")
def member_lost_card(member_id: int) -> ResponseReturnValue:
    """End the card, and show the code that brings the new one to a phone."""
    who = signed_in()
    replace_lost_card(
        services().loyalty,
        who.merchant_id,
        member_id,
        actor=who.actor(),
        generation=whole("generation"),
    )
    return _show_code(member_id, replaced=True)


def _show_code(member_id: int, *, replaced: bool) -> ResponseReturnValue:
    who = signed_in()
    link = make_new_phone_link(services().loyalty, who.merchant_id, member_id, actor=who.actor())
    address = services().absolute(url_for("card.again", token=link.token))
    return page(
        "handover.html",
        member_id=member_id,
        replaced=replaced,
        address=address,
        code=code_drawing(address, title=_("Code for the customer's phone")),
        expires_at=link.expires_at,
    )
