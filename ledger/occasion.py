"""An occasion: everything one rule looks at, worked out once for all of them.

The shop's own time is read here, and nowhere else: day, weekday and minute of the sale.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ledger.activity import Activity, Line, matches
from ledger.counting import Counted
from ledger.member_state import MemberState
from ledger.programme_terms import AverageOf, Floor, ProgrammeTerms, When


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """The sale or visit under these terms: `day`, `weekday` (1 Monday) and `minute` are local."""

    terms: ProgrammeTerms
    state: MemberState
    activity: Activity
    counted: Counted
    now: datetime
    zone: ZoneInfo
    day: date
    weekday: int
    minute: int

    def is_on(self, when: When) -> bool:
        """Whether the time, the member and the tier fit; lines are looked at by the rule."""
        return (
            (not when.weekdays or self.weekday in when.weekdays)
            and _in_hours(when, self.minute)
            and (when.first_day is None or when.first_day <= self.day)
            and (when.last_day is None or self.day <= when.last_day)
            and (not when.first_purchase or self.state.purchases == 0)
            and (not when.tiers or self.state.tier in when.tiers)
        )

    def matching(self, when: When) -> tuple[Line, ...]:
        """The lines that count and are meant."""
        return tuple(line for line in self.counted.lines if matches(line, when.match))

    def has_match(self, when: When) -> bool:
        """Whether the whole sale is meant, or a line of it is."""
        return when.match.everything or bool(self.matching(when))


def _in_hours(when: When, minute: int) -> bool:
    start, end = when.from_minute, when.until_minute
    if start < end:
        return start <= minute < end
    return minute >= start or minute < end


def occasion(
    terms: ProgrammeTerms,
    state: MemberState,
    activity: Activity,
    *,
    counted: Counted,
    now: datetime,
) -> Occasion:
    """Work out the shop's time of the activity."""
    zone = ZoneInfo(terms.time_zone)
    local = activity.at.astimezone(zone)
    return Occasion(
        terms=terms,
        state=state,
        activity=activity,
        counted=counted,
        now=now,
        zone=zone,
        day=local.date(),
        weekday=local.isoweekday(),
        minute=local.hour * 60 + local.minute,
    )


def least_minor(floor: Floor, state: MemberState) -> int | None:
    """What a sale must reach; None where the average it leans on is not known yet.

    A part of a minor unit is rounded up: the floor is never below the percentage.
    """
    if floor.average is None:
        return floor.minor
    average = (
        state.member_average_minor
        if floor.average is AverageOf.MEMBER
        else state.shop_average_minor
    )
    if average is None:
        return None
    return max(floor.minor, -(-average * floor.percent // 100))
