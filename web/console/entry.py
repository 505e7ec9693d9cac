"""Signing in by a one-time link or with a password, and signing out."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, NotSignedIn, TooMany
from loyalty.console_session import sign_out
from loyalty.second_factor import show_code
from loyalty.sign_in import (
    LinkSpent,
    check_owner_link,
    mail_sign_in_link,
    sign_in,
    spend_owner_link,
)
from web.console.door import blueprint, inside
from web.errors import answer, wants_json
from web.forms import Form, refused, secret, shown, text
from web.security import address
from web.services import services
from web.sessions import browser, forget_token, keep_token, sent_token, signed_in


@blueprint.get("/sign-in")
def sign_in_page() -> ResponseReturnValue:
    """The form, or the console for who is signed in already."""
    try:
        signed_in()
    except NotSignedIn:
        return _form(shown({"next": inside(request.args.get("next")) or ""}))
    return redirect(url_for("console.home"), code=303)


@blueprint.post("/sign-in")
def sign_in_by_password() -> ResponseReturnValue:
    """Start a session; the token is new, whatever the browser sent."""
    ctx = services().loyalty
    try:
        token = sign_in(
            ctx, text("email"), secret("password"), address=address(), browser=browser()
        )
    except InvalidInput as error:
        return answer(error) if wants_json() else (_form(refused(error)), error.status)
    except TooMany as error:
        if wants_json():
            return answer(error)
        form = Form(values={"email": text("email")}, errors={"email": error.message})
        return _form(form), error.status, {"Retry-After": str(error.retry_after_s)}
    return _welcome(token, inside(text("next")) or url_for("console.home"))


@blueprint.get("/mail-link")
def mail_link_page() -> ResponseReturnValue:
    """Ask for a link by mail."""
    return _mail_link(shown())


@blueprint.post("/mail-link")
def mail_link() -> ResponseReturnValue:
    """The same answer whether somebody has this address or not."""
    ctx = services().loyalty
    try:
        if ctx.settings.sends_mail:
            mail_sign_in_link(ctx, text("email"), address=address())
    except TooMany as error:
        if wants_json():
            return answer(error)
        form = Form(values={"email": text("email")}, errors={"email": error.message})
        return _mail_link(form), error.status, {"Retry-After": str(error.retry_after_s)}
    return redirect(url_for("console.mail_link_page", sent="1"), code=303)


@blueprint.get("/code")
def code_page() -> ResponseReturnValue:
    """The second step of a sign-in."""
    return _code(shown({"next": inside(request.args.get("next")) or ""}))


@blueprint.post("/code")
def show_the_code() -> ResponseReturnValue:
    """Finish the sign-in with the code of the second factor."""
    try:
        token = show_code(services().loyalty, sent_token(), secret("code"), browser=browser())
    except NotSignedIn:
        # No sign-in waits here: who is signed in already goes on, others begin again.
        return redirect(url_for("console.sign_in_page"), code=303)
    except InvalidInput as error:
        return answer(error) if wants_json() else (_code(refused(error)), error.status)
    except TooMany as error:
        form = Form(errors={"code": error.message})
        return _code(form), error.status, {"Retry-After": str(error.retry_after_s)}
    response = redirect(inside(text("next")) or url_for("console.home"), code=303)
    return keep_token(response, token)  # type: ignore[arg-type]


@blueprint.get("/link/<token>")
def link_page(token: str) -> ResponseReturnValue:
    """A button: programs that look at links before people do must not spend them."""
    try:
        check_owner_link(services().loyalty, token)
    except LinkSpent as error:
        return _spent(error)
    return render_template("console/link.html", token=token)


@blueprint.post("/link/<token>")
def sign_in_by_link(token: str) -> ResponseReturnValue:
    """Spend the link and go on to choosing a password."""
    try:
        session_token = spend_owner_link(
            services().loyalty, token, browser=browser(), address=address()
        )
    except LinkSpent as error:
        return _spent(error)
    return _welcome(session_token, url_for("console.password_page"))


@blueprint.post("/sign-out")
def leave() -> ResponseReturnValue:
    """End this session; twice is no error."""
    sign_out(services().loyalty, sent_token())
    response = redirect(url_for("console.sign_in_page"), code=303)
    return forget_token(response)  # type: ignore[arg-type]


def _welcome(token: str, where: str) -> Response:
    # A session the browser still had ends: one browser, one session.
    sign_out(services().loyalty, sent_token())
    return keep_token(redirect(where, code=303), token)  # type: ignore[arg-type]


def _mail_link(form: Form) -> str:
    ctx = services().loyalty
    return render_template(
        "console/mail_link.html",
        form=form,
        sends_mail=ctx.settings.sends_mail,
        sent="sent" in request.args and not form.errors,
    )


def _spent(error: LinkSpent) -> ResponseReturnValue:
    if wants_json():
        return answer(error)
    return render_template("console/link_spent.html", error=error), error.status


def _code(form: Form) -> str:
    return render_template("console/code.html", form=form)


def _form(form: Form) -> str:
    sends_mail = services().loyalty.settings.sends_mail
    return render_template("console/sign_in.html", form=form, sends_mail=sends_mail)
