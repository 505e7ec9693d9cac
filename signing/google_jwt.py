"""Read a Google service account's key file, sign save links with it, and lend it to google-auth.

Not done here: any network call; inserting the object a link names (`delivery`).

Rules:
- The key file decides where tokens are fetched, so its token address must be Google's or the one
  the operator allowed; plain http goes to this machine only.
- A save link is skinny: ids alone, of an object that was inserted before, so nobody's data lies
  in a browser's history and the link stays under the length Google calls safe.
- A link has no expiry: it may lie in a mail for months.

Source: https://developers.google.com/wallet/reference/rest/v1/Jwt
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.auth.crypt import RSASigner
from google.oauth2.service_account import Credentials

from common.clock import to_micros
from common.errors import (
    ConfigurationError,
    InvalidInput,
    InvalidInputs,
    SigningError,
    Unavailable,
)
from common.i18n import gettext as _

GOOGLE_TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
GOOGLE_UNIVERSE: Final = "googleapis.com"
KEY_FILE_BYTES_MAX: Final = 16 * 1024
SAVE_JWT_LENGTH_MAX: Final = 1800
KEY_ID_LENGTH_MAX: Final = 128
RSA_BITS_MIN: Final = 2048

_FIELD: Final = "service_account"
_EMAIL: Final = re.compile(r"[^@\s]{1,128}@[A-Za-z0-9.-]{1,128}", re.ASCII)
_MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """A checked service account with its key loaded."""

    client_email: str
    client_id: str
    private_key_id: str
    project_id: str
    token_uri: str
    key: RSAPrivateKey = field(repr=False, compare=False)


def parse_service_account(data: bytes, *, allowed_token_uri: str | None = None) -> ServiceAccount:
    """The account of a JSON key file from the Google Cloud console.

    Args:
        data: the file, at most KEY_FILE_BYTES_MAX.
        allowed_token_uri: a token address the operator allows beside Google's.

    Raises:
        InvalidInput: every fault at once (field `service_account`).
        ConfigurationError: the allowed address is plain http to another machine.
    """
    if allowed_token_uri is not None:
        check_token_uri(allowed_token_uri)
    document = _read(data)
    if document.get("type") != "service_account":
        raise _fault(_wrong_kind(document))
    key = _load_key(document.get("private_key"))
    complaints = [*_complaints(document, allowed=(GOOGLE_TOKEN_URI, allowed_token_uri))]
    if not isinstance(key, RSAPrivateKey):
        complaints.append(key)
    if complaints or not isinstance(key, RSAPrivateKey):
        raise InvalidInputs(complaints)
    return ServiceAccount(
        client_email=document["client_email"],
        client_id=str(document.get("client_id", "")),
        private_key_id=document["private_key_id"],
        project_id=str(document.get("project_id", "")),
        token_uri=document["token_uri"],
        key=key,
    )


def stored_service_account(
    data: bytes, *, sandbox: bool, allowed_token_uri: str | None = None
) -> ServiceAccount:
    """The account of a key file that was checked when it was installed.

    A sandbox's account asks the sandbox that runs now for its tokens, whatever address the file was
    made with, and never Google.

    Args:
        data: the file, unsealed.
        sandbox: whether the account was made for a sandbox.
        allowed_token_uri: as `parse_service_account`.

    Raises:
        InvalidInput: the file is damaged, or its token address is not allowed any more.
        Unavailable: a sandbox's account, and no sandbox to ask.
    """
    if not sandbox:
        return parse_service_account(data, allowed_token_uri=allowed_token_uri)
    if allowed_token_uri is None:
        raise Unavailable(
            _(
                "This Google account is a sandbox's, and no sandbox is running. Start it with "
                "`regulars serve --sandbox`."
            )
        )
    document = {**_read(data), "token_uri": allowed_token_uri}
    return parse_service_account(json.dumps(document).encode(), allowed_token_uri=allowed_token_uri)


def check_token_uri(address: str) -> None:
    """Refuse a token address that would send a signed assertion over the network in the clear.

    Raises:
        ConfigurationError: neither https nor http to loopback.
    """
    try:
        parts = urlsplit(address)
        safe = parts.scheme == "https" or (
            parts.scheme == "http" and _is_loopback(parts.hostname or "")
        )
    except ValueError:
        safe = False
    if not safe:
        raise ConfigurationError(
            "The allowed token address must be https, or http to this machine (127.0.0.1)."
        )


def save_jwt(
    account: ServiceAccount,
    *,
    object_ids: Sequence[str],
    class_id: str,
    origins: Sequence[str],
    now: datetime,
    payload: str = "loyaltyObjects",
) -> str:
    """The token of a save link for objects that are already inserted.

    Args:
        account: signs, and is named as the issuer.
        object_ids: whole ids, `issuer.suffix`; at least one.
        class_id: whole id of their class.
        origins: where a save button may stand, `https://host`.
        now: aware; the token's `iat`.
        payload: Google's name for the list of such objects.

    Raises:
        SigningError: no object, or the token would be longer than Google calls safe.
    """
    if not object_ids:
        raise SigningError(_("A save link needs an object."))
    claims = {
        "iss": account.client_email,
        "aud": "google",
        "typ": "savetowallet",
        "iat": to_micros(now) // _MICROS,
        "origins": list(origins),
        "payload": {payload: [{"id": one, "classId": class_id} for one in object_ids]},
    }
    token = _sign(account, claims)
    if len(token) > SAVE_JWT_LENGTH_MAX:
        raise SigningError(
            _(
                "The save link would be %(length)d characters long; Google takes %(most)d. Put "
                "fewer objects into one link.",
                length=len(token),
                most=SAVE_JWT_LENGTH_MAX,
            )
        )
    return token


def google_signer(account: ServiceAccount) -> RSASigner:
    """The account's key as google-auth takes it."""
    signer: RSASigner = RSASigner(account.key, key_id=account.private_key_id)  # type: ignore[no-untyped-call]
    return signer


