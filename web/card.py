"""The card door: `/m/<token>`, a member's personal link.

It reads; Google's button writes, and so does who proves themselves by a code that was mailed to the
address that is kept. Not done here: what a pass says and how it is signed (loyalty.read_pass, loyalty.save_to_google).
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.http import http_date

from common.errors import DeliveryError, InvalidInput, NotFound, TooMany, Unavailable, WalletError
from common.i18n import gettext as _
from ledger.explain import explain
from loyalty.coming_rules import coming_rules
from loyalty.mailed_codes import NoAddress, masked_address
from loyalty.member_page import candidacy_of, open_lots
from loyalty.message_choice import choose_messages, wants_messages
from loyalty.new_card_code import send_new_card_code, use_new_card_code
from loyalty.new_phone import LinkSpent, check_new_phone_link, spend_new_phone_link
from loyalty.open_card import CardId, DeadCard, OpenCard, agree_to_google, find_card, open_card
from loyalty.posting import MerchantSuspended
from loyalty.read_pass import apple_pass
from loyalty.rule_card import rule_card
from loyalty.save_to_google import google_save_link
from web.codes import code_drawing
from web.errors import answer, wants_json
from web.forms import Form, flag, shown, text
from web.languages import choose
from web.security import address
from web.services import services
from web.throttle import (
    CARD_MISS,
    NEW_PHONE,
    PASS_FETCH,
    SAVE_ADDRESS,
    SAVE_CARD,
    SAVE_SHOP,
    Limit,
    throttle,
)
from web.wallet_buttons import wallet_buttons

PKPASS: Final = "application/vnd.apple.pkpass"

blueprint = Blueprint("card", __name__)


@blueprint.get("/m/<token>")
def show(token: str) -> ResponseReturnValue:
    """The card with its code, balance and history."""
    return _page(open_card(services().loyalty, token))


@blueprint.get("/m/<token>/apple.pkpass")
def apple(token: str) -> ResponseReturnValue:
    """The signed pass, as Safari hands it to Wallet."""
    ctx = services().loyalty
    card = find_card(ctx, token)
    throttle(PASS_FETCH, card.pass_id)
    signed = apple_pass(ctx, card.merchant_id, card.pass_id)
    response = Response(signed.data, mimetype=PKPASS)
    response.headers["Content-Disposition"] = 'inline; filename="card.pkpass"'
    response.headers["Last-Modified"] = http_date(signed.last_modified_s)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/m/<token>/google")
def google(token: str) -> ResponseReturnValue:
    """Put the card at Google and go on to Google's own page."""
    ctx = services().loyalty
    throttle(SAVE_ADDRESS, address())
    card = find_card(ctx, token)
    throttle(SAVE_SHOP, card.merchant_id)
    throttle(SAVE_CARD, card.pass_id)
    agree_to_google(ctx, card)
    try:
        link = google_save_link(ctx, card.merchant_id, card.member_id)
    except (DeliveryError, Unavailable, NotFound) as error:
        if wants_json():
            raise
        return _page(open_card(ctx, token), trouble=error.message), error.status
    return redirect(link, 303)


@blueprint.get("/m/<token>/code")
def code_page(token: str) -> ResponseReturnValue:
    """Ask for a code, or type the one that came."""
    return _code_page(find_card(services().loyalty, token), token, shown())


@blueprint.post("/m/<token>/code")
def mail_code(token: str) -> ResponseReturnValue:
    """Mail a code to the address that is kept."""
    ctx = services().loyalty
    throttle(NEW_PHONE, address())
    card = find_card(ctx, token)
    try:
        send_new_card_code(ctx, card)
    except (NoAddress, TooMany) as error:
        if wants_json():
            raise
        form = Form(errors={"send": error.message})
        return _code_page(card, token, form), error.status
    return redirect(url_for(".code_page", token=token, sent="1"), 303)


@blueprint.post("/m/<token>/new-card")
def new_card(token: str) -> ResponseReturnValue:
    """Replace the card for who has the code; the old link is dead from here on."""
    ctx = services().loyalty
    card = find_card(ctx, token)
    try:
        fresh = use_new_card_code(ctx, card, text("code"))
    except (InvalidInput, TooMany) as error:
        if wants_json():
            raise
        form = Form(errors={"code": error.message})
        return _code_page(card, token, form), error.status
    return redirect(url_for(".show", token=fresh), 303)


@blueprint.post("/m/<token>/messages")
def messages(token: str) -> ResponseReturnValue:
    """Switch the shop's messages on this card off, or on again."""
    ctx = services().loyalty
    card = find_card(ctx, token)
    throttle(SAVE_CARD, card.pass_id)
    choose_messages(ctx, card, wanted=flag("wanted"))
    return redirect(url_for(".show", token=token), 303)


@blueprint.get("/m/again/<token>")
def again(token: str) -> ResponseReturnValue:
    """The button that brings the same card to this phone; looking changes nothing."""
    check_new_phone_link(services().loyalty, token)
    return render_template("card/again.html", token=token)


@blueprint.post("/m/again/<token>")
def spend_again(token: str) -> ResponseReturnValue:
    """Spend the link, once, and show the card."""
    card_token = spend_new_phone_link(services().loyalty, token)
    return redirect(url_for(".show", token=card_token), 303)


@blueprint.errorhandler(DeadCard)
def _dead(error: WalletError) -> ResponseReturnValue:
    return _kind_page("card/dead.html", error, limit=CARD_MISS)


@blueprint.errorhandler(LinkSpent)
def _spent(error: WalletError) -> ResponseReturnValue:
    return _kind_page("card/spent.html", error, limit=NEW_PHONE)


@blueprint.errorhandler(MerchantSuspended)
def _paused(error: WalletError) -> ResponseReturnValue:
    return _kind_page("card/paused.html", error)


def _kind_page(
    template: str, error: WalletError, *, limit: Limit | None = None
) -> ResponseReturnValue:
    try:
        if limit:
            throttle(limit, address())
    except TooMany as too_many:
        return answer(too_many)
    if wants_json():
        return answer(error)
    return render_template(template, error=error), error.status


def _code_page(card: CardId, token: str, form: Form) -> str:
    ctx = services().loyalty
    opened = open_card(ctx, token)
    choose(opened.language, time_zone=opened.time_zone)
    return render_template(
        "card/code.html",
        card=opened,
        form=form,
        goes_to=masked_address(ctx, card),
        sent="sent" in request.args or "code" in form.errors,
    )


def _page(card: OpenCard, *, trouble: str = "") -> str:
    choose(card.language, time_zone=card.time_zone)
    title = _("The code of your card, for the till")
    code = code_drawing(card.view.barcode, title=title) if card.view.barcode else ""
    rules = rule_card(services().loyalty, card.merchant_id, card.member_id)
    return render_template(
        "card/card.html",
        card=card,
        buttons=wallet_buttons(card.token, card.wallets, sandbox=card.sandbox),
        code=code,
        rules=rules,
        explained=explain(rules.terms) if rules else (),
        coming=coming_rules(services().loyalty, card.merchant_id, rules.programme_id)
        if rules
        else None,
        trouble=trouble,
        lots=open_lots(services().loyalty, card.merchant_id, card.member_id),
        candidate=candidacy_of(services().loyalty, card.merchant_id, card.member_id),
        wants_messages=wants_messages(
            services().loyalty, find_card(services().loyalty, card.token)
        ),
    )
