"""The console's blueprint, who may pass, and the frame every page stands in.

Rules: every view but those of `entry` runs signed in; a stranger is led to the sign-in page and
back afterwards; a state that does not allow something is told on the page the person came from.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from common.errors import Conflict, NotSignedIn
from loyalty.certificate_alarms import certificate_alarms
from loyalty.console_session import SecondFactorWanted
from web.errors import answer, wants_json
from web.services import services
from web.sessions import forget_token, sent_token, signed_in

blueprint = Blueprint("console", __name__, url_prefix="/console")

OPEN_TO_STRANGERS: Final = frozenset(
    {
        "console.sign_in_page",
        "console.sign_in_by_password",
        "console.link_page",
        "console.sign_in_by_link",
        "console.leave",
        "console.mail_link_page",
        "console.mail_link",
        "console.code_page",
        "console.show_the_code",
    }
)


@blueprint.before_request
def require_sign_in() -> None:
    """Nobody passes without a session, whatever a view forgets."""
    if request.endpoint not in OPEN_TO_STRANGERS:
        signed_in()


@blueprint.errorhandler(NotSignedIn)
def lead_to_sign_in(error: NotSignedIn) -> ResponseReturnValue:
    """A person goes to the sign-in page; a machine gets the problem."""
    if wants_json():
        return answer(error)
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    if isinstance(error, SecondFactorWanted):
        return redirect(url_for("console.code_page", next=wanted), code=303)
    response = redirect(url_for("console.sign_in_page", next=wanted), code=303)
    return forget_token(response) if sent_token() else response  # type: ignore[arg-type]


@blueprint.errorhandler(Conflict)
def tell_on_the_page(error: Conflict) -> ResponseReturnValue:
    """What the present state does not allow, told where the person was."""
    if wants_json():
        return answer(error)
    flash(error.message, "bad")
    return redirect(_came_from(), code=303)


def page(template: str, **values: object) -> str:
    """A page inside the console's frame."""
    settings = services().settings
    who = signed_in()
    return render_template(
        f"console/{template}",
        me=who,
        currency=who.merchant.currency,
        sandbox_page_url=settings.sandbox_page_url if who.merchant.sandbox else None,
        certificate_alarms=certificate_alarms(services().loyalty, who.merchant_id),
        sends_mail=services().loyalty.settings.sends_mail,
        **values,
    )


def done(text: str, endpoint: str, **values: object) -> ResponseReturnValue:
    """Go on to a page after a change, and say what happened."""
    flash(text, "good")
    return redirect(url_for(f"console.{endpoint}", **values), code=303)  # type: ignore[arg-type]


def inside(address: str | None) -> str | None:
    """An address of the console itself, else None: nobody is led elsewhere after signing in."""
    parts = urlsplit(address or "")
    if parts.scheme or parts.netloc or not parts.path.startswith("/console"):
        return None
    if "\\" in parts.path or "//" in parts.path:
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _came_from() -> str:
    parts = urlsplit(request.referrer or "")
    back = inside(parts.path) if parts.netloc == request.host else None
    return back or url_for("console.home")
