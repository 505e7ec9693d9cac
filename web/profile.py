"""The member's own data: `/m/<token>/me`, seen and changed after a code to the address that is kept.

Rules: the link alone shows nothing here; the proof stands in a cookie of this one card's address and
lives a quarter of an hour; who has no address asks at the till.
"""

from __future__ import annotations

from typing import Final

from babel import Locale
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, TooMany, WalletError
from common.i18n import gettext as _
from common.i18n import languages
from loyalty.erase_member import erase_member
from loyalty.join_answers import ANSWER_FIELD
from loyalty.mailed_codes import NoAddress, masked_address
from loyalty.member_export import export_member, export_movements
from loyalty.member_profile import Profile, ProfileChange, change_profile, read_profile
from loyalty.member_proof import NotProven, demand_proof, is_proven, prove, send_proof_code
from loyalty.open_card import CardId, DeadCard, find_card, open_card
from loyalty.posting import MerchantSuspended
from web.errors import answer, wants_json
from web.forms import Form, flag, shown, text
from web.forms import refused as refused_form
from web.languages import choose
from web.months import birthday_values, months, sent_birthday
from web.security import address
from web.services import services
from web.throttle import CARD_MISS, NEW_PHONE, SAVE_CARD, throttle

COOKIE: Final = "member-proof"
COOKIE_LIFE_S: Final = 900

blueprint = Blueprint("profile", __name__)


@blueprint.get("/m/<token>/me")
def show(token: str) -> ResponseReturnValue:
    """What is kept, for who has proven to be the member; else the way to a code."""
    card = find_card(services().loyalty, token)
    if is_proven(services().loyalty, card, _proof()):
        return _page(card, token, shown(_values(card)))
    return _code_page(card, token, shown())


@blueprint.post("/m/<token>/me/code")
def mail_code(token: str) -> ResponseReturnValue:
    """Mail a code to the address that is kept."""
    ctx = services().loyalty
    throttle(NEW_PHONE, address())
    card = find_card(ctx, token)
    try:
        send_proof_code(ctx, card)
    except (NoAddress, TooMany) as error:
        if wants_json():
            raise
        return _code_page(card, token, Form(errors={"send": error.message})), error.status
    return redirect(url_for(".show", token=token, sent="1"), 303)


@blueprint.post("/m/<token>/me/prove")
def type_code(token: str) -> ResponseReturnValue:
    """Use the code up, and show what is kept for a quarter of an hour."""
    ctx = services().loyalty
    throttle(NEW_PHONE, address())
    card = find_card(ctx, token)
    try:
        proof = prove(ctx, card, text("code"))
    except (InvalidInput, TooMany) as error:
        if wants_json():
            raise
        return _code_page(card, token, Form(errors={"code": error.message})), error.status
    response = redirect(url_for(".show", token=token), 303)
    response.set_cookie(
        COOKIE,
        proof,
        max_age=COOKIE_LIFE_S,
        path=f"/m/{token}",
        secure=services().settings.https,
        httponly=True,
        samesite="Strict",
    )
    return response


@blueprint.post("/m/<token>/me")
def save(token: str) -> ResponseReturnValue:
    """Keep what is wanted from now on."""
    ctx, card = services().loyalty, _proven(token)
    throttle(SAVE_CARD, card.pass_id)
    before = read_profile(ctx, card.merchant_id, card.member_id)
    try:
        change_profile(
            ctx, card.merchant_id, card.member_id, sent_profile(before), actor=card.actor
        )
    except InvalidInput as error:
        if wants_json():
            raise
        return _page(card, token, refused_form(error)), error.status
    return redirect(url_for(".show", token=token, saved="1"), 303)


@blueprint.post("/m/<token>/me/data")
def data(token: str) -> ResponseReturnValue:
    """Everything that is kept, as a file: JSON, or the movements as CSV."""
    ctx, card = services().loyalty, _proven(token)
    throttle(SAVE_CARD, card.pass_id)
    if text("format") == "csv":
        body = export_movements(ctx, card.merchant_id, card.member_id, actor=card.actor)
        response = Response(body, mimetype="text/csv")
        name = "movements.csv"
    else:
        body = export_member(ctx, card.merchant_id, card.member_id, actor=card.actor)
        response = Response(body, mimetype="application/json")
        name = "my-data.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/m/<token>/me/leave")
