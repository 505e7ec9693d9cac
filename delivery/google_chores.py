"""What a worker does for Google beside its deliveries: fetch root keys, ask who holds cards.

One thread of its own, because it waits for the network. What breaks is logged and tried again; no
delivery waits for it.
"""

from __future__ import annotations

import logging
from typing import Final

from delivery.desk import Desk
from delivery.google_client import GoogleClient
from delivery.google_keys import keep_keys
from delivery.google_reconcile import reconcile_nightly

LOOK_EVERY_S: Final = 2.0
NIGHT_LOOK_EVERY_S: Final = 60.0

_log = logging.getLogger("regulars.delivery")


def run_chores(desk: Desk) -> None:
    """Work until told to stop."""
    client = GoogleClient(
        desk.settings, database=desk.database, keyring=desk.keyring, clock=desk.clock
    )
    looked_s = desk.clock.monotonic_s()
    while not desk.stop.is_set():
        try:
            keep_keys(desk)
            if desk.clock.monotonic_s() - looked_s >= NIGHT_LOOK_EVERY_S:
                looked_s = desk.clock.monotonic_s()
                reconcile_nightly(desk, client)
        except Exception:  # noqa: BLE001 - the loop's edge
            _log.exception("delivery.chores_failed")
        desk.stop.wait(LOOK_EVERY_S)
    client.close()
