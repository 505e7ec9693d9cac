"""What a web process does beside its pages: it shows that it lives, and misses the worker.

Not here: what is told and how (delivery/worker_watch.py).
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from typing import Final

from common.errors import Unavailable
from delivery.desk import Desk
from delivery.worker_watch import watch_workers
from regulars.installation import Installation
from storage.signs_of_life import WEB, beat
from storage.unit_of_work import run_work
from storage.wakeups import take_leave

BEAT_EVERY_S: Final = 20.0

_log = logging.getLogger("regulars.web")


class WebWatch:
    """A thread of a web process, from `start` to `leave`."""

    def __init__(self, installation: Installation) -> None:
        self._stop = threading.Event()
        self._name = f"{WEB}{socket.gethostname()}-{os.getpid()}"
        self._desk = Desk(
            settings=installation.delivery,
            database=installation.database,
            clock=installation.loyalty.clock,
            keyring=installation.keyring,
            stop=self._stop,
        )
        self._thread = threading.Thread(target=self._run, name="web-watch", daemon=True)

    def start(self) -> None:
        """Begin; call it after a fork."""
        self._thread.start()

    def leave(self) -> None:
        """The process ends as it was asked to."""
        self._stop.set()
        self._thread.join(1.0)
        take_leave(self._desk.database, self._name, clock=self._desk.clock)

    def look(self) -> None:
        """Show that it lives, then look for the worker."""
        run_work(
            self._desk.database,
            None,
            lambda work: beat(work.scope, self._name, {}),
            clock=self._desk.clock,
        )
        watch_workers(self._desk)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Unavailable:
                pass  # a database that is away: every page says so
            except Exception:  # noqa: BLE001 - the loop's edge: the next look is soon
                _log.exception("web.watch_failed")
            self._stop.wait(BEAT_EVERY_S)
