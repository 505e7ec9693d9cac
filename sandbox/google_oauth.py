"""Google's token endpoint: a signed assertion in, a bearer token for an hour out.

Tokens live in memory, so a restart makes senders fetch new ones, as an expiry would.
Source: RFC 7523; Google, "Using OAuth 2.0 for Server to Server Applications".
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from sandbox.apple_trust import public_key
from sandbox.google_rules import ApiRefused
from sandbox.home import Home
from sandbox.loopback import is_loopback_host

SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"
GOOGLE_ENDPOINT = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_LENGTH_MAX = 64_000
TOKEN_LIFE_S = 3600
CLOCK_SKEW_S = 300
TOKENS_MAX = 10_000


class BadJwt(ValueError):
    """A token that is malformed, unsigned, or signed by nobody the sandbox knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who is calling: a service account and the issuers it may write to."""

    client_email: str
    issuers: frozenset[str]
    scopes: frozenset[str] = frozenset()
    ends_at: float = 0.0


class Accounts:
    def __init__(self, home: Home) -> None:
        self._home = home
        self._bearers: dict[str, Account] = {}
        self._lock = threading.Lock()
        self.token_life_s = TOKEN_LIFE_S

    def known_issuers(self) -> set[str]:
        return {each.issuer_id for each in self._home.service_accounts()}

    def emails_of(self, issuer_id: str) -> list[str]:
        rows = self._home.service_accounts()
        return [each.client_email for each in rows if each.issuer_id == issuer_id]

    def verify_jwt(self, token: str) -> tuple[dict[str, Any], Account]:
        """Check an RS256 token of a known service account (`iss`); returns claims and account."""
        header, claims, signed, signature = _parts(token)
        if header.get("alg") != "RS256":
            raise BadJwt(f"alg must be RS256, not {str(header.get('alg'))[:20]!r}")
        email = claims.get("iss")
        rows = [row for row in self._home.service_accounts() if row.client_email == email]
        if not rows:
            raise BadJwt(f"iss {str(email)[:100]!r} is no service account known to the sandbox")
        if not any(_fits(row.public_key_pem, signed, signature) for row in rows):
            raise BadJwt("the signature does not fit the service account's key")
        issuers = frozenset(row.issuer_id for row in rows)
        return claims, Account(client_email=rows[0].client_email, issuers=issuers)

    def grant(self, form: dict[str, str], *, own_uri: str) -> dict[str, Any]:
        """Exchange an assertion for a bearer token, or raise BadJwt with the reason."""
        if form.get("grant_type") != GRANT:
            raise BadJwt(f"grant_type must be {GRANT}")
        claims, account = self.verify_jwt(form.get("assertion", ""))
        _check_times(claims)
        if not _same_endpoint(claims.get("aud"), own_uri):
            raise BadJwt(f"aud must be {own_uri}, not {str(claims.get('aud'))[:200]!r}")
        scopes = frozenset(str(claims.get("scope", "")).split())
        bearer = "sandbox-" + secrets.token_urlsafe(32)
        ends_at = time.time() + self.token_life_s
        with self._lock:
            if len(self._bearers) >= TOKENS_MAX:
                self._bearers.clear()
            self._bearers[bearer] = Account(
                client_email=account.client_email,
                issuers=account.issuers,
                scopes=scopes,
                ends_at=ends_at,
            )
        return {"access_token": bearer, "expires_in": self.token_life_s, "token_type": "Bearer"}

    def caller(self, authorization: str) -> Account:
        """The account behind an Authorization header, or 401/403 in Google's words."""
        scheme, _space, bearer = authorization.partition(" ")
        with self._lock:
            account = self._bearers.get(bearer) if scheme.lower() == "bearer" else None
        if account is None or account.ends_at < time.time():
            words = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            raise ApiRefused(401, words, "authError", domain="global")
        if SCOPE not in account.scopes:
            reason = "insufficientPermissions"
            raise ApiRefused(403, "Insufficient Permission", reason, domain="global")
        return account

    def revoke_all(self) -> None:
        with self._lock:
            self._bearers.clear()


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    pieces = token.split(".")
    if len(pieces) != 3 or len(token) > JWT_LENGTH_MAX:
        raise BadJwt("not three parts, or too long")
    try:
        header, claims = (json.loads(_decoded(piece)) for piece in pieces[:2])
        signature = _decoded(pieces[2])
    except (ValueError, RecursionError) as error:
        raise BadJwt("not base64url JSON") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise BadJwt("header and claims must be objects")
    return header, claims, f"{pieces[0]}.{pieces[1]}".encode(), signature


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error


def _fits(pem: str, signed: bytes, signature: bytes) -> bool:
    try:
        public_key(pem).verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _check_times(claims: dict[str, Any]) -> None:
    now = time.time()
    issued, ends = _seconds(claims, "iat"), _seconds(claims, "exp")
    if issued > now + CLOCK_SKEW_S:
        raise BadJwt("iat lies in the future: check the clock")
    if ends < now - CLOCK_SKEW_S or ends > issued + TOKEN_LIFE_S + CLOCK_SKEW_S:
        raise BadJwt("exp is past, or more than an hour after iat")


def _seconds(claims: dict[str, Any], name: str) -> int:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadJwt(f"{name} must be whole seconds")
    return value


def _same_endpoint(given: Any, own: str) -> bool:
    # Google's own library always names Google's address, whatever the key file's token_uri says.
    if given == GOOGLE_ENDPOINT:
        return True
    # localhost and 127.0.0.1 are two names of one door.
    if not isinstance(given, str):
        return False
    try:
        a, b = urlsplit(given), urlsplit(own)
        same = (a.scheme, a.port, a.path) == (b.scheme, b.port, b.path)
    except ValueError:
        return False
    return same and is_loopback_host(a.hostname or "")