def credentials(account: ServiceAccount, scopes: Sequence[str]) -> Credentials:
    """Credentials that fetch and renew their access token at the account's token address."""
    return Credentials(  # type: ignore[no-untyped-call]
        google_signer(account),
        account.client_email,
        account.token_uri,
        scopes=list(scopes),
        project_id=account.project_id or None,
    )


def _sign(account: ServiceAccount, claims: Mapping[str, object]) -> str:
    header = {"alg": "RS256", "kid": account.private_key_id, "typ": "JWT"}
    message = f"{_part(_compact(header))}.{_part(_compact(claims))}"
    signature = account.key.sign(message.encode("ascii"), PKCS1v15(), SHA256())
    return f"{message}.{_part(signature)}"


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _read(data: bytes) -> dict[str, Any]:
    if len(data) > KEY_FILE_BYTES_MAX:
        raise _fault(_("This file is too large to be a service account key."))
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _fault(_not_a_key_file()) from error
    if not isinstance(document, dict):
        raise _fault(_not_a_key_file())
    return document


def _load_key(pem: object) -> RSAPrivateKey | InvalidInput:
    try:
        key = load_pem_private_key(pem.encode() if isinstance(pem, str) else b"", None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return _fault(
            _("The private key in this file cannot be read. Download a new key and hand it in.")
        )
    if not isinstance(key, RSAPrivateKey) or key.key_size < RSA_BITS_MIN:
        return _fault(_("The private key in this file is not RSA with 2048 bits or more."))
    return key


def _complaints(
    document: Mapping[str, Any], *, allowed: Sequence[str | None]
) -> Iterator[InvalidInput]:
    email = document.get("client_email")
    if not isinstance(email, str) or _EMAIL.fullmatch(email) is None:
        yield _fault(_("client_email is missing in this file. Download the key again."))
    key_id = document.get("private_key_id")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= KEY_ID_LENGTH_MAX:
        yield _fault(_("private_key_id is missing in this file. Download the key again."))
    token_uri = document.get("token_uri")
    if not isinstance(token_uri, str) or token_uri not in allowed:
        yield _fault(
            _(
                "token_uri in this file is not %(address)s. A changed address could hand your "
                "access to a stranger: download the key again from the Google Cloud console.",
                address=GOOGLE_TOKEN_URI,
            )
        )
    if document.get("universe_domain", GOOGLE_UNIVERSE) != GOOGLE_UNIVERSE:
        yield _fault(_("universe_domain in this file is not googleapis.com."))


def _wrong_kind(document: Mapping[str, Any]) -> str:
    if "installed" in document or "web" in document:
        return _(
            "This is an OAuth client, not a service account. In the Google Cloud console open "
            "Service accounts, then Keys, then Add key, and choose JSON."
        )
    return _not_a_key_file()


def _not_a_key_file() -> str:
    return _(
        "This is not the JSON key file of a service account. In the Google Cloud console open "
        "Service accounts, then Keys, then Add key, and choose JSON."
    )


def _fault(message: str) -> InvalidInput:
    return InvalidInput(message, field=_FIELD)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
