"""Pairing, PIN, lock, and the page with the scanner.

Rules: no list of people before the PIN; errors are sentences, in the page or as problem+json.
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, NotFound, TooMany, WalletError
from loyalty.staff_session import NotPaired, TillLocked, enter_pin, lock
from loyalty.tills import pair_till
from web.errors import answer, wants_json
from web.forms import Form, secret, shown, text
from web.security import address, allow_camera
from web.services import services
from web.till.session import keep_token, open_till, present_till, sent_token

blueprint = Blueprint("till", __name__)


@blueprint.get("/till")
def home() -> ResponseReturnValue:
    """The scanner; before it the PIN; before that the pairing code."""
    try:
        till = present_till()
    except NotPaired:
        return _pairing(shown())
    if till.locked:
        return render_template("till/pin.html", till=till, form=shown())
    open_till()
    allow_camera()
    return render_template("till/scan.html", till=till, form=shown())


@blueprint.post("/till/pair")
def pair() -> ResponseReturnValue:
    """Make this browser the till of a code from the console."""
    try:
        token = pair_till(services().loyalty, text("code"), address=address())
    except (NotFound, TooMany) as error:
        if wants_json():
            raise
        return _pairing(_complaint("code", error)), error.status
    response = _to_till()
    keep_token(response, token)
    return response


@blueprint.post("/till/pin")
def pin() -> ResponseReturnValue:
    """Open the till for whoever's PIN this is."""
    till = present_till()
    try:
        enter_pin(services().loyalty, sent_token(), secret("pin"))
    except (InvalidInput, TooMany) as error:
        if wants_json():
            raise
        page = render_template("till/pin.html", till=till, form=_complaint("pin", error))
        response = make_response(page, error.status)
        if isinstance(error, TooMany):
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    return _to_till()


@blueprint.post("/till/lock")
def lock_now() -> ResponseReturnValue:
    """Leave the till; the device stays paired."""
    lock(services().loyalty, sent_token())
    return _to_till()


@blueprint.errorhandler(NotPaired)
@blueprint.errorhandler(TillLocked)
def _at_the_door(error: WalletError) -> ResponseReturnValue:
    if wants_json():
        return answer(error)
    try:
        till = present_till()
    except NotPaired:
        return _pairing(shown()), error.status
    return render_template("till/pin.html", till=till, form=shown()), error.status


@blueprint.errorhandler(WalletError)
def _refused(error: WalletError) -> ResponseReturnValue:
    """Every other refusal: big, readable, and with the way back."""
    if wants_json():
        return answer(error)
    response = make_response(render_template("till/refused.html", error=error), error.status)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _pairing(form: Form) -> str:
    return render_template("till/pair.html", form=form)


def _complaint(field: str, error: WalletError) -> Form:
    # What was typed is a secret and is never shown again.
    return Form(errors={field: error.message})


def _to_till() -> Response:
    return make_response(redirect(url_for("till.home"), 303))
