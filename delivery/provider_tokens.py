"""Bearer tokens of teams' push keys, kept for a while: Apple wants them 20 to 60 minutes old."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from delivery.desk import Desk
from signing.apns_token import provider_token
from signing.sealing import unseal
from storage.apple_keys import ApplePushKey

PUSH_KEY_COLUMN: Final = "apple_push_key.key"
TOKEN_LIFE: Final = timedelta(minutes=40)


class ProviderTokens:
    """One token per key; used by one thread."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[datetime, str]] = {}

    def token(self, desk: Desk, key: ApplePushKey, merchant_id: int) -> str:
        """The key's token, made anew after `TOKEN_LIFE` or when the clock went back.

        Raises:
            SealBroken, InvalidInput: the stored key cannot be opened.
        """
        now = desk.clock.now()
        made_at, token = self._kept.get(key.id, (now - TOKEN_LIFE, ""))
        if token and timedelta() <= now - made_at < TOKEN_LIFE:
            return token
        pem = unseal(desk.keyring, key.key_sealed, merchant_id=merchant_id, column=PUSH_KEY_COLUMN)
        token = provider_token(
            pem, key_identifier=key.key_identifier, team_identifier=key.team_identifier, now=now
        )
        self._kept[key.id] = (now, token)
        return token
