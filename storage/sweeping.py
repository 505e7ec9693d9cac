"""Forget what nobody asks for again: sessions, links, buckets, silent workers, sent e-mails.

Not done here: anything of a merchant's books, which stays.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from storage.buckets import Buckets
from storage.google_callbacks import GoogleCallbacks
from storage.lag_counts import drop_old
from storage.outbox import drop_ended
from storage.scope import Scope
from storage.sessions import Sessions
from storage.tables import worker_heartbeat

# For a day a used link can still say that it ran out, instead of being unknown.
ENDED_FOR: Final = timedelta(days=1)
# Every bucket is full again long before.
IDLE_FOR: Final = timedelta(days=7)
SILENT_FOR: Final = timedelta(days=7)


def sweep(scope: Scope) -> int:
    """Remove them for the whole installation; returns how many rows went."""
    now = scope.clock.now()
    silent = worker_heartbeat.delete().where(worker_heartbeat.c.seen_at < now - SILENT_FOR)
    return (
        Sessions(scope).drop_expired(now - ENDED_FOR)
        + Buckets(scope).drop_idle(now - IDLE_FOR)
        + GoogleCallbacks(scope).drop_old()
        + drop_old(scope)
        + drop_ended(scope)
        + int(scope.execute(silent).rowcount)
    )
