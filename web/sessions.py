"""The console's cookie, and who is signed in for this request.

The cookie holds a random token and nothing else; the session stands in the database
(loyalty.console_session), so it can be listed and ended.
"""

from __future__ import annotations

from typing import Final

from flask import Response, g, request, session

from common.errors import NotSignedIn
from loyalty.console_session import SESSION_LIFE, ConsoleSession, read_session
from web.services import services

NAME: Final = "regulars"
TOKEN_MAX: Final = 128


def cookie() -> str:
    """The cookie's name: `__Host-` in front wherever the address is https."""
    return f"__Host-{NAME}" if services().settings.https else NAME


def sent_token() -> str:
    """The token as the browser sent it, empty for none."""
    token = request.cookies.get(cookie(), "")
    return token if len(token) <= TOKEN_MAX else ""


def signed_in() -> ConsoleSession:
    """Who asks.

    Raises:
        NotSignedIn: nobody.
    """
    if "console_session" not in g:
        token = sent_token()
        if not token:
            raise NotSignedIn
        g.console_session = read_session(services().loyalty, token)
        g.time_zone = g.console_session.merchant.time_zone
    found: ConsoleSession = g.console_session
    return found


def keep_token(response: Response, token: str) -> Response:
    """Sign this browser in; the token of forms is drawn anew, so that a planted one is worthless."""
    session.pop("csrf_token", None)
    response.set_cookie(
        cookie(),
        token,
        max_age=SESSION_LIFE,
        path="/",
        secure=services().settings.https,
        httponly=True,
        samesite="Lax",
    )
    return response


def forget_token(response: Response) -> Response:
    """Sign this browser out."""
    session.pop("csrf_token", None)
    response.delete_cookie(
        cookie(), path="/", secure=services().settings.https, httponly=True, samesite="Lax"
    )
    return response


def browser() -> str:
    """What to call the browser in a list of sessions: `Firefox, Linux`."""
    agent = request.headers.get("User-Agent", "")
    kinds = ("Edg", "OPR", "Firefox", "Chrome", "Safari")
    names = {"Edg": "Edge", "OPR": "Opera"}
    kind = next((names.get(one, one) for one in kinds if one in agent), "")
    systems = ("iPhone", "iPad", "Android", "Windows", "Mac OS", "Linux")
    system = next((one for one in systems if one in agent), "")
    return ", ".join(part for part in (kind, system) if part)
