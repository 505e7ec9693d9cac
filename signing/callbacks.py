"""Verify what Google Wallet posts when a card is saved or deleted (ECv2SigningOnly).

Google's root key signs an intermediate key, that one signs the message. Not done here: fetching
and caching the root keys, knowing the object, doing a thing once per nonce.

Rules:
- The recipient is our own issuer id, never one that the message brings along.
- Lengths count bytes of UTF-8; what is verified is the raw text as it was posted.
- Exactly the four members, the one protocol; a root key without an expiry counts for nothing.
- Whatever is wrong, the answer is one CallbackRefused; UnknownRootKey tells the caller that newer
  root keys may help, and only then is a fetch worth it.

Source: https://developers.google.com/wallet/generic/use-cases/use-callbacks-for-saves-and-deletions
and the Tink library's paymentmethodtoken recipient, whose strictness this follows.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from common.clock import from_micros, to_micros
from common.errors import NotAllowed

CALLBACK_BYTES_MAX: Final = 16 * 1024
ROOT_KEYS_MAX: Final = 16
SIGNATURES_MAX: Final = 16
NONCE_LENGTH_MAX: Final = 128

_SENDER: Final = "GooglePayPasses"
_PROTOCOL: Final = "ECv2SigningOnly"
_MEMBERS: Final = frozenset(
    {"signature", "intermediateSigningKey", "protocolVersion", "signedMessage"}
)
# The year 9999, the last a datetime can hold.
_MILLIS_MAX: Final = 253_402_300_799_999


class CallbackRefused(NotAllowed):
    """This message is not from Google Wallet, or not for us."""

    code = "callback_refused"

    def __init__(self, why: str = "") -> None:
        super().__init__()
        # For who runs the machine; whoever posted is told nothing.
        self.why = why


class UnknownRootKey(CallbackRefused):
    """No root key we hold signed this message's intermediate key."""

    code = "unknown_root_key"


class CallbackEvent(StrEnum):
    """What happened to an object; `other` is what Google may add one day: it has no effect."""

    SAVE = "save"
    DELETE = "del"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackMessage:
    """A verified message; `nonce` is the same when Google posts it again."""

    class_id: str
    object_id: str
    event: CallbackEvent
    expires_at: datetime
    count: int
    nonce: str


def verify_callback(
    body: bytes, *, issuer_id: str, root_keys: Iterable[Mapping[str, Any]], now: datetime
) -> CallbackMessage:
    """The message Google signed.

    Args:
        body: as posted, at most CALLBACK_BYTES_MAX.
        issuer_id: ours, digits.
        root_keys: the `keys` of Google's key document, each keyValue, protocolVersion,
            keyExpiration.
        now: aware.

    Raises:
        UnknownRootKey: the intermediate key is signed by none of the root keys.
        CallbackRefused: anything else is wrong.
    """
    now_ms = to_micros(now) // 1000
    envelope = _object(body, limit=CALLBACK_BYTES_MAX)
    if set(envelope) != _MEMBERS or envelope["protocolVersion"] != _PROTOCOL:
        raise CallbackRefused("its members or its protocol are others")
    signed_message = _text(envelope["signedMessage"])
    intermediate = _intermediate_key(envelope["intermediateSigningKey"], root_keys, now_ms=now_ms)
    signed = _chunks(_SENDER, issuer_id, _PROTOCOL, signed_message)
    if not _verifies(intermediate, _base64(envelope["signature"]), signed):
        raise CallbackRefused("its signature does not fit the message and this issuer")
    return _message(signed_message, issuer_id=issuer_id, now_ms=now_ms)


def _intermediate_key(
    value: object, root_keys: Iterable[Mapping[str, Any]], *, now_ms: int
) -> ec.EllipticCurvePublicKey:
    if not isinstance(value, dict) or set(value) != {"signedKey", "signatures"}:
        raise CallbackRefused("its intermediate key has another shape")
    signed_key, signatures = _text(value["signedKey"]), value["signatures"]
    if not isinstance(signatures, list) or not 0 < len(signatures) <= SIGNATURES_MAX:
        raise CallbackRefused("its intermediate key is not signed")
    candidates = [_base64(signature) for signature in signatures]
    signed = _chunks(_SENDER, _PROTOCOL, signed_key)
    roots = _usable_roots(root_keys, now_ms=now_ms)
    if not any(_verifies(root, one, signed) for root in roots for one in candidates):
        raise UnknownRootKey("no root key that counts now signed its intermediate key")
    described = _object(signed_key.encode(), limit=CALLBACK_BYTES_MAX)
    key = _public_key(described.get("keyValue"))
    if key is None or _millis(described.get("keyExpiration")) <= now_ms:
        raise CallbackRefused("its intermediate key has ended or is damaged")
    return key


def _usable_roots(
    root_keys: Iterable[Mapping[str, Any]], *, now_ms: int
) -> Iterator[ec.EllipticCurvePublicKey]:
    for described, _place in zip(root_keys, range(ROOT_KEYS_MAX), strict=False):
        if not isinstance(described, Mapping) or described.get("protocolVersion") != _PROTOCOL:
            continue
        key = _public_key(described.get("keyValue"))
        if key is not None and _millis(described.get("keyExpiration")) > now_ms:
            yield key


def _message(signed_message: str, *, issuer_id: str, now_ms: int) -> CallbackMessage:
    message = _object(signed_message.encode(), limit=CALLBACK_BYTES_MAX)
    expires_ms = _millis(message.get("expTimeMillis"))
    class_id, object_id = _text(message.get("classId")), _text(message.get("objectId"))
    ours = all(one.startswith(f"{issuer_id}.") for one in (class_id, object_id))
    nonce, count = _text(message.get("nonce")), message.get("count", 1)
    if expires_ms <= now_ms:
        raise CallbackRefused("its time is over (expTimeMillis)")
    if not ours:
        raise CallbackRefused("its class or object is another issuer's")
    if not 0 < len(nonce) <= NONCE_LENGTH_MAX:
        raise CallbackRefused("it has no usable nonce")
    return CallbackMessage(
        class_id=class_id,
        object_id=object_id,
        event=_event(message.get("eventType")),
        expires_at=from_micros(expires_ms * 1000),
        count=count if isinstance(count, int) else 1,
        nonce=nonce,
    )


def _event(value: object) -> CallbackEvent:
    return next((event for event in CallbackEvent if event == value), CallbackEvent.OTHER)


def _chunks(*texts: str) -> bytes:
    encoded = [text.encode() for text in texts]
    return b"".join(len(one).to_bytes(4, "little") + one for one in encoded)


def _verifies(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _public_key(value: object) -> ec.EllipticCurvePublicKey | None:
    try:
        key = load_der_public_key(base64.b64decode(str(value), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    return None


def _object(data: bytes, *, limit: int) -> dict[str, Any]:
    try:
        value = json.loads(data.decode(), object_pairs_hook=_once) if len(data) <= limit else None
    except (ValueError, RecursionError) as error:
        raise CallbackRefused("it is no JSON object") from error
    if not isinstance(value, dict):
        raise CallbackRefused("it is no JSON object, or too large")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers of a member that stands twice may see two values.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _text(value: object) -> str:
    # A lone surrogate has no UTF-8 form, so nobody can have signed it.
    if not isinstance(value, str) or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise CallbackRefused("a member is no text")
    return value


def _base64(value: object) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except ValueError as error:
        raise CallbackRefused("a signature is no base64") from error


def _millis(value: object) -> int:
    """Milliseconds since 1970 of a number or its digits; 0, long gone, for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MILLIS_MAX:
        return value
    return 0
