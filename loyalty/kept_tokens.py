"""The authentication token of a card from before Regulars: sealed, as no key of ours made it."""

from __future__ import annotations

from signing.keyring import Keyring
from signing.sealing import seal, unseal
from storage.kept_passes import TOKEN_COLUMN, KeptPass


def kept_token(keyring: Keyring, merchant_id: int, kept: KeptPass) -> str:
    """What its phones show.

    Raises:
        SealBroken: the seal cannot be opened with these keys.
    """
    plain = unseal(keyring, kept.token_sealed, merchant_id=merchant_id, column=TOKEN_COLUMN)
    return plain.decode()


def seal_token(keyring: Keyring, merchant_id: int, token: str) -> bytes:
    """The token as it is stored."""
    return seal(keyring, token.encode(), merchant_id=merchant_id, column=TOKEN_COLUMN)
