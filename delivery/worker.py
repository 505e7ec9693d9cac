"""The worker: claim, render, send, record, for ever, until told to stop.

Two lanes, so that a slow Google does not hold up an iPhone, and a thread for Google's keys and
lists; the main thread moves slices of mass changes and shows a sign of life. Any number of workers
may run on one database.
Rules:
- work is found in the tables; wake-ups only make it sooner;
- what breaks a batch is tried row by row, and a row that breaks alone is parked after
  `poison_tries_max` times: others flow;
- told to stop, a worker gives its leases back within ten seconds; killed, they run out by
  themselves.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, Protocol

from common.clock import Clock
from common.errors import Unavailable
from common.ids import new_id
from delivery.apple_lane import AppleLane
from delivery.desk import Desk
from delivery.google_chores import run_chores
from delivery.google_lane import GoogleLane
from delivery.mail_lane import MailLane
from delivery.outbox_lane import run_outbox
from delivery.retry import bound_s
from delivery.settings import DeliverySettings
from delivery.slices import move_slice
from signing.keyring import Keyring
from storage import claims as settle
from storage.claims import Claim, Claims, Settlement
from storage.deliveries import Channel
from storage.engine import Database
from storage.outbox import OutboxChannel
from storage.sweeping import sweep
from storage.unit_of_work import open_work, run_work
from storage.wakeups import beat, open_wakeups

POISON: Final = "broken_row"
LANE_STOP_S: Final = 9.5
AFTER_FAILURE_S: Final = 1.0
SWEEP_EVERY_S: Final = 3600.0

_log = logging.getLogger("regulars.delivery")


class Lane(Protocol):
    """What delivers claims of its channels."""

    def deliver(self, claims: Sequence[Claim]) -> None: ...

    def close(self) -> None: ...


def run_worker(
    settings: DeliverySettings,
    *,
    database: Database,
    clock: Clock,
    keyring: Keyring,
    stop: threading.Event,
) -> None:
    """Work until `stop` is set; returns within ten seconds of that.

    Args:
        settings: this room's settings.
        database: this process's own; not shared over a fork.
        clock: tells the time.
        keyring: opens certificates and service accounts.
        stop: set by whoever ends the process.
    """
    desk = Desk(settings=settings, database=database, clock=clock, keyring=keyring, stop=stop)
    threads = [
        threading.Thread(
            target=run_lane, args=(desk, AppleLane, [Channel.APPLE]), name="apple", daemon=True
        ),
        threading.Thread(
            target=run_lane,
            args=(desk, GoogleLane, [Channel.GOOGLE_OBJECT, Channel.GOOGLE_CLASS]),
            name="google",
            daemon=True,
        ),
        threading.Thread(target=run_chores, args=(desk,), name="google-chores", daemon=True),
    ]
    if settings.mail is not None:
        threads.append(
            threading.Thread(
                target=run_outbox,
                args=(desk, MailLane, OutboxChannel.MAIL),
                name="mail",
                daemon=True,
            )
        )
    for thread in threads:
        thread.start()
    _keep_house(desk)
    for thread in threads:
        thread.join(LANE_STOP_S)


def run_lane(desk: Desk, make_lane: Callable[[Desk], Lane], channels: Sequence[Channel]) -> None:
    """Claim and deliver rows of these channels until told to stop."""
    lane = make_lane(desk)
    try:
        while not desk.stop.is_set():
            try:
                _flow(desk, lane, channels)
            except Exception:  # noqa: BLE001 - the loop's edge
                # Whatever broke, the lane must live; the rows are leased and come back.
                _log.exception("delivery.lane_failed", extra={"channel": str(channels[0])})
                desk.stop.wait(AFTER_FAILURE_S)
    finally:
        lane.close()


def turn(desk: Desk, lane: Lane, channels: Sequence[Channel]) -> int:
    """Claim one batch and deliver it; returns how many rows were claimed."""
    with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
        if not Claims(work.scope).any_due(channels):
            return 0
    lease = f"{desk.settings.worker_name}-{new_id()}"
    claims = run_work(
        desk.database,
        None,
        lambda work: Claims(work.scope).claim(channels, lease=lease, limit=desk.settings.batch),
        clock=desk.clock,
    )
    if desk.stop.is_set():
        _settle(desk, [settle.given_back(claim) for claim in claims])
    elif claims:
        _deliver_all(desk, lane, claims)
    return len(claims)


def _flow(desk: Desk, lane: Lane, channels: Sequence[Channel]) -> None:
    with open_wakeups(desk.database, stop=desk.stop) as wakeups:
        while not desk.stop.is_set():
            if not turn(desk, lane, channels):
                wakeups.wait(desk.settings.poll_s)


def _deliver_all(desk: Desk, lane: Lane, claims: Sequence[Claim]) -> None:
    """Deliver a batch; what breaks it is found row by row."""
    if _delivers(lane, claims):
        return
    for claim in claims:
        if not _delivers(lane, [claim]):
            _settle(desk, [_poisoned(desk, claim)])


def _delivers(lane: Lane, claims: Sequence[Claim]) -> bool:
    try:
        lane.deliver(claims)
    except Unavailable:
        raise  # the database is away: no row's fault
    except Exception:  # noqa: BLE001 - one broken row must not stop the others
        _log.exception(
            "delivery.batch_failed",
            extra={"deliveries": [claim.id for claim in claims][:20], "rows": len(claims)},
        )
        return False
    return True


def _poisoned(desk: Desk, claim: Claim) -> Settlement:
    if claim.attempts + 1 >= desk.settings.poison_tries_max:
        return settle.parked(claim, error=POISON)
    due_at = desk.clock.now() + timedelta(seconds=bound_s(claim.attempts))
    return settle.later(claim, due_at, error=POISON, attempt=True)


def _settle(desk: Desk, settlements: Sequence[Settlement]) -> None:
    run_work(
        desk.database,
        None,
        lambda work: Claims(work.scope).settle(settlements),
        clock=desk.clock,
    )


def _keep_house(desk: Desk) -> None:
    """Slices, the sign of life and sweeping, in the worker's main thread."""
    seen_s = -desk.settings.heartbeat_s
    swept_s = -SWEEP_EVERY_S
    while not desk.stop.is_set():
        try:
            if desk.clock.monotonic_s() - swept_s >= SWEEP_EVERY_S:
                swept_s = desk.clock.monotonic_s()
                run_work(desk.database, None, lambda work: sweep(work.scope), clock=desk.clock)
            if desk.clock.monotonic_s() - seen_s >= desk.settings.heartbeat_s:
                seen_s = desk.clock.monotonic_s()
                _beat(desk)
            move_slice(desk)
        except Exception:  # noqa: BLE001 - the loop's edge
            _log.exception("delivery.house_failed")
        desk.stop.wait(desk.settings.slice_every_s)


def _beat(desk: Desk) -> None:
    run_work(
        desk.database,
        None,
        lambda work: beat(work.scope, desk.settings.worker_name, {}),
        clock=desk.clock,
    )
