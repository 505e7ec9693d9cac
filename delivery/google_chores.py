"""What a worker does for Google beside its deliveries: fetch root keys, and look after callbacks.

One thread of its own, because it waits for the network. What breaks is logged and tried again; no
delivery waits for it.
"""

from __future__ import annotations

import logging
from typing import Final

from delivery.desk import Desk
from delivery.google_keys import keep_keys

LOOK_EVERY_S: Final = 2.0

_log = logging.getLogger("regulars.delivery")


def run_chores(desk: Desk) -> None:
    """Work until told to stop."""
    while not desk.stop.is_set():
        try:
            keep_keys(desk)
        except Exception:  # noqa: BLE001 - the loop's edge
            _log.exception("delivery.chores_failed")
        desk.stop.wait(LOOK_EVERY_S)
