"""The single units of a card, a second time: each is a thing with a birth and an end.

Days are counted one by one on the shop's calendar, with none of the engine's functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ledger.member_state import Pause
from ledger.programme_terms import Expiry, ExpiryKind, ProgrammeTerms

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(eq=False)
class One:
    """A single unit on the card; `sale` and `part` together are the lot it came with."""

    unit: str
    sale: int
    part: str
    available: datetime
    ends: datetime | None
    idle_days: int | None
    state: str = "here"


class SlowUnits:
    """What lies on a card, and when it ends."""

    def __init__(self, terms: ProgrammeTerms) -> None:
        self.terms = terms
        self.zone = ZoneInfo(terms.time_zone)
        self.ones: list[One] = []
        self.pauses: dict[str, list[Pause]] = {}
        self.last_active: datetime | None = None

    def balance(self, unit: str) -> int:
        return sum(1 for one in self.ones if one.unit == unit and one.state == "here")

    def spendable(self, unit: str, now: datetime) -> int:
        return len(self._spendable(unit, now))

    def rests(self, unit: str, now: datetime) -> bool:
        today = self._day(now)
        return any(p.first_day <= today <= p.last_day for p in self.pauses.get(unit, []))

    def ends_of(self, one: One) -> datetime:
        ends = one.ends or NEVER
        if one.ends is not None:
            ends = self._rested(one, one.ends)
        if one.idle_days is not None:
            last = max(one.available, self.last_active or one.available)
            ends = min(ends, self._midnight_after(last, one.idle_days))
        return ends

    def lets_expire(self, now: datetime) -> int:
        here = [one for one in self.ones if one.state == "here"]
        over = [one for one, ends in self._with_ends(here) if ends <= now]
        for one in over:
            one.state = "expired"
        return len(over)

    def _here(self, unit: str) -> list[One]:
        return [one for one, _ends in self._in_order(unit)]

    def _spendable(self, unit: str, now: datetime) -> list[One]:
        return [one for one, ends in self._in_order(unit) if one.available <= now < ends]

    def _in_order(self, unit: str) -> list[tuple[One, datetime]]:
        here = [one for one in self.ones if one.unit == unit and one.state == "here"]
        return sorted(
            self._with_ends(here), key=lambda both: (both[1], both[0].available, both[0].sale)
        )

    def _with_ends(self, ones: list[One]) -> list[tuple[One, datetime]]:
        known: dict[tuple[object, ...], datetime] = {}
        for one in ones:
            alike = (one.unit, one.available, one.ends, one.idle_days)
            if alike not in known:
                known[alike] = self.ends_of(one)
        return [(one, known[one.unit, one.available, one.ends, one.idle_days]) for one in ones]

    def _new(
        self, unit: str, at: datetime, now: datetime, *, sale: int, part: str, days: int = 0
    ) -> One:
        terms = self.terms.unit(unit)
        expiry = Expiry(kind=ExpiryKind.DAYS, days=days) if days else terms.expiry
        available = min(at, now)
        if terms.pending_days and part == "ordinary":
            available = self._midnight(self._day(at) + terms.pending_days * DAY)
        ends = None
        if expiry.kind is ExpiryKind.DAYS:
            ends = self._midnight_after(at, expiry.days)
        elif expiry.kind in (ExpiryKind.MONTH_END, ExpiryKind.YEAR_END):
            ends = self._midnight(self._month_after(at, expiry))
        return One(
            unit=unit,
            sale=sale,
            part=part,
            available=available,
            ends=ends,
            idle_days=expiry.days if expiry.kind is ExpiryKind.IDLE else None,
        )

    def _month_after(self, at: datetime, expiry: Expiry) -> date:
        day = self._day(at)
        while expiry.kind is ExpiryKind.YEAR_END and day.month != 12:
            day += DAY
        for _month in range(expiry.months + 1):
            month = day.month
            while day.month == month:
                day += DAY
        return day

    def _rested(self, one: One, ends: datetime) -> datetime:
        """The end of a unit that does not age on days of rest: its days are counted one by one."""
        day, last = self._day(one.available), self._day(ends - timedelta(seconds=1))
        left = (last - day).days + 1
        pauses = self.pauses.get(one.unit, [])
        while left > 0:
            if not any(pause.first_day <= day <= pause.last_day for pause in pauses):
                left -= 1
            day += DAY
        return self._midnight(day) if pauses else ends

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def _midnight_after(self, moment: datetime, days: int) -> datetime:
        return self._midnight(self._day(moment) + (days + 1) * DAY)

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)
