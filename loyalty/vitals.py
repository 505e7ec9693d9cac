"""How every merchant of the installation does: certificates, what waits, what is stopped.

For whoever runs the machine (`doctor --all`, metrics); nothing of a member is in it. Only reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from loyalty.certificate_alarms import PassTypeLine, lines_of
from loyalty.context import Loyalty
from loyalty.delivery_health import lags_of
from loyalty.phone_log import ComplaintGroup, group_lines
from storage.breakers import Breakers, OpenBreaker
from storage.devices import LOG_LINES_KEPT, Devices
from storage.lag_counts import LagLine
from storage.lagging import ChannelLag, channel_lags
from storage.merchants import Merchant
from storage.reconciled import Reconciled, last_reconciled
from storage.reminders import Unfetched, unfetched
from storage.unit_of_work import UnitOfWork, open_work


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """One merchant.

    `requests` counts keys that wait for their certificate, `outbox` rows by state.
    """

    merchant: Merchant
    pass_types: tuple[PassTypeLine, ...]
    requests: int
    lags: tuple[ChannelLag, ...]
    took: tuple[LagLine, ...]
    unfetched: Unfetched
    breakers: tuple[OpenBreaker, ...]
    complaints: tuple[ComplaintGroup, ...]
    cards: int
    outbox: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The installation; `worker_seen_at` is the last sign of life of any worker.

    `reconciled` is what the last nightly look at the books found.
    """

    now: datetime
    worker_seen_at: datetime | None
    reconciled: Reconciled | None
    merchants: tuple[Vitals, ...]


def vitals(ctx: Loyalty) -> House:
    """All merchants, one after another, each in a transaction of its own."""
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        seen = work.reports.worker_seen_at()
        merchants = work.merchants.all()
        reconciled = last_reconciled(work.scope)
    found = []
    for merchant in merchants:
        with open_work(ctx.database, merchant.id, clock=ctx.clock, writing=False) as work:
            found.append(_of(work, merchant))
    return House(
        now=ctx.clock.now(), worker_seen_at=seen, reconciled=reconciled, merchants=tuple(found)
    )


def _of(work: UnitOfWork, merchant: Merchant) -> Vitals:
    lines = Devices(work.scope).log_lines(limit=LOG_LINES_KEPT)
    return Vitals(
        merchant=merchant,
        pass_types=tuple(lines_of(work)),
        requests=len(work.apple_keys.requests()),
        lags=tuple(channel_lags(work.scope)),
        took=lags_of(work),
        unfetched=unfetched(work.scope),
        breakers=tuple(Breakers(work.scope).all()),
        complaints=tuple(group_lines(lines)),
        cards=work.passes.count(),
        outbox=work.outbox.counts(),
    )
