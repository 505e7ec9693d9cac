"""Why nothing is sent on a merchant's channel: a credential that the other side refuses.

Rules: an open breaker keeps the rows due and burns no attempt; after `retry_at` one more try is
made, which closes it or opens it again for longer; a repaired credential closes it at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from storage import tables
from storage.scope import Scope

FIRST_WAIT: Final = timedelta(minutes=1)
WAIT_MAX: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBreaker:
    """A stopped channel (`apple` or `google`): a sentence why, since when, and the next try."""

    merchant_id: int
    channel: str
    reason: str
    opened_at: datetime
    retry_at: datetime


class Breakers:
    """The stopped channels of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def open(self, channel: str, *, reason: str) -> datetime:
        """Stop the channel, for twice as long as it has been stopped; returns the next try."""
        table = tables.breaker
        now = self._scope.clock.now()
        known = self.of_channel(channel)
        opened_at = now if known is None else known.opened_at
        retry_at = now + min(max(FIRST_WAIT, now - opened_at), WAIT_MAX)
        values = {"reason": reason, "opened_at": opened_at, "retry_at": retry_at}
        changed = self._scope.execute(
            self._scope.update(table).where(table.c.channel == channel).values(values)
        )
        if not changed.rowcount:
            self._scope.insert_new(
                table, merchant_id=self._scope.merchant, channel=channel, **values
            )
        return retry_at

    def close(self, channel: str) -> bool:
        """Let the channel flow again; True when it was stopped."""
        table = tables.breaker
        closed = self._scope.execute(
            table.delete().where(
                table.c.merchant_id == self._scope.merchant, table.c.channel == channel
            )
        )
        return bool(closed.rowcount)

    def of_channel(self, channel: str) -> OpenBreaker | None:
        """The breaker of a channel, if it is open."""
        return next((one for one in self.all() if one.channel == channel), None)

    def all(self) -> list[OpenBreaker]:
        """The merchant's stopped channels."""
        table = tables.breaker
        rows = self._scope.execute(
            select(table)
            .where(table.c.merchant_id == self._scope.merchant)
            .order_by(table.c.channel)
        )
        return [
            OpenBreaker(
                merchant_id=row.merchant_id,
                channel=row.channel,
                reason=row.reason,
                opened_at=row.opened_at,
                retry_at=row.retry_at,
            )
            for row in rows
        ]
