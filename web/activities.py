"""More ways to collect: on a member's pages, behind the shop's own links, and by the till's screen.

A link of the shop (`/a/<code>`) and the code on the till's screen (`/c/<code>`) ask whose card it is,
where this browser does not know: the number of a card that exists and of one that does not get the
same answer. What was approved can stand on the shop's site, where the owner asked for it.
"""

from __future__ import annotations

from typing import Final

from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from common.actor import Actor, ActorKind
from common.errors import Conflict, InvalidInput, NotFound, TooMany, WalletError
from common.i18n import gettext as _
from loyalty.activities import BY_LINK
from loyalty.activity_claims import Entry, send_in
from loyalty.activity_pages import (
    Landing,
    check_in_of,
    offered_activities,
    open_landing,
    shown_entries,
)
from loyalty.find_member import find_by_code
from loyalty.open_card import CardId, DeadCard, find_card, open_card
from loyalty.posting import MerchantSuspended
from web.errors import answer, wants_json
from web.forms import Form, refused, shown, text, whole
from web.languages import choose
from web.security import UPLOAD_BYTES_MAX, address, limit_body
from web.services import services
from web.throttle import ACTIVITY_ADDRESS, ACTIVITY_CARD, CARD_MISS, throttle

NAME: Final = "regulars-card"
TOKEN_MAX: Final = 64

blueprint = Blueprint("activities", __name__)


@blueprint.get("/m/<token>/activities")
def show(token: str) -> ResponseReturnValue:
    """Everything this card offers beside buying."""
    return _page(token, shown())


@blueprint.post("/m/<token>/activities/<id:activity_id>")
@limit_body(UPLOAD_BYTES_MAX)
def send(token: str, activity_id: int) -> ResponseReturnValue:
    """Send something in."""
    ctx = services().loyalty
    card = find_card(ctx, token)
    throttle(ACTIVITY_CARD, card.pass_id)
    sent = request.files.get("photo")
    try:
        entry = Entry(
            text=request.form.get("text", ""),
            stars=whole("stars"),
            photo=sent.stream.read() if sent else b"",
        )
        state = send_in(ctx, card, activity_id, entry)
    except (InvalidInput, Conflict) as error:
        if wants_json():
            raise
        form = refused(error) if isinstance(error, InvalidInput) else Form()
        errors = form.errors or {"activity": error.message}
        values = {"text": request.form.get("text", ""), "of": activity_id}
        return _page(token, Form(values=values, errors=errors)), error.status
    offered = {one.id: one for one in offered_activities(ctx, card)}
    flash(
        _("Thank you. It is on your card.")
        if state == "approved"
        else _("Thank you. Somebody at the shop looks at it soon."),
        "good",
    )
    leads = offered[activity_id].form.address if activity_id in offered else ""
    return redirect(leads or url_for(".show", token=token), 303)


@blueprint.get("/a/<code>")
def landing(code: str) -> ResponseReturnValue:
    """What a link of the shop leads to; looking counts nothing."""
    found = open_landing(services().loyalty, code)
    if found.form.kind not in BY_LINK:
        raise NotFound(_("This link leads nowhere."))
    return _landing(found, url_for(".follow", code=code))


@blueprint.post("/a/<code>")
def follow(code: str) -> ResponseReturnValue:
    """Count the visit for a card, and go on."""
    found = open_landing(services().loyalty, code)
    if found.form.kind not in BY_LINK:
        raise NotFound(_("This link leads nowhere."))
    return _claimed([found])


@blueprint.get("/a/<code>/shown")
def embed(code: str) -> ResponseReturnValue:
    """What was approved, for a frame on the shop's own site."""
    found = open_landing(services().loyalty, code)
    page = render_template(
        "card/shown.html", landing=found, entries=shown_entries(services().loyalty, found)
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors {found.form.embed}"
    )
    # Browsers that know the line above leave this one out of account; it must not say DENY.
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


@blueprint.get("/c/<code>")
def check_in(code: str) -> ResponseReturnValue:
    """Where the code on the till's screen leads; looking counts nothing."""
    found = check_in_of(services().loyalty, code)
    if not found:
        raise NotFound(_("This shop counts no visits."))
    return _landing(found[0], url_for(".count_visit", code=code))


@blueprint.post("/c/<code>")
def count_visit(code: str) -> ResponseReturnValue:
    """Count the visit for a card."""
    return _claimed(check_in_of(services().loyalty, code))


@blueprint.after_app_request
def remember(response: Response) -> Response:
    """Whose card this browser showed last, so that a link of the shop need not ask."""
    if request.endpoint == "card.show" and response.status_code == 200:  # noqa: PLR2004 - HTTP
        token = (request.view_args or {}).get("token", "")
        response.set_cookie(
            _cookie(),
            token,
            max_age=180 * 24 * 3600,
            path="/",
            secure=services().settings.https,
            httponly=True,
            samesite="Lax",
        )
    return response


@blueprint.errorhandler(NotFound)
def _nowhere(error: WalletError) -> ResponseReturnValue:
    try:
        throttle(CARD_MISS, address())
    except TooMany as too_many:
        return answer(too_many)
    if wants_json():
        return answer(error)
    if isinstance(error, DeadCard):
        return render_template("card/dead.html", error=error), error.status
    return render_template("gift/closed.html", error=error), error.status


@blueprint.errorhandler(MerchantSuspended)
def _paused(error: WalletError) -> ResponseReturnValue:
    if wants_json():
        return answer(error)
    return render_template("card/paused.html", error=error), error.status


def _page(token: str, form: Form) -> str:
    ctx = services().loyalty
    opened = open_card(ctx, token)
    choose(opened.language, time_zone=opened.time_zone)
    offered = offered_activities(ctx, find_card(ctx, token))
    return render_template("card/activities.html", card=opened, offered=offered, form=form)


def _landing(found: Landing, action: str) -> str:
    known = _own_card(found) is not None
    return render_template("card/landing.html", landing=found, action=action, known=known)


def _claimed(landings: list[Landing]) -> ResponseReturnValue:
    """Count for the card of this browser, or of a typed number; the answer tells nobody which."""
    throttle(ACTIVITY_ADDRESS, address())
    if not landings:
        raise NotFound(_("This shop counts no visits."))
    for found in landings:
        card = _own_card(found) if not text("number") else _typed_card(found)
        if card is None:
            continue
        try:
            send_in(services().loyalty, card, found.activity_id, Entry())
        except (NotFound, Conflict):
            continue  # another card of the shop, or no chance is left: the answer is the same
    return render_template("card/counted.html", landing=landings[0])


def _own_card(found: Landing) -> CardId | None:
    token = request.cookies.get(_cookie(), "")
    if not token or len(token) > TOKEN_MAX:
        return None
    try:
        card = find_card(services().loyalty, token)
    except WalletError:
        return None
    return card if card.merchant_id == found.merchant_id else None


def _typed_card(found: Landing) -> CardId | None:
    try:
        member = find_by_code(services().loyalty, found.merchant_id, text("number"))
    except WalletError:
        return None
    return CardId(
        merchant_id=found.merchant_id,
        member_id=member.member_id,
        pass_id=member.pass_id,
        actor=Actor(kind=ActorKind.MEMBER, id=member.member_id),
    )


def _cookie() -> str:
    return f"__Host-{NAME}" if services().settings.https else NAME
