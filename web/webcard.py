"""The web card: what lets `/m/<token>` be installed, be read offline and follow changes while open.

Not done here: the page itself (card.py). Rules: the page asks for its version with a validator and
is answered at once, so that no request holds a thread; a dead link takes the kept page away; the
script that keeps it may act below this one card's address and nowhere else.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from common.errors import TooMany, WalletError
from loyalty.card_version import card_facts, card_version
from loyalty.open_card import DeadCard
from loyalty.posting import MerchantSuspended
from web.assets import asset
from web.errors import answer
from web.security import address
from web.services import services
from web.throttle import CARD_MISS, throttle

MANIFEST: Final = "application/manifest+json"
SCRIPT: Final = "text/javascript"

blueprint = Blueprint("webcard", __name__)


@blueprint.get("/m/<token>/card.webmanifest")
def manifest(token: str) -> ResponseReturnValue:
    """What a phone needs to put the card on its home screen."""
    facts = card_facts(services().loyalty, token)
    page = url_for("card.show", token=token)
    response = jsonify(
        name=facts.name,
        short_name=facts.name[:12],
        description=facts.shop,
        start_url=page,
        scope=page,
        id=page,
        display="standalone",
        background_color=facts.background,
        theme_color=facts.background,
        icons=[{"src": asset("mark.svg"), "sizes": "any", "type": "image/svg+xml"}],
    )
    response.mimetype = MANIFEST
    return response


@blueprint.get("/m/<token>/worker.js")
def worker(token: str) -> ResponseReturnValue:
    """The script that keeps the last state of this card on the phone."""
    page = url_for("card.show", token=token)
    response = Response(render_template("card/worker.js", page=page), mimetype=SCRIPT)
    response.headers["Service-Worker-Allowed"] = page
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/m/<token>/version")
def version(token: str) -> ResponseReturnValue:
    """304 while the card is as the page shows it."""
    present = card_version(services().loyalty, token)
    response = jsonify(version=present)
    response.set_etag(present)
    response.headers["Cache-Control"] = "private, no-cache"
    return response.make_conditional(request)


@blueprint.errorhandler(DeadCard)
@blueprint.errorhandler(MerchantSuspended)
def _refused(error: WalletError) -> ResponseReturnValue:
    try:
        throttle(CARD_MISS, address())
    except TooMany as too_many:
        return answer(too_many)
    return answer(error)
