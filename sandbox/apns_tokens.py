"""Bearer tokens at the push server: a team's key in place of a client certificate.

A token is a JWT (ES256) whose head names the key and whose `iss` names the team. As Apple's server,
this one refuses a token older than an hour, one of an unknown key, team or environment, a topic that
is not the team's, and a key whose tokens change more often than every twenty minutes.
Keys: `apns-keys.json` in the sandbox's folder,
`[{"key_id", "team_id", "public_key_pem", "topics": [...], "environment"?}]`.
Source: Apple, "Establishing a token-based connection to APNs" and "Handling notification responses".
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sandbox.home import Home, PushKey

TOKEN_BYTES_MAX = 4096
LIFE_S = 3600
CHANGE_EVERY_S = 20 * 60
AHEAD_S = 60
NUMBER_BYTES = 32


class TokenRefused(Exception):
    """A token that Apple refuses, with its status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class TokenDesk:
    """Judges bearer tokens by the real clock; remembers the newest one of each key."""

    def __init__(self, home: Home, *, now_s: Callable[[], float] = time.time) -> None:
        self._home, self._now_s = home, now_s
        self._lock = threading.Lock()
        self._newest: dict[str, tuple[float, float]] = {}  # by key: issued at, first seen

    def topic_of(self, headers: dict[str, str]) -> str:
        """The topic a request may push to.

        Raises:
            TokenRefused: there is no usable token, or the topic is not the team's.
        """
        scheme, _space, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenRefused(403, "MissingProviderToken")
        key, issued_at = self._verified(token)
        now = self._now_s()
        if issued_at > now + AHEAD_S:
            raise TokenRefused(403, "InvalidProviderToken")
        if now - issued_at > LIFE_S:
            raise TokenRefused(403, "ExpiredProviderToken")
        if key.environment != "production":
            raise TokenRefused(403, "BadEnvironmentKeyInToken")
        self._refuse_haste(key, issued_at, now)
        topic = headers.get("apns-topic", "")
        if not topic:
            raise TokenRefused(400, "MissingTopic")
        if topic not in key.topics:
            raise TokenRefused(400, "TopicDisallowed")
        return topic

    def _verified(self, token: str) -> tuple[PushKey, float]:
        """The key that really signed the token, and when it says so."""
        invalid = TokenRefused(403, "InvalidProviderToken")
        head, claims, signature = _parts(token)
        keys = {key.key_id: key for key in self._home.push_keys()}
        key = keys.get(str(head.get("kid")))
        issued_at = claims.get("iat")
        if head.get("alg") != "ES256" or key is None or claims.get("iss") != key.team_id:
            raise invalid
        if isinstance(issued_at, bool) or not isinstance(issued_at, int):
            raise invalid
        public = load_pem_public_key(key.public_key_pem.encode())
        if not isinstance(public, ec.EllipticCurvePublicKey) or len(signature) != 2 * NUMBER_BYTES:
            raise invalid
        r, s = signature[:NUMBER_BYTES], signature[NUMBER_BYTES:]
        numbers = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        try:
            public.verify(numbers, token.rpartition(".")[0].encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as error:
            raise invalid from error
        return key, float(issued_at)

    def _refuse_haste(self, key: PushKey, issued_at: float, now: float) -> None:
        """Several processes may sign the same moment anew; a newer moment must not come too soon."""
        with self._lock:
            newest, seen_at = self._newest.get(key.key_id, (0.0, 0.0))
            if issued_at <= newest:
                return
            if newest and now - seen_at < CHANGE_EVERY_S:
                raise TokenRefused(429, "TooManyProviderTokenUpdates")
            self._newest[key.key_id] = (issued_at, now)


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    invalid = TokenRefused(403, "InvalidProviderToken")
    pieces = token.split(".")
    if len(pieces) != 3 or len(token) > TOKEN_BYTES_MAX:
        raise invalid
    try:
        head, claims, signature = (
            base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)) for piece in pieces
        )
        told = json.loads(head), json.loads(claims)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise invalid from error
    if not all(isinstance(each, dict) for each in told):
        raise invalid
    return told[0], told[1], signature
