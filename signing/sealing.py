"""Seal secrets and contacts for one merchant and one column, and index them blindly.

AES-256-GCM under a master key, so a stolen database opens nothing, and a blob moved to another
merchant or another column opens nothing either. A blob is
`format (1) | key version (2, big-endian) | nonce (12) | ciphertext and tag`.

Not done here: choosing what to seal; normalising a contact before it is indexed (the same person
must give the same bytes, so do that first).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.errors import SealBroken
from signing.keyring import Keyring

INDEX_BYTES: Final = 32
_FORMAT: Final = 1
_NONCE_BYTES: Final = 12
_HEADER_BYTES: Final = 3
_TAG_BYTES: Final = 16


def seal(keyring: Keyring, plain: bytes, *, merchant_id: int, column: str) -> bytes:
    """`plain` under the newest master key, bound to merchant and column; 31 bytes longer."""
    version = keyring.master_version
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = _cipher(keyring, version).encrypt(nonce, plain, _bound(merchant_id, column, version))
    return bytes([_FORMAT]) + version.to_bytes(2, "big") + nonce + sealed


def unseal(keyring: Keyring, blob: bytes, *, merchant_id: int, column: str) -> bytes:
    """What `seal` was given.

    Raises:
        SealBroken: damaged, of another merchant or column, or its key is not in the keyring.
    """
    if len(blob) < _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES or blob[0] != _FORMAT:
        raise SealBroken(f"The sealed {column} is damaged. Restore it from a backup.")
    version = sealed_version(blob)
    if version not in keyring.master:
        raise SealBroken(
            f"The sealed {column} needs master key {version}, which is not in master.key. "
            "Put that line back from your copy of the keys."
        )
    nonce = blob[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
    sealed = blob[_HEADER_BYTES + _NONCE_BYTES :]
    try:
        return _cipher(keyring, version).decrypt(
            nonce, sealed, _bound(merchant_id, column, version)
        )
    except InvalidTag as error:
        raise SealBroken(
            f"The sealed {column} cannot be opened: it was sealed with another master.key or "
            "for another merchant, or it is damaged. Put the right master.key back."
        ) from error


def sealed_version(blob: bytes) -> int:
    """The version of the master key a blob was sealed under."""
    return int.from_bytes(blob[1:_HEADER_BYTES], "big")


def blind_index(
    keyring: Keyring, value: str, *, merchant_id: int, column: str, version: int | None = None
) -> bytes:
    """32 bytes that are equal for equal values of one merchant and column, and tell nothing.

    Args:
        keyring: its derivation key makes the index, so that a stolen database cannot be searched.
        value: already normalised.
        merchant_id: equal contacts of two merchants give different bytes.
        column: what is indexed: `email`, `phone`.
        version: the derivation key; the oldest one unless told, as in `signing.tokens`.
    """
    root = keyring.derivation[min(keyring.derivation) if version is None else version]
    key = hmac.digest(root, b"regulars blind index", hashlib.sha256)
    text = f"{merchant_id}|{column}|".encode() + value.encode("utf-8", "surrogatepass")
    return hmac.digest(key, text, hashlib.sha256)


def _cipher(keyring: Keyring, version: int) -> AESGCM:
    # The master key itself is never used twice: each purpose has a key of its own.
    return AESGCM(hmac.digest(keyring.master[version], b"regulars seal", hashlib.sha256))


def _bound(merchant_id: int, column: str, version: int) -> bytes:
    if "|" in column:
        raise ValueError("a column has no | in its name")
    return f"{merchant_id}|{column}|{version}".encode()
