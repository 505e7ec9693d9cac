"""The root keys of Google's callbacks, as the worker fetched them last.

Kept by the address they came from, so that a sandbox's keys never vouch for a real account. Not
done here: fetching (delivery), verifying (signing), how often either asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from storage.records import maybe_record
from storage.scope import Scope
from storage.tables import google_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKeys:
    """The usable keys of the last good answer, each as Google spells it.

    `tried_at` is the last fetch whether it worked or not; `wanted_at` when a message came that
    none of these keys vouches for.
    """

    keys: Sequence[Mapping[str, Any]] = ()
    fetched_at: datetime | None = None
    tried_at: datetime | None = None
    wanted_at: datetime | None = None


class GoogleKeys:
    """Root keys of one address."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def get(self, address: str) -> StoredKeys:
        """What is stored; empty before the first fetch."""
        query = select(google_keys).where(google_keys.c.address == address)
        found = maybe_record(StoredKeys, self._scope.execute(query).one_or_none())
        return found or StoredKeys()

    def want(self, address: str) -> None:
        """Ask the worker to fetch anew."""
        self._set(address, wanted_at=self._scope.clock.now())

    def note_failure(self, address: str) -> None:
        """A fetch brought nothing; the keys from before stay."""
        self._set(address, tried_at=self._scope.clock.now())

    def put(self, address: str, keys: Sequence[Mapping[str, Any]]) -> None:
        """Replace the keys by those just fetched."""
        now = self._scope.clock.now()
        plain = [dict(key) for key in keys]
        self._set(address, keys=plain, fetched_at=now, tried_at=now, wanted_at=None)

    def _set(self, address: str, **values: Any) -> None:
        if not self._scope.insert_new(google_keys, address=address, **{"keys": [], **values}):
            self._scope.execute(
                update(google_keys).where(google_keys.c.address == address).values(values)
            )
