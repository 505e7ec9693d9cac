"""The clock of the pretend phones, which a test may move forward.

Certificates, tokens and signatures are judged by the real clock; only waiting is judged by this one
(the phones' push score, their retries, Google's notification quota), so that no test has to sleep.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

ADVANCE_S_MAX = 400 * 24 * 3600


class SandboxClock:
    """Seconds since 1970, real time plus what tests have added."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def now_s(self) -> float:
        return time.time() + self._ahead_s

    def on_change(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def advance(self, seconds: float) -> float:
        """Move forward by 0..ADVANCE_S_MAX seconds; time never runs back. Returns the new time."""
        if not 0 <= seconds <= ADVANCE_S_MAX:
            raise ValueError(f"advance_s must lie between 0 and {ADVANCE_S_MAX}")
        with self._lock:
            self._ahead_s += seconds
        for listener in self._listeners:
            listener()
        return self.now_s()


def iso(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 text in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
