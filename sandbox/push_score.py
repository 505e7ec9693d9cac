"""How an iPhone punishes frequent pushes of one pass type, and when it asks again.

Apple does not publish this; the shape comes from public notes on `passd`, the thresholds are ours
and pessimistic. Every push moves a score: quick ones up, slow ones down, never below zero. A high
score delays the next "what changed?" after the last one.
"""

from __future__ import annotations

from dataclasses import dataclass

INTERVAL_S_MIN = 1800.0
INTERVAL_S_SHARED = 7200.0
DEFAULT_THRESHOLDS = ((3.0, 120.0), (6.0, 600.0), (10.0, 3600.0))


@dataclass(slots=True, kw_only=True)
class PushScore:
    """Of one pass type on one phone; times in seconds since 1970, 0 for never."""

    score: float = 0.0
    last_push_s: float = 0.0
    last_asked_s: float = 0.0

    def push(self, now_s: float, *, passes: int) -> None:
        """Count one push; `passes` is how many passes of the type the phone holds."""
        if self.last_push_s:
            interval = max(INTERVAL_S_MIN, INTERVAL_S_SHARED / max(passes, 1))
            x = (interval - max(now_s - self.last_push_s, 0.0)) / interval
            self.score = max(0.0, self.score + (x**3 if x > 0 else x))
        self.last_push_s = now_s

    def may_ask_at(self, thresholds: tuple[tuple[float, float], ...]) -> float:
        """The first moment at which the phone asks the server again."""
        waits = [wait_s for limit, wait_s in thresholds if self.score > limit]
        return self.last_asked_s + max(waits, default=0.0)
