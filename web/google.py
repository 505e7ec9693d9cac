"""Pictures of cards for Google Wallet and our own pages, Google's callbacks, and robots.txt.

A picture is named by the hash of its bytes, so it may be kept for ever and needs no login. A
callback carries Google's own signature instead of a form's token; whatever became of a genuine
one, Google is told the same.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from loyalty.google_callback import take_google_callback
from loyalty.open_image import open_image
from web.security import limit_body
from web.services import services

CALLBACK_BYTES_MAX: Final = 16 * 1024

# Google fetches pictures as Googlebot; everything else is nobody's business but its reader's.
_ROBOTS = "User-agent: *\nAllow: /google/\nDisallow: /\n"

blueprint = Blueprint("google", __name__)


@blueprint.get("/google/images/<sha256>.png")
def image(sha256: str) -> ResponseReturnValue:
    """A rendered picture of a card."""
    response = Response(open_image(services().loyalty, sha256), mimetype="image/png")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.set_etag(sha256)
    return response.make_conditional(request)


@blueprint.post("/google/callback/<id:account_id>")
@limit_body(CALLBACK_BYTES_MAX)
def callback(account_id: int) -> ResponseReturnValue:
    """Google says that a card was saved or deleted."""
    take_google_callback(services().loyalty, account_id, request.get_data(cache=False))
    return Response(status=200, mimetype="text/plain")


@blueprint.get("/robots.txt")
def robots() -> ResponseReturnValue:
    """What search engines may read: nothing but what Google needs."""
    response = Response(_ROBOTS, mimetype="text/plain")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response
