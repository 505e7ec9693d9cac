"""Pictures of cards for Google Wallet and our own pages, and robots.txt.

A picture is named by the hash of its bytes, so it may be kept for ever and needs no login. Not yet
here: Google's signed callbacks.
"""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from loyalty.open_image import open_image
from web.services import services

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


@blueprint.get("/robots.txt")
def robots() -> ResponseReturnValue:
    """What search engines may read: nothing but the pictures."""
    response = Response(_ROBOTS, mimetype="text/plain")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response
