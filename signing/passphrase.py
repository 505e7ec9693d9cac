"""Seal a file under a passphrase that a person keeps: keys in a backup, an export of cards.

AES-256-GCM under a key that scrypt makes of the passphrase. A file is
`header | salt (16) | nonce (12) | ciphertext and tag`; the header names what it is and, with it, the
cost of scrypt, so that a file cannot ask for more work.

Not done here: asking for the passphrase, writing the file.
"""

from __future__ import annotations

import secrets
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from common.errors import InvalidInput
from common.i18n import gettext as _

PASSPHRASE_MIN: Final = 12
PASSPHRASE_MAX: Final = 1024
KEY_BYTES: Final = 32
_SCRYPT_N: Final = 2**16
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12


def seal_under(passphrase: str, plain: bytes, *, header: bytes) -> bytes:
    """`plain` under a passphrase, behind a header that tells what it is.

    Raises:
        InvalidInput: the passphrase is shorter than 12 or longer than 1024 characters.
    """
    if not PASSPHRASE_MIN <= len(passphrase) <= PASSPHRASE_MAX:
        raise InvalidInput(
            _(
                "Use a passphrase of %(least)d to %(most)d characters; without it nobody can open "
                "the file again.",
                least=PASSPHRASE_MIN,
                most=PASSPHRASE_MAX,
            ),
            field="passphrase",
        )
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    front = header + salt + nonce
    return front + AESGCM(_key(passphrase, salt)).encrypt(nonce, plain, front)


def open_under(passphrase: str, blob: bytes, *, header: bytes) -> bytes | None:
    """What `seal_under` was given; None for another passphrase, another header, or damage."""
    front = len(header) + _SALT_BYTES + _NONCE_BYTES
    if not blob.startswith(header) or len(blob) <= front or len(passphrase) > PASSPHRASE_MAX:
        return None
    salt = blob[len(header) : len(header) + _SALT_BYTES]
    nonce = blob[len(header) + _SALT_BYTES : front]
    try:
        return AESGCM(_key(passphrase, salt)).decrypt(nonce, blob[front:], blob[:front])
    except InvalidTag:
        return None


def _key(passphrase: str, salt: bytes) -> bytes:
    # The same passphrase typed on another keyboard may arrive in another Unicode form.
    text = unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")
    return Scrypt(salt=salt, length=KEY_BYTES, n=_SCRYPT_N, r=8, p=1).derive(text)
