"""What a worker does for each shop soon after its own midnight, or every few minutes.

One worker of all takes a shop's night; one that dies half way leaves whole slices done and the
rest to the next night, or to `regulars rules expire`. Kept out of delivery, which knows no rules.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from loyalty.context import Loyalty
from loyalty.expire import expire
from loyalty.gift_cards import send_due_gifts
from loyalty.gift_orders import end_old_orders
from loyalty.referrals import keep_referrals
from loyalty.shared_totals import tell_totals
from storage.night import take_night
from storage.unit_of_work import UnitOfWork, open_work, run_work

LOOK_EVERY_S: Final = 300.0
AFTER_MIDNIGHT: Final = timedelta(minutes=5)
DAY: Final = timedelta(days=1)

_log = logging.getLogger("regulars.nights")


def start_nights(ctx: Loyalty, stop: threading.Event) -> threading.Thread:
    """Look every five minutes whose night has come, until told to stop."""
    thread = threading.Thread(target=_run, args=(ctx, stop), name="nights", daemon=True)
    thread.start()
    return thread


def _run(ctx: Loyalty, stop: threading.Event) -> None:
    while not stop.wait(LOOK_EVERY_S):
        for task in (send_gifts, reward_friends, tell_donations, keep_nights):
            try:
                task(ctx)
            except Exception:  # noqa: BLE001 - the loop's edge: the next look is in five minutes
                _log.exception("nights.failed", extra={"task": task.__name__})


def keep_nights(ctx: Loyalty) -> int:
    """Do every shop's night that is due and nobody took; returns how many were done."""
    return sum(_keep_night(ctx, merchant_id, zone) for merchant_id, zone in _shops(ctx))


def send_gifts(ctx: Loyalty) -> int:
    """Mail the gift cards whose day has come, of every shop; returns how many."""
    return sum(send_due_gifts(ctx, merchant_id) for merchant_id, _zone in _shops(ctx))


def tell_donations(ctx: Loyalty) -> int:
    """Let every shop's cards follow what was given together; returns how many programmes."""
    return sum(tell_totals(ctx, merchant_id) for merchant_id, _zone in _shops(ctx))


def reward_friends(ctx: Loyalty) -> int:
    """Settle and lapse what waits of friends who were brought; returns how many were rewarded."""
    return sum(keep_referrals(ctx, merchant_id) for merchant_id, _zone in _shops(ctx))


def _keep_night(ctx: Loyalty, merchant_id: int, time_zone: str) -> bool:
    starts = night_starts(time_zone, ctx.clock.now())

    def take(work: UnitOfWork) -> bool:
        return take_night(work.scope, f"expiry {merchant_id}", starts=starts)

    if not run_work(ctx.database, None, take, clock=ctx.clock):
        return False
    end_old_orders(ctx, merchant_id)
    result = expire(ctx, merchant_id)
    _log.info(
        "nights.expired",
        extra={"merchant": merchant_id, "lots": result.lots, "cards": result.accounts},
    )
    return True


def night_starts(time_zone: str, now: datetime) -> timedelta:
    """How long after midnight UTC a shop's night begins, on that day's clock."""
    offset = now.astimezone(ZoneInfo(time_zone)).utcoffset() or timedelta()
    return (AFTER_MIDNIGHT - offset) % DAY


def _shops(ctx: Loyalty) -> list[tuple[int, str]]:
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        return [(one.id, one.time_zone) for one in work.merchants.all()]
