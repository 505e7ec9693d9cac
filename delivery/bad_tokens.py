"""Whether “bad device token” is the phone's fault or ours.

The push service says it of a token that never was (other wallets register such), and of every
token when it is the wrong service or certificate. A registration ends for good, for a phone does
not register again by itself; so it ends only once that can be told apart. Pure but for what the
last answers were; a worker that starts anew learns them anew.
Rules:
- a push that was accepted lately shows that we are right: the token is bad, its registration ends;
- without one the row is tried again, `TRIES_MIN` times before it is believed;
- many without a single one accepted are an alarm: the channel stops and nothing ends.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

from delivery.outcomes import Answer, Outcome

SUSPECTED: Final = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic"})
REMEMBERED: Final = 50
ALARM_AT: Final = 20
TRIES_MIN: Final = 12
"""With growing waits that is more than an hour."""


class BadTokens:
    """The last answers of each merchant, accepted or suspected."""

    def __init__(self) -> None:
        self._accepted: dict[int, deque[bool]] = {}

    def judge(self, merchant_id: int, answer: Answer, *, attempts: int) -> Answer:
        """The answer as it is to be taken; `attempts` failed before it."""
        known = self._accepted.setdefault(merchant_id, deque(maxlen=REMEMBERED))
        suspected = answer.reason in SUSPECTED and answer.outcome is Outcome.GONE
        if answer.outcome is Outcome.DELIVERED or suspected:
            known.append(not suspected)
        if not suspected or any(known):
            return answer
        if len(known) >= ALARM_AT:
            return replace(answer, outcome=Outcome.BREAKER)
        if attempts + 1 < TRIES_MIN:
            return replace(answer, outcome=Outcome.TEMPORARY)
        return answer
