"""The till's cookie, and who is at the till in this request.

Not done here: judging PINs and sessions (loyalty.staff_session).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flask import Response, g, request

from common.i18n import gettext as _
from loyalty.staff_session import NotPaired, TillLocked, TillSession, stay_awake, till_session
from web.languages import choose
from web.services import services

NAME: Final = "regulars-till"
TOKEN_MAX: Final = 128
# Browsers keep a cookie for 400 days at most.
MAX_AGE: Final = timedelta(days=365)


def cookie() -> str:
    """The cookie's name: `__Host-` in front wherever the address is https."""
    return f"__Host-{NAME}" if services().settings.https else NAME


def sent_token() -> str:
    """The device's token as the browser sent it, empty for none."""
    token = request.cookies.get(cookie(), "")
    return token if len(token) <= TOKEN_MAX else ""


def keep_token(response: Response, token: str) -> None:
    """Make the browser the till of `token`."""
    response.set_cookie(
        cookie(),
        token,
        max_age=MAX_AGE,
        path="/",
        secure=services().settings.https,
        httponly=True,
        # Not Strict: who follows a link to the till would then stand before an unpaired device.
        samesite="Lax",
    )


def present_till() -> TillSession:
    """The paired device, locked or not.

    Raises:
        NotPaired: this browser is no till.
    """
    if "till" not in g:
        token = sent_token()
        if not token:
            raise NotPaired(_("This device is not a till yet. Pair it with a code."))
        g.till = till_session(services().loyalty, token)
        choose(g.till.language, time_zone=g.till.time_zone)
    found: TillSession = g.till
    return found


def open_till() -> TillSession:
    """The till with somebody at it; using it keeps it open.

    Raises:
        NotPaired: this browser is no till.
        TillLocked: a PIN must be typed first.
    """
    till = present_till()
    if till.locked:
        raise TillLocked(_("The till is locked. Type your PIN."))
    stay_awake(services().loyalty, sent_token(), till)
    return till
