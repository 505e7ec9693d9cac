"""When a phone may be pushed again: iPhones punish frequent pushes, so their score is kept here too.

Per pass type a phone adds to a score with each push that comes sooner than the zero interval Z
after the last (`((Z - t) / Z) ** 3`), and takes off when it comes later. Past thresholds it stops
asking for minutes, then hours; in the end it offers its owner to switch the card off. The numbers
are read from iOS by others and may change: all of them are settings.

Rules: a push goes out at once while the score stays low (earn, redeem, undo at the counter: about
three); after that at the trailing edge of a window, with all that changed meanwhile in one push.
Pure: no clock, no table.

Source: reference notes on the iOS daemon; forum 807401 at developer.apple.com shows the effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.settings import PaceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneScore:
    """What a phone is thought to hold against us: its score and when it was pushed last."""

    score: float
    pushed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceDecision:
    """Push now (`due_at` None), or at `due_at`; `score_after` is the score once pushed now."""

    due_at: datetime | None
    score_after: float

    @property
    def now(self) -> bool:
        return self.due_at is None


def score_after(phone: PhoneScore, *, now: datetime, cards: int, settings: PaceSettings) -> float:
    """The phone's score if it were pushed now; `cards` is how many of the type it holds."""
    if phone.pushed_at is None:
        return 1.0
    zero_s = max(settings.zero_interval_min_s, settings.zero_interval_s / max(cards, 1))
    # A clock that went back must not look like a long rest.
    since_s = max(0.0, (now - phone.pushed_at).total_seconds())
    share = (zero_s - since_s) / zero_s
    change = share**3 if share > 0 else share
    return max(0.0, phone.score + change)


def decide(phone: PhoneScore, *, now: datetime, cards: int, settings: PaceSettings) -> PaceDecision:
    """Whether to push now, or when."""
    after = score_after(phone, now=now, cards=cards, settings=settings)
    wait_s = window_s(after, settings)
    if phone.pushed_at is None or wait_s == 0:
        return PaceDecision(due_at=None, score_after=after)
    # A last push ahead of now was written by a wrong clock: the window then counts from now.
    due_at = min(phone.pushed_at, now) + timedelta(seconds=wait_s)
    return PaceDecision(due_at=due_at if due_at > now else None, score_after=after)


def window_s(score: float, settings: PaceSettings) -> float:
    """How long after the last push the next may go, for a push that would reach `score`."""
    if score <= settings.burst_score:
        return 0.0
    for most, wait_s in settings.windows:
        if score <= most:
            return wait_s
    return settings.rest_s
