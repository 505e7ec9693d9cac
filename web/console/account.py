"""Settings of the person who is signed in: password, sessions, and which merchant."""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.console_session import end_session, list_sessions, switch_merchant
from loyalty.overview import console_people
from loyalty.second_factor import Proposal, propose, proposed_again, turn_off, turn_on
from loyalty.sign_in import set_password
from passes.barcodes import qr_svg
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, refused, secret, shown, text
from web.services import services
from web.sessions import browser, keep_token, signed_in


@blueprint.get("/settings")
def settings() -> ResponseReturnValue:
    """Password, sessions and the people of the console."""
    return _settings(shown())


@blueprint.get("/password")
def password_page() -> ResponseReturnValue:
    """The first page after a one-time link."""
    return page("password.html", form=shown())


@blueprint.post("/password")
def change_password() -> ResponseReturnValue:
    """Store the password, end every other session and give this one a new token."""
    who = signed_in()
    try:
        token = set_password(
            services().loyalty,
            who,
            secret("new_password"),
            current=secret("current_password"),
            browser=browser(),
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        form = Form(errors=refused(error).errors)
        return page("password.html", form=form), error.status
    response = done(_("Your password is set. Other devices were signed out."), "home")
    return keep_token(response, token)  # type: ignore[arg-type]


@blueprint.get("/second-factor")
def second_factor_page() -> ResponseReturnValue:
    """A secret to scan, or the way to turn the second factor off."""
    who = signed_in()
    proposal = None if who.has_second_factor else propose(services().loyalty, who)
    return _second_factor(shown(), proposal)


@blueprint.post("/second-factor")
def turn_second_factor_on() -> ResponseReturnValue:
    """Store the secret once a code proves that the app has it."""
    who = signed_in()
    ctx = services().loyalty
    try:
        turn_on(ctx, who, secret("proposal"), secret("code"))
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        proposal = proposed_again(ctx, who, secret("proposal"))
        return _second_factor(Form(errors=refused(error).errors), proposal), error.status
    return done(_("From the next sign-in on you are asked for a code."), "settings")


@blueprint.post("/second-factor/off")
def turn_second_factor_off() -> ResponseReturnValue:
    """Ask for codes no more."""
    who = signed_in()
    try:
        turn_off(services().loyalty, who, secret("code"))
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _second_factor(Form(errors=refused(error).errors), None), error.status
    return done(_("You are not asked for a code any more."), "settings")


@blueprint.post("/sessions/end")
def end_one_session() -> ResponseReturnValue:
    """Sign another browser out."""
    end_session(services().loyalty, signed_in(), text("handle"))
    return done(_("That device is signed out."), "settings")


@blueprint.post("/merchant")
def choose_merchant() -> ResponseReturnValue:
    """Work for another of the person's merchants."""
    chosen = text("merchant_id")
    number = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 20 else 0  # noqa: PLR2004
    switch_merchant(services().loyalty, signed_in(), number)
    return redirect(url_for("console.home"), code=303)


def _second_factor(form: Form, proposal: Proposal | None) -> str:
    drawn = Markup(qr_svg(proposal.address)) if proposal else None  # noqa: S704  # modules only
    return page("second_factor.html", form=form, proposal=proposal, code=drawn)


def _settings(form: Form) -> str:
    who = signed_in()
    ctx = services().loyalty
    return page(
        "settings.html",
        form=form,
        sessions=list_sessions(ctx, who),
        people=console_people(ctx, who.merchant_id),
        path=request.path,
    )
