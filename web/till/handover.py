"""A new phone and a lost card: staff show a code that works once for five minutes.

Both bring the member's card to the phone of whoever stands there, so the page tells staff what to
ask first, and both are audited with the staff member and the till.
"""

from __future__ import annotations

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from common.i18n import gettext as _
from loyalty.find_member import FoundMember
from loyalty.lost_card import replace_lost_card
from loyalty.new_phone import NewPhoneLink, make_new_phone_link
from loyalty.staff_session import TillSession
from web.codes import code_drawing
from web.services import services
from web.throttle import NEW_PHONE, throttle
from web.till.door import blueprint
from web.till.handles import open_handle
from web.till.session import open_till


@blueprint.post("/till/new-phone")
def new_phone() -> ResponseReturnValue:
    """Show the code that brings the same card to another phone."""
    till, found = _card_at_hand()
    throttle(NEW_PHONE, f"till-{till.till_id}")
    link = make_new_phone_link(
        services().loyalty, till.merchant_id, found.member_id, actor=till.actor()
    )
    return _page(till, found, link, replaced=False)


@blueprint.post("/till/lost-card")
def lost_card() -> ResponseReturnValue:
    """End the card and show the code that brings the new one to a phone."""
    till, found = _card_at_hand()
    throttle(NEW_PHONE, f"till-{till.till_id}")
    ctx = services().loyalty
    replace_lost_card(
        ctx, till.merchant_id, found.member_id, actor=till.actor(), generation=found.generation
    )
    link = make_new_phone_link(ctx, till.merchant_id, found.member_id, actor=till.actor())
    return _page(till, found, link, replaced=True)


def _card_at_hand() -> tuple[TillSession, FoundMember]:
    till = open_till()
    return till, open_handle(till, request.form.get("card", ""))


def _page(
    till: TillSession, found: FoundMember, link: NewPhoneLink, *, replaced: bool
) -> ResponseReturnValue:
    address = services().absolute(url_for("card.again", token=link.token))
    code = code_drawing(address, title=_("Code for the customer's phone"))
    return render_template(
        "till/handover.html",
        till=till,
        found=found,
        address=address,
        code=code,
        replaced=replaced,
        expires_at=link.expires_at,
    )
