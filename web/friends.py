"""Bring a friend, on a member's own pages: `/m/<token>/friends`.

Asking for the link is a button, because looking changes nothing; the browser that asks is noted, so
that its owner cannot join as their own friend.
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from common.errors import TooMany, WalletError
from common.i18n import gettext as _
from loyalty.activity_pages import offered_activities
from loyalty.open_card import DeadCard, OpenCard, find_card, open_card
from loyalty.posting import MerchantSuspended
from loyalty.referrals import friends_page, make_friend_link
from web.codes import code_drawing
from web.device import this_device
from web.errors import answer, wants_json
from web.languages import choose
from web.security import address
from web.services import services
from web.throttle import CARD_MISS, SAVE_CARD, throttle

blueprint = Blueprint("friends", __name__)


@blueprint.get("/m/<token>/friends")
def show(token: str) -> ResponseReturnValue:
    """What bringing a friend gives, the link, and who came."""
    ctx = services().loyalty
    opened = open_card(ctx, token)
    choose(opened.language, time_zone=opened.time_zone)
    page = friends_page(ctx, find_card(ctx, token))
    code = code_drawing(page.link, title=_("Code of your link for friends")) if page.link else ""
    return render_template("card/friends.html", card=opened, page=page, code=code)


@blueprint.post("/m/<token>/friends")
def make_link(token: str) -> ResponseReturnValue:
    """Make the link."""
    ctx = services().loyalty
    card = find_card(ctx, token)
    throttle(SAVE_CARD, card.pass_id)
    make_friend_link(ctx, card, device=this_device())
    return redirect(url_for(".show", token=token), 303)


@blueprint.app_template_global("more_of_card")
def more_of_card(card: OpenCard) -> list[tuple[str, str]]:
    """What else a member can do with this card: addresses and their texts."""
    ctx = services().loyalty
    ids = find_card(ctx, card.token)
    page = friends_page(ctx, ids)
    found = []
    if page.rule is not None:
        found.append((url_for("friends.show", token=card.token), _("Bring a friend")))
    if offered_activities(ctx, ids):
        found.append((url_for("activities.show", token=card.token), _("More ways to collect")))
    return found


@blueprint.app_template_global("brought_by")
def brought_by(card: OpenCard) -> str:
    """The first name of the friend a member came by, empty for none."""
    ctx = services().loyalty
    return friends_page(ctx, find_card(ctx, card.token)).brought_by


@blueprint.errorhandler(DeadCard)
def _dead(error: WalletError) -> ResponseReturnValue:
    try:
        throttle(CARD_MISS, address())
    except TooMany as too_many:
        return answer(too_many)
    if wants_json():
        return answer(error)
    return render_template("card/dead.html", error=error), error.status


@blueprint.errorhandler(MerchantSuspended)
def _paused(error: WalletError) -> ResponseReturnValue:
    if wants_json():
        return answer(error)
    return render_template("card/paused.html", error=error), error.status