def leave(token: str) -> ResponseReturnValue:
    """End the membership: everything about the person goes."""
    ctx, card = services().loyalty, _proven(token)
    if not flag("sure"):
        error = InvalidInput(_("Tick the box: leaving cannot be undone."), field="sure")
        if wants_json():
            raise error
        form = Form(values=_values(card), errors={"sure": error.message})
        return _page(card, token, form), error.status
    opened = open_card(ctx, token)
    choose(opened.language, time_zone=opened.time_zone)
    erase_member(ctx, card.merchant_id, card.member_id, actor=card.actor)
    response = Response(render_template("card/left.html", shop=opened.merchant_name))
    response.delete_cookie(COOKIE, path=f"/m/{token}")
    return response


@blueprint.errorhandler(DeadCard)
def _dead(error: WalletError) -> ResponseReturnValue:
    try:
        throttle(CARD_MISS, address())
    except TooMany as too_many:
        return answer(too_many)
    return (
        answer(error)
        if wants_json()
        else (
            render_template("card/dead.html", error=error),
            error.status,
        )
    )


@blueprint.errorhandler(MerchantSuspended)
def _paused(error: WalletError) -> ResponseReturnValue:
    return (
        answer(error)
        if wants_json()
        else (
            render_template("card/paused.html", error=error),
            error.status,
        )
    )


@blueprint.errorhandler(NotProven)
def _unproven(error: WalletError) -> ResponseReturnValue:
    """The time is over: back to the way to a code."""
    token = (request.view_args or {}).get("token", "")
    return answer(error) if wants_json() else redirect(url_for(".show", token=token), 303)


def sent_profile(before: Profile) -> ProfileChange:
    """What the sent form wants kept."""
    return ProfileChange(
        name=text("name"),
        email=text("email"),
        phone=text("phone"),
        address=text("address"),
        birthday=sent_birthday(),
        brand=text("brand"),
        answers={one.key: text(ANSWER_FIELD + one.key) for one in before.questions},
        language=text("language"),
        offers=flag("offers"),
    )


def profile_values(found: Profile) -> dict[str, object]:
    """What is kept, as the form shows it."""
    return {
        "name": found.name,
        "email": found.email,
        "phone": found.phone,
        "address": found.address,
        "brand": found.brand,
        "language": found.language,
        "offers": found.offers,
        **birthday_values(found.birthday),
        **{ANSWER_FIELD + key: text for key, text in found.answers.items()},
    }


def language_choices(present: str) -> list[tuple[str, str]]:
    """Languages there are words for, each by its own name, and the present one."""
    codes = list(dict.fromkeys([*languages(), present]))
    return [(code, str(Locale.parse(code, sep="-").get_display_name(code))) for code in codes]


def _proof() -> str:
    return request.cookies.get(COOKIE, "")


def _proven(token: str) -> CardId:
    card = find_card(services().loyalty, token)
    demand_proof(services().loyalty, card, _proof())
    return card


def _values(card: CardId) -> dict[str, object]:
    return profile_values(read_profile(services().loyalty, card.merchant_id, card.member_id))


def _code_page(card: CardId, token: str, form: Form) -> str:
    ctx = services().loyalty
    opened = open_card(ctx, token)
    choose(opened.language, time_zone=opened.time_zone)
    return render_template(
        "card/prove.html",
        card=opened,
        form=form,
        goes_to=masked_address(ctx, card),
        sent="sent" in request.args or "code" in form.errors,
    )


def _page(card: CardId, token: str, form: Form) -> str:
    ctx = services().loyalty
    opened = open_card(ctx, token)
    choose(opened.language, time_zone=opened.time_zone)
    found = read_profile(ctx, card.merchant_id, card.member_id)
    return render_template(
        "card/profile.html",
        card=opened,
        form=form,
        found=found,
        months=months(),
        answer_field=ANSWER_FIELD,
        languages=language_choices(found.language),
        saved="saved" in request.args,
    )
