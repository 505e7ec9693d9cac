"""Tokens for Apple's push service in place of a client certificate: a team's .p8 key, ES256.

Not documented for Wallet, and in use by others; certificates stay the default. A key works for all
pass types of its own team and for no other's. Not done here: when a new token is due (the caller
keeps one for 20 to 60 minutes, as Apple asks).

Source: https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
"""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from common.errors import InvalidInput
from common.i18n import gettext as _

PUSH_KEY_BYTES_MAX: Final = 8 * 1024
_NUMBER_BYTES: Final = 32
_TEN: Final = re.compile(r"[A-Z0-9]{10}", re.ASCII)


def read_push_key(data: bytes, *, key_identifier: str, team_identifier: str) -> bytes:
    """The key of a .p8 file as PEM, checked.

    Raises:
        InvalidInput: the file is no such key, or an identifier cannot be one.
    """
    if _TEN.fullmatch(key_identifier) is None:
        raise InvalidInput(
            _("A key id has ten letters and digits; Apple shows it beside the key."), field="key_id"
        )
    if _TEN.fullmatch(team_identifier) is None:
        raise InvalidInput(_("A team id has ten letters and digits."), field="team")
    return _load(data).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def provider_token(
    key_pem: bytes, *, key_identifier: str, team_identifier: str, now: datetime
) -> str:
    """A signed token (JWT) that starts to count at `now`.

    Raises:
        InvalidInput: the stored key is damaged.
    """
    head = {"alg": "ES256", "kid": key_identifier}
    claims = {"iss": team_identifier, "iat": int(now.timestamp())}
    signed = f"{_part(json.dumps(head).encode())}.{_part(json.dumps(claims).encode())}"
    r, s = decode_dss_signature(_load(key_pem).sign(signed.encode(), ECDSA(SHA256())))
    numbers = r.to_bytes(_NUMBER_BYTES, "big") + s.to_bytes(_NUMBER_BYTES, "big")
    return f"{signed}.{_part(numbers)}"


def _load(data: bytes) -> EllipticCurvePrivateKey:
    wrong = InvalidInput(
        _("This is not a .p8 key for pushes. Download it from Keys in Apple's developer portal."),
        field="file",
    )
    try:
        key = load_pem_private_key(data[:PUSH_KEY_BYTES_MAX], None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise wrong from error
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise wrong
    return key


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
