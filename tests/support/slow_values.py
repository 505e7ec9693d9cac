"""What the slow model keeps of a sale: promises, what counted when it was rated, what it gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ledger.programme_terms import Grant
from tests.support.slow_progress import Fact


@dataclass(eq=False)
class SlowPromise:
    """Something for the next purchase; `state` is open, used or void."""

    rule: str
    grant: Grant
    granted_at: datetime
    least: int
    ends: datetime | None
    welcome: bool = False
    state: str = "open"

    def is_live(self, now: datetime) -> bool:
        return self.ends is None or now < self.ends


@dataclass
class Seen:
    """What counted of the card when a sale was rated."""

    now: datetime
    carry: dict[str, int]
    today: dict[str, int]
    shop_today: dict[str, int]
    promises: list[SlowPromise]
    facts: dict[str, list[Fact]]
    once: set[str]
    tier: str
    purchases: int
    member_average: int | None
    shop_average: int | None


@dataclass
class Rated:
    """What the sale gives: units under the caps, units given whole, and all it leaves behind."""

    counted: int = 0
    units: dict[str, int] = field(default_factory=dict)
    ordinary: dict[str, int] = field(default_factory=dict)
    welcome: dict[str, int] = field(default_factory=dict)
    packs: list[tuple[str, int, int]] = field(default_factory=list)
    carry: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    earned: dict[str, int] = field(default_factory=dict)
    once: set[str] = field(default_factory=set)
    promised: list[SlowPromise] = field(default_factory=list)
    consumed: list[SlowPromise] = field(default_factory=list)
