"""Bearer tokens of teams' push keys, kept for a while: Apple wants them 20 to 60 minutes old.

A token begins at a full half hour. So all workers of an installation, and one that was just started
again, say the same moment: a newer one more often than every twenty minutes is refused (429
TooManyProviderTokenUpdates).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from common.clock import EPOCH
from delivery.desk import Desk
from signing.apns_token import provider_token
from signing.sealing import unseal
from storage.apple_keys import ApplePushKey

PUSH_KEY_COLUMN: Final = "apple_push_key.key"
TOKEN_LIFE: Final = timedelta(minutes=30)


class ProviderTokens:
    """One token per key; used by one thread."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[datetime, str]] = {}

    def token(self, desk: Desk, key: ApplePushKey, merchant_id: int) -> str:
        """The key's token of this half hour.

        Raises:
            SealBroken, InvalidInput: the stored key cannot be opened.
        """
        since = _half_hour(desk.clock.now())
        begun, token = self._kept.get(key.id, (EPOCH, ""))
        if token and begun == since:
            return token
        pem = unseal(desk.keyring, key.key_sealed, merchant_id=merchant_id, column=PUSH_KEY_COLUMN)
        token = provider_token(
            pem, key_identifier=key.key_identifier, team_identifier=key.team_identifier, now=since
        )
        self._kept[key.id] = (since, token)
        return token


def _half_hour(now: datetime) -> datetime:
    return now - (now - EPOCH) % TOKEN_LIFE
