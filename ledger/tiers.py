"""Tiers: which one a member stands in, from when, and how far it is to the next.

A tier is reached at the moment the total reaches it. It is lost `grace_days` after the total no
longer carries it, unless the total carries it again before. Totals are of days of the shop's
calendar: a sale counts for `days` days, its own included. `tier_at` looks at the history alone, so
it says the same whether it is asked every night or a week late.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ledger.expiry import day_start, local_day
from ledger.programme_terms import TierLevel, TierTerms, TierWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStanding:
    """The tier now (`code`, empty for none) and the window's total.

    `falls_on` is the first day without it if nothing more is bought, and `falls_to` what is left;
    None where it stays.
    """

    code: str
    total: int
    falls_on: date | None = None
    falls_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayUp:
    """The next tier and what is missing; `percent` of the way is done (0 to 99)."""

    code: str
    name: str
    missing: int
    percent: int


def window_start(tiers: TierTerms, at: datetime, zone: ZoneInfo) -> datetime | None:
    """From when sales add to the total at that moment; None is from the very first."""
    day = local_day(at, zone)
    match tiers.window:
        case TierWindow.DAYS:
            return day_start(day - timedelta(days=tiers.days - 1), zone)
        case TierWindow.YEAR:
            return day_start(date(day.year, 1, 1), zone)
    return None


def level_of(tiers: TierTerms, code: str) -> TierLevel | None:
    """The level of that code, None for none or for one the terms no longer have."""
    return next((level for level in tiers.levels if level.code == code), None)


def reached(tiers: TierTerms, total: int) -> int:
    """How many levels the total carries: 0 is none, 1 the first."""
    return sum(1 for level in tiers.levels if level.threshold <= total)


def risen(tiers: TierTerms, code: str, total: int) -> str:
    """The tier after a sale made the total; a sale never lowers it."""
    rank = reached(tiers, total)
    return tiers.levels[rank - 1].code if rank > rank_of(tiers, code) else code


def rank_of(tiers: TierTerms, code: str) -> int:
    """1 for the first level; 0 for none."""
    codes = [level.code for level in tiers.levels]
    return codes.index(code) + 1 if code in codes else 0


def way_up(tiers: TierTerms, code: str, total: int) -> WayUp | None:
    """What is missing for the next tier; None at the top."""
    rank = rank_of(tiers, code)
    if rank >= len(tiers.levels):
        return None
    level = tiers.levels[rank]
    missing = max(0, level.threshold - total)
    done = min(99, max(0, total) * 100 // level.threshold)
    return WayUp(code=level.code, name=level.name, missing=missing, percent=done)


def tier_at(
    tiers: TierTerms, history: Iterable[tuple[datetime | date, int]], now: datetime, zone: ZoneInfo
) -> TierStanding:
    """The tier that the whole history gives at `now`; what lies after `now` is left out.

    The history may be summed per day of the shop, or net of refunds; its order does not matter.
    """
    today = local_day(now, zone)
    changes = _changes(tiers, history, today=today, zone=zone)
    course = _Course(tiers=tiers)
    for day in sorted(day for day in changes if day <= today):
        course.move(day, changes[day])
    course.settle(today)
    total, code = course.total, course.code()
    # Without a further sale only what leaves the window still moves it: the first fall is told.
    for day in [*sorted(day for day in changes if day > today), date.max]:
        falls_on = course.due()
        if falls_on is not None and falls_on <= day:
            course.settle(falls_on)
            return TierStanding(code=code, total=total, falls_on=falls_on, falls_to=course.code())
        if day < date.max:
            course.move(day, changes[day])
        if course.code() != code:
            # Without grace it falls with the very day that takes something out of the window.
            return TierStanding(code=code, total=total, falls_on=day, falls_to=course.code())
    return TierStanding(code=code, total=total)


def _changes(
    tiers: TierTerms,
    history: Iterable[tuple[datetime | date, int]],
    *,
    today: date,
    zone: ZoneInfo,
) -> dict[date, tuple[int, int]]:
    # Day by day, what leaves the window at its start and what comes in during it.
    leaves: defaultdict[date, int] = defaultdict(int)
    comes: defaultdict[date, int] = defaultdict(int)
    for moment, amount in history:
        day = local_day(moment, zone) if isinstance(moment, datetime) else moment
        if day > today:
            continue
        comes[day] += amount
        gone = _leaves_on(tiers, day)
        if gone is not None:
            leaves[gone] += amount
    return {day: (leaves.get(day, 0), comes.get(day, 0)) for day in {*leaves, *comes}}


def _leaves_on(tiers: TierTerms, day: date) -> date | None:
    match tiers.window:
        case TierWindow.DAYS:
            return day + timedelta(days=tiers.days)
        case TierWindow.YEAR:
            return date(day.year + 1, 1, 1)
    return None


@dataclass(slots=True, kw_only=True)
class _Course:
    """A member's way through the tiers, a day at a time.

    `short_since[k]` is the day since which the total does not carry level k+1, for held levels.
    """

    tiers: TierTerms
    total: int = 0
    rank: int = 0
    short_since: dict[int, date] = field(default_factory=dict)

    def code(self) -> str:
        return self.tiers.levels[self.rank - 1].code if self.rank else ""

    def move(self, day: date, change: tuple[int, int]) -> None:
        """Let the day begin (what leaves), settle what fell until then, then let the sales in."""
        leaving, coming = change
        self.settle(day - timedelta(days=1))
        self.total -= leaving
        self._look(day)
        # A fall that is due at this midnight comes before the day's sales.
        self.settle(day)
        self.total += coming
        self._look(day)

    def settle(self, day: date) -> None:
        """Fall through every level whose grace is over on `day`."""
        due = self.due()
        while due is not None and due <= day:
            self.short_since.pop(self.rank, None)
            self.rank -= 1
            due = self.due()

    def due(self) -> date | None:
        """The first day without the present level, as things stand."""
        since = self.short_since.get(self.rank)
        return None if since is None else since + timedelta(days=self.tiers.grace_days)

    def _look(self, day: date) -> None:
        carried = reached(self.tiers, self.total)
        self.rank = max(self.rank, carried)
        short = self.short_since
        for rank in range(1, self.rank + 1):
            if rank > carried:
                short.setdefault(rank, day)
            else:
                short.pop(rank, None)
