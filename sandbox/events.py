"""What happened, in order: the log that the page shows and that tests wait on.

It lives in memory and keeps the newest EVENTS_MAX entries. Numbers start at 1 with each start of
the sandbox and never repeat within it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from sandbox.clock import SandboxClock, iso

EVENTS_MAX = 20_000
WAIT_S_MAX = 30.0

Event = dict[str, Any]


class EventLog:
    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self._last = 0
        self._more = threading.Condition()

    @property
    def last(self) -> int:
        return self._last

    def add(self, kind: str, **facts: Any) -> Event:
        """Append one event; `facts` must be JSON values. Facts that are None are left out."""
        kept = {name: value for name, value in facts.items() if value is not None}
        with self._more:
            self._last += 1
            event = {"n": self._last, "at": iso(self._clock.now_s()), "kind": kind, **kept}
            self._events.append(event)
            self._more.notify_all()
        return event

    def after(self, number: int) -> list[Event]:
        with self._more:
            return self._after(number)

    def wait(self, number: int, timeout_s: float) -> list[Event]:
        """Return events above `number`, waiting at most `timeout_s` for the first of them."""
        deadline = time.monotonic() + min(max(timeout_s, 0.0), WAIT_S_MAX)
        with self._more:
            while self._last <= number:
                left = deadline - time.monotonic()
                if left <= 0 or not self._more.wait(left):
                    break
            return self._after(number)

    def _after(self, number: int) -> list[Event]:
        found: list[Event] = []
        for event in reversed(self._events):
            if event["n"] <= number:
                break
            found.append(event)
        found.reverse()
        return found
