"""How long phones wait for a merchant's changes, what is on its way, and what stands still.

Only reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from loyalty.context import Loyalty
from loyalty.overview import Behind, behind_now
from storage.breakers import Breakers, OpenBreaker
from storage.lag_counts import LagLine, lag_lines
from storage.lagging import ChannelLag, channel_lags
from storage.mass_changes import MassChangeLine, MassChanges
from storage.reconciled import Reconciled, last_reconciled
from storage.reminders import Unfetched, unfetched
from storage.unit_of_work import UnitOfWork, open_work

MEASURED: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryHealth:
    """One merchant's deliveries; percentiles are of the last 24 hours."""

    now: datetime
    channels: tuple[ChannelLag, ...]
    lags: tuple[LagLine, ...]
    breakers: tuple[OpenBreaker, ...]
    changes: tuple[MassChangeLine, ...]
    behind: tuple[Behind, ...]
    unfetched: Unfetched
    reconciled: Reconciled | None


def delivery_health(ctx: Loyalty, merchant_id: int) -> DeliveryHealth:
    """Everything of the page."""
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        reconciled = last_reconciled(work.scope)
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return DeliveryHealth(
            now=ctx.clock.now(),
            channels=tuple(channel_lags(work.scope)),
            lags=lags_of(work),
            breakers=tuple(Breakers(work.scope).all()),
            changes=tuple(MassChanges(work.scope).lines()),
            behind=behind_now(work),
            unfetched=unfetched(work.scope),
            reconciled=reconciled,
        )


def lags_of(work: UnitOfWork) -> tuple[LagLine, ...]:
    """The merchant's percentiles of the last 24 hours."""
    return tuple(lag_lines(work.scope, since=work.clock.now() - MEASURED))
