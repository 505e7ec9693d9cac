"""Judge the signature of a message from Stripe.

The header `Stripe-Signature` holds `t=<seconds>` and one or more `v1=<hex>`: HMAC-SHA256 of
`<t>.<body>` under the endpoint's secret. Any one that fits is enough (a secret is being rolled).
Rules: compared in constant time; older or newer than five minutes is refused, so that a message
that was caught on its way cannot be sent again later. Source: docs.stripe.com/webhooks
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta
from typing import Final

TOLERANCE: Final = timedelta(minutes=5)
HEADER_LENGTH_MAX: Final = 2000
_SECONDS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)


def is_from_stripe(secret: str, header: str, body: bytes, *, now: datetime) -> bool:
    """Whether the message was signed with the endpoint's secret, just now."""
    if not secret or len(header) > HEADER_LENGTH_MAX:
        return False
    parts = [part.strip().partition("=") for part in header.split(",")]
    moments = [value for name, _equals, value in parts if name == "t"]
    if len(moments) != 1 or not _SECONDS.fullmatch(moments[0]):
        return False
    if abs(now.timestamp() - int(moments[0])) > TOLERANCE.total_seconds():
        return False
    wanted = hmac.digest(secret.encode(), moments[0].encode() + b"." + body, hashlib.sha256).hex()
    given = [value for name, _equals, value in parts if name == "v1"]
    return any(hmac.compare_digest(wanted.encode(), one.encode()) for one in given)
