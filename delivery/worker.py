"""The worker: its threads, from the start until told to stop.

Two lanes (flow.py), so that a slow Google does not hold up an iPhone, and a thread for Google's
keys and lists; the main thread moves slices of mass changes and shows a sign of life. Any number of
workers may run on one database.
Told to stop, a worker gives its leases back within ten seconds; killed, they run out by
themselves.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from common.clock import Clock
from delivery.alarms import LOOK_EVERY_S, raise_alarms
from delivery.apple_lane import AppleLane
from delivery.desk import Desk
from delivery.flow import AFTER_FAILURE_S, POISON, Lane, run_lane, turn
from delivery.google_chores import run_chores
from delivery.google_lane import GoogleLane
from delivery.google_messages import GoogleMessageLane
from delivery.mail_lane import MailLane
from delivery.messages import step_messages
from delivery.night import run_night
from delivery.outbox_lane import run_outbox
from delivery.settings import DeliverySettings
from delivery.slices import move_slice
from signing.keyring import Keyring
from storage.deliveries import Channel
from storage.engine import Database
from storage.outbox import OutboxChannel
from storage.signs_of_life import beat
from storage.sweeping import sweep
from storage.unit_of_work import run_work

__all__ = ["AFTER_FAILURE_S", "POISON", "Lane", "run_lane", "run_worker", "turn"]

LANE_STOP_S: Final = 9.5
SWEEP_EVERY_S: Final = 3600.0

_log = logging.getLogger("regulars.delivery")


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
        threading.Thread(target=run_night, args=(desk,), name="night", daemon=True),
        threading.Thread(
            target=run_outbox,
            args=(desk, GoogleMessageLane, OutboxChannel.GOOGLE),
            name="google-messages",
            daemon=True,
        ),
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
    ends_s = clock.monotonic_s() + LANE_STOP_S
    for thread in threads:
        thread.join(max(0.0, ends_s - clock.monotonic_s()))


def _keep_house(desk: Desk) -> None:
    """Slices, the sign of life and sweeping, in the worker's main thread."""
    seen_s = -desk.settings.heartbeat_s
    swept_s = -SWEEP_EVERY_S
    looked_s = -LOOK_EVERY_S
    while not desk.stop.is_set():
        try:
            if desk.clock.monotonic_s() - swept_s >= SWEEP_EVERY_S:
                swept_s = desk.clock.monotonic_s()
                run_work(desk.database, None, lambda work: sweep(work.scope), clock=desk.clock)
            if desk.clock.monotonic_s() - seen_s >= desk.settings.heartbeat_s:
                seen_s = desk.clock.monotonic_s()
                _beat(desk)
            step_messages(desk)
            move_slice(desk)
            if desk.clock.monotonic_s() - looked_s >= LOOK_EVERY_S:
                looked_s = desk.clock.monotonic_s()
                raise_alarms(desk)
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
