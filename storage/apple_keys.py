"""A merchant's Apple keys that stand alone: those waiting for their certificate, and push keys.

Not here: certificates with their keys (wallet_passes.py). A waiting key is known again by the
digest of its public half; it is given up only by its owner or when its certificate is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table

from storage import tables
from storage.records import columns, maybe_record, record_of, values_of
from storage.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleRequest:
    """A certificate request; the key is sealed with column `apple_request.key`."""

    id: int
    request_pem: str
    key_sealed: bytes
    public_sha256: str
    created_at: datetime

    def __repr__(self) -> str:
        return f"AppleRequest(id={self.id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplePushKey:
    """A team's .p8; the key is sealed with column `apple_push_key.key`."""

    id: int
    team_identifier: str
    key_identifier: str
    key_sealed: bytes
    created_at: datetime

    def __repr__(self) -> str:
        return f"ApplePushKey(id={self.id}, key_identifier={self.key_identifier!r})"


class AppleKeys:
    """Requests and push keys of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add_request(self, request: AppleRequest) -> None:
        """Store a key that waits for its certificate."""
        self._scope.execute(self._scope.insert(tables.apple_request, **values_of(request)))

    def requests(self) -> list[AppleRequest]:
        """The waiting ones, the newest first."""
        table = tables.apple_request
        rows = self._scope.execute(
            self._scope.select(table, *columns(table, AppleRequest)).order_by(table.c.id.desc())
        )
        return [record_of(AppleRequest, row) for row in rows]

    def request_of(self, public_sha256: str) -> AppleRequest | None:
        """The waiting key of this public half."""
        table = tables.apple_request
        row = self._scope.execute(
            self._scope.select(table, *columns(table, AppleRequest)).where(
                table.c.public_sha256 == public_sha256
            )
        ).one_or_none()
        return maybe_record(AppleRequest, row)

    def drop_request(self, request_id: int) -> bool:
        """Give up a waiting key; False when there was none."""
        return self._drop(tables.apple_request, request_id)

    def set_push_key(self, key: ApplePushKey) -> None:
        """Store a team's push key in place of the one before."""
        table = tables.apple_push_key
        self._scope.execute(
            table.delete().where(
                table.c.merchant_id == self._scope.merchant,
                table.c.team_identifier == key.team_identifier,
            )
        )
        self._scope.execute(self._scope.insert(table, **values_of(key)))

    def push_key_of(self, team_identifier: str) -> ApplePushKey | None:
        """The push key of a team, if it has one."""
        return next((k for k in self.push_keys() if k.team_identifier == team_identifier), None)

    def push_keys(self) -> list[ApplePushKey]:
        """Every team's push key."""
        table = tables.apple_push_key
        rows = self._scope.execute(
            self._scope.select(table, *columns(table, ApplePushKey)).order_by(table.c.id)
        )
        return [record_of(ApplePushKey, row) for row in rows]

    def drop_push_key(self, key_id: int) -> bool:
        """Forget a push key: certificates push again; False when there was none."""
        return self._drop(tables.apple_push_key, key_id)

    def _drop(self, table: Table, row_id: int) -> bool:
        dropped = self._scope.execute(
            table.delete().where(table.c.merchant_id == self._scope.merchant, table.c.id == row_id)
        )
        return bool(dropped.rowcount)
