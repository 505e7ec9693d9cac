"""Make the tokens and codes that cards, links, tills and sessions carry.

Derived tokens are HMAC-SHA256 over purpose, ids and generation under a derivation key, so the
database holds only hashes and a lost card is ended by raising its generation. Random ones come
from the operating system.

Not done here: storing, looking up, expiring and throttling.

Rules:
- A caller that keeps no key version gets the oldest derivation key: adding a newer key then never
  changes a card that is already out. One that keeps the version passes it.
- Every text a person may type is Crockford's base 32 (common.crockford).
- Tokens are looked up by `token_hash` and compared by `equal`, never with `==`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

from common import crockford
from signing.keyring import Keyring

TOKEN_BYTES: Final = 16
SESSION_TOKEN_BYTES: Final = 32
ROTATING_SECRET_BYTES: Final = 20
JOIN_CODE_LENGTH: Final = 8
INVITATION_LENGTH: Final = 10
MEMBER_NUMBER_LENGTH: Final = 10
CHECK_IN_LENGTH: Final = 10
TYPED_TEXT_MAX: Final = 64

_SYMBOL_BITS: Final = 5


def apple_authentication_token(
    keyring: Keyring, *, serial_number: str, version: int | None = None
) -> str:
    """The 43 characters an iPhone sends as `Authorization: ApplePass …`; fixed per serial."""
    digest = _derive(keyring, "apple-authentication", serial_number, version=version)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def barcode_token(
    keyring: Keyring, *, merchant_id: int, pass_id: int, generation: int, version: int | None = None
) -> str:
    """The 26 characters in a card's QR code: 128 bits, opaque."""
    digest = _derive(keyring, "barcode", merchant_id, pass_id, generation, version=version)
    return crockford.encode_bytes(digest[:TOKEN_BYTES])


def card_link_token(
    keyring: Keyring,
    *,
    merchant_id: int,
    member_id: int,
    generation: int,
    version: int | None = None,
) -> str:
    """The 26 upper-case characters of a member's personal link."""
    digest = _derive(keyring, "card-link", merchant_id, member_id, generation, version=version)
    return crockford.encode_bytes(digest[:TOKEN_BYTES])


def rotating_secret(
    keyring: Keyring, *, merchant_id: int, pass_id: int, generation: int, version: int | None = None
) -> bytes:
    """The 20 bytes that a card's rotating code is made from; one for each card."""
    digest = _derive(keyring, "rotating-code", merchant_id, pass_id, generation, version=version)
    return digest[:ROTATING_SECRET_BYTES]


def check_in_code(keyring: Keyring, *, merchant_id: int, till_id: int, step: int) -> str:
    """The 10 characters that prove a till's screen was seen in a step of 30 seconds."""
    digest = _derive(
        keyring, "check-in", merchant_id, till_id, step, version=keyring.derivation_version
    )
    return crockford.encode_bytes(digest[:TOKEN_BYTES])[:CHECK_IN_LENGTH]


def web_secret(keyring: Keyring) -> str:
    """The key of form tokens and of signed values in pages; every process derives the same."""
    return _derive(keyring, "web pages", version=keyring.derivation_version).hex()


def token_hash(token: str) -> bytes:
    """32 bytes to look a Crockford token up by; case, look-alikes, spaces and hyphens fold."""
    return hashlib.sha256(_bytes(crockford.normalise(token))).digest()


def random_token() -> str:
    """26 characters, 128 bits: one-time links, pairing."""
    return crockford.encode_bytes(secrets.token_bytes(TOKEN_BYTES))


def random_session_token() -> str:
    """52 characters, 256 bits: sessions and API keys."""
    return crockford.encode_bytes(secrets.token_bytes(SESSION_TOKEN_BYTES))


def join_code() -> str:
    """Eight random characters for a join link; the caller keeps it unique."""
    return _random_symbols(JOIN_CODE_LENGTH)


def invitation_code() -> str:
    """Ten random characters that let somebody join: fifty bits, tried through a throttle only."""
    return _random_symbols(INVITATION_LENGTH)


def member_number() -> str:
    """Nine random characters and a check character, ten in all; the caller keeps it unique.

    A check character is one of 37, five of which (`*~$=U`) are hard to type on a phone or read
    out; numbers that would need one of those are drawn again, about one in seven.
    """
    while True:
        body = _random_symbols(MEMBER_NUMBER_LENGTH - 1)
        symbol = crockford.check_symbol(body)
        if symbol in crockford.ALPHABET:
            return body + symbol


def check_member_number(text: str) -> str | None:
    """The member number a person typed, normalised, or None when it cannot be one.

    Every single wrong character and every swap of two neighbours among the first nine is found.
    """
    if len(text) > TYPED_TEXT_MAX:
        return None
    number = crockford.normalise(text)
    body, symbol = number[:-1], number[-1:]
    if len(number) != MEMBER_NUMBER_LENGTH or any(s not in crockford.ALPHABET for s in number):
        return None
    return number if crockford.check_symbol(body) == symbol else None


def equal(left: str | bytes, right: str | bytes) -> bool:
    """Whether both are the same, in time that does not tell where they differ."""
    return hmac.compare_digest(_bytes(left), _bytes(right))


def _derive(keyring: Keyring, purpose: str, *facts: str | int, version: int | None) -> bytes:
    root = keyring.derivation[min(keyring.derivation) if version is None else version]
    # Each part carries its length, so no two lists of facts can give the same message.
    parts = [_bytes(str(part)) for part in (purpose, *facts)]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(root, b"regulars token\0" + message, hashlib.sha256)


def _random_symbols(length: int) -> str:
    return crockford.encode(secrets.randbits(_SYMBOL_BITS * length), length=length)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
