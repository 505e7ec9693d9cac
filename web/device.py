"""The number a browser keeps of itself, so that nobody brings themselves as a friend.

It is set only where somebody shares a link for friends or joins by one; it names nobody, and is
kept by hash (loyalty.referrals).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flask import Response, after_this_request, request

from loyalty.tokens import new_token
from web.services import services

NAME: Final = "regulars-device"
LENGTH_MAX: Final = 64
# Browsers keep a cookie for 400 days at most.
MAX_AGE: Final = timedelta(days=365)


def this_device() -> str:
    """The browser's number; one that had none is given one with the answer."""
    name = f"__Host-{NAME}" if services().settings.https else NAME
    known = request.cookies.get(name, "")
    if known and len(known) <= LENGTH_MAX:
        return known
    fresh = new_token()

    @after_this_request
    def keep(response: Response) -> Response:
        response.set_cookie(
            name,
            fresh,
            max_age=MAX_AGE,
            path="/",
            secure=services().settings.https,
            httponly=True,
            samesite="Lax",
        )
        return response

    return fresh
