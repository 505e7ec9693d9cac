"""What is known of a member when a rule is asked: loaded under the account's lock, never written.

Only what the terms need must be loaded; every default means "nothing there".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from ledger.lots import Lot
from ledger.programme_terms import GrantKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A class pack rests from `first_day` to `last_day`, both included; its end moves as much."""

    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A member's account of one unit.

    `carry` is minor units for points and ten-thousandths of a minor unit for cashback. `debt` is
    what is owed (never negative). `lots` may be empty on an earn of a unit that never expires.
    """

    unit: str
    balance: int = 0
    carry: int = 0
    debt: int = 0
    lots: tuple[Lot, ...] = ()
    locked: bool = False
    pauses: tuple[Pause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Something given for the next purchase that is still open; `id` 0 until it is stored.

    `rule` and `terms_version` say which rule of which terms made it; `min_sale_minor` is already
    worked out from the averages of the day it was made. `welcome` marks a welcome bonus.
    """

    rule: str
    kind: GrantKind
    amount: int
    granted_at: datetime
    terms_version: int
    unit: str = ""
    min_sale_minor: int = 0
    expires_at: datetime | None = None
    welcome: bool = False
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a member is in one challenge, bonus or set.

    `count` is actions in the window that began on `since` (for a streak, whole periods, the last
    of which began on `last`). `given` is how many levels were given in it; `times` how often the
    whole was completed. `parts` are the units of a set since the last one.
    """

    count: int = 0
    since: date | None = None
    last: date | None = None
    given: int = 0
    times: int = 0
    parts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberState:
    """All that rules look at.

    `purchases` are the standing sales before this one. `tier_total` is what the window of the
    tiers holds, without this sale. `units_today` are units earned this shop day, by this member;
    `shop_units_today` by all. Averages are of net sales, None where there are too few.
    `welcomed` is True when this contact ever had a welcome bonus, on any card of the programme.
    """

    holdings: Mapping[str, Holding] = field(default_factory=dict)
    purchases: int = 0
    promises: tuple[Promise, ...] = ()
    progress: Mapping[str, Progress] = field(default_factory=dict)
    tier: str = ""
    tier_total: int = 0
    last_active_at: datetime | None = None
    last_earn_at: datetime | None = None
    earns_today: int = 0
    units_today: Mapping[str, int] = field(default_factory=dict)
    shop_units_today: Mapping[str, int] = field(default_factory=dict)
    member_average_minor: int | None = None
    shop_average_minor: int | None = None
    welcomed: bool = False

    def holding(self, unit: str) -> Holding:
        """The member's account of `unit`, empty where there is none yet."""
        return self.holdings.get(unit) or Holding(unit=unit)
