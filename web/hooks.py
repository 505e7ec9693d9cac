"""The door of bells, `/hooks/<provider>/<endpoint>`: what providers tell of payments.

A message is believed by its signature alone, and is no more than a bell: what happened is read
back from the provider. Not done here: any of that (loyalty.payments).

Rules: an unknown endpoint and a message without a good signature get the same answer; everything
that was understood is 200, so that nobody tells it for ever.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from common.errors import NotFound
from loyalty.payments import MESSAGE_BYTES_MAX, NotFromStripe, take_message
from web.security import address, limit_body
from web.services import services
from web.throttle import HOOK, throttle

ENDPOINT_LENGTH_MAX: Final = 64

blueprint = Blueprint("hooks", __name__)


@blueprint.post("/hooks/stripe/<account>")
@limit_body(MESSAGE_BYTES_MAX)
def stripe(account: str) -> ResponseReturnValue:
    """What Stripe tells."""
    throttle(HOOK, address())
    body = request.get_data(cache=False)
    signature = request.headers.get("Stripe-Signature", "")
    try:
        take_message(services().loyalty, account[:ENDPOINT_LENGTH_MAX], body, signature)
    except (NotFound, NotFromStripe):
        return Response("not from Stripe\n", 403, mimetype="text/plain")
    return Response("ok\n", 200, mimetype="text/plain")
