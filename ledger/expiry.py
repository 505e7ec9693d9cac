"""When a lot may be spent and when it ends: dates of the shop's calendar, exact over clock changes.

A lot earned on a day with 30 days to live is good until that day's 30th day is over: the moment is
midnight at the end of it, on the shop's clock. Not done here: writing; a job that runs late or
twice finds the same lots or none, since a lot without anything left is passed over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ledger.evaluation import Lapse
from ledger.lots import Allocation, Lot, NewLot, is_spendable
from ledger.member_state import MemberState, Pause
from ledger.programme_terms import Expiry, ExpiryKind, UnitTerms

MONTHS_OF_YEAR: Final = 12
LAST_DAY: Final = date(9998, 12, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """`units` that can still be spent on `last_day` and no later; they end at `expires_at`."""

    last_day: date
    expires_at: datetime
    units: int


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The shop's date of a moment."""
    return moment.astimezone(zone).date()


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a shop's day, in UTC.

    Where the clock is put forward over midnight, the day begins at the first moment there is.
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def new_lot(
    unit: UnitTerms,
    amount: int,
    *,
    earned_at: datetime,
    now: datetime,
    zone: ZoneInfo,
    days: int = 0,
    pending: bool = True,
) -> NewLot:
    """The lot of a credit; `days` above zero is a pack's own life in place of the unit's."""
    day = local_day(earned_at, zone)
    wait = unit.pending_days if pending else 0
    expiry = Expiry(kind=ExpiryKind.DAYS, days=days) if days else unit.expiry
    end = _last_day(expiry, day)
    return NewLot(
        amount=amount,
        available_from=day_start(_later(day, wait), zone) if wait else min(earned_at, now),
        expires_at=None if end is None else day_start(_later(end, 1), zone),
        idle_days=expiry.days if expiry.kind is ExpiryKind.IDLE else None,
    )


def _last_day(expiry: Expiry, day: date) -> date | None:
    match expiry.kind:
        case ExpiryKind.DAYS:
            return _later(day, expiry.days)
        case ExpiryKind.MONTH_END:
            return _month_end(day, expiry.months)
        case ExpiryKind.YEAR_END:
            return _month_end(day.replace(month=MONTHS_OF_YEAR), expiry.months)
    return None


def _month_end(day: date, months: int) -> date:
    count = day.year * MONTHS_OF_YEAR + day.month + months
    return date(count // MONTHS_OF_YEAR, count % MONTHS_OF_YEAR + 1, 1) - timedelta(days=1)


def _later(day: date, days: int) -> date:
    return min(day, LAST_DAY - timedelta(days=days)) + timedelta(days=days)


def effective(
    lots: Iterable[Lot],
    *,
    last_active_at: datetime | None,
    zone: ZoneInfo,
    pauses: Sequence[Pause] = (),
) -> tuple[Lot, ...]:
    """The lots with their true end in `expires_at`: idle days and pauses are worked in.

    A member without any activity counts from the day the lot was made.
    """
    return tuple(
        _with_end(lot, last_active_at, zone=zone, pauses=pauses)
        if lot.idle_days is not None or (pauses and lot.expires_at is not None)
        else lot
        for lot in lots
    )


def _with_end(
    lot: Lot, last_active_at: datetime | None, *, zone: ZoneInfo, pauses: Sequence[Pause]
) -> Lot:
    end = lot.expires_at
    if end is not None:
        end = _after_pauses(lot, end, zone=zone, pauses=pauses)
    if lot.idle_days is not None:
        active = max(lot.available_from, last_active_at or lot.available_from)
        idle_end = day_start(_later(local_day(active, zone), lot.idle_days + 1), zone)
        end = idle_end if end is None else min(end, idle_end)
    return replace(lot, expires_at=end)


def _after_pauses(lot: Lot, end: datetime, *, zone: ZoneInfo, pauses: Sequence[Pause]) -> datetime:
    # Each pause that begins while the lot lives moves its end, and so may let the next one count.
    last = local_day(end - timedelta(microseconds=1), zone)
    born = local_day(lot.available_from, zone)
    moved = 0
    for pause in sorted(pauses, key=lambda pause: pause.first_day):
        first = max(pause.first_day, born)
        if first <= _later(last, moved) and first <= pause.last_day:
            moved += (pause.last_day - first).days + 1
    # Days are added on the shop's clock, so that midnight stays midnight.
    return (end.astimezone(zone) + timedelta(days=moved)).astimezone(UTC) if moved else end


def plan_expire(unit: str, lots: Iterable[Lot], now: datetime) -> Lapse | None:
    """What is over of the (effective) lots of one account, or None."""
    over = [
        lot
        for lot in lots
        if lot.remaining > 0 and lot.expires_at is not None and lot.expires_at <= now
    ]
    if not over:
        return None
    return Lapse(
        unit=unit,
        units=sum(lot.remaining for lot in over),
        allocations=tuple(Allocation(lot_id=lot.id, amount=lot.remaining) for lot in over),
    )


def plan_lapses(state: MemberState, now: datetime, *, zone: ZoneInfo) -> tuple[Lapse, ...]:
    """What is over of all that a member holds, unit by unit: it ends before anything else."""
    found = (
        plan_expire(
            unit,
            effective(
                holding.lots,
                last_active_at=state.last_active_at,
                zone=zone,
                pauses=holding.pauses,
            ),
            now,
        )
        for unit, holding in state.holdings.items()
    )
    return tuple(lapse for lapse in found if lapse is not None)


def deadlines(lots: Iterable[Lot], now: datetime, *, zone: ZoneInfo) -> tuple[Deadline, ...]:
    """Every date on which something ends, earliest first; what is over is not listed."""
    ends: defaultdict[datetime, int] = defaultdict(int)
    for lot in lots:
        if lot.expires_at is not None and lot.expires_at > now and lot.remaining > 0:
            ends[lot.expires_at] += lot.remaining
    return tuple(
        Deadline(
            last_day=local_day(end - timedelta(microseconds=1), zone),
            expires_at=end,
            units=ends[end],
        )
        for end in sorted(ends)
    )


def warnings(
    dates: Iterable[Deadline], warn_days: Sequence[int], now: datetime, *, zone: ZoneInfo
) -> tuple[tuple[int, Deadline], ...]:
    """Each deadline that is within a warning step, with the step: the smallest that is reached.

    A job that runs late still finds every step that is due; whoever keeps (step, deadline) sends
    each once.
    """
    today = local_day(now, zone)
    found = []
    for deadline in dates:
        left = (deadline.last_day - today).days
        steps = [step for step in warn_days if left <= step]
        if steps:
            found.append((min(steps), deadline))
    return tuple(found)


def pending(lots: Iterable[Lot], now: datetime) -> tuple[tuple[datetime, int], ...]:
    """What may be spent only later: from when, and how many; earliest first."""
    waits: defaultdict[datetime, int] = defaultdict(int)
    for lot in lots:
        if lot.remaining > 0 and lot.available_from > now and not is_over(lot, now):
            waits[lot.available_from] += lot.remaining
    return tuple(sorted(waits.items()))


def is_over(lot: Lot, now: datetime) -> bool:
    """Whether the (effective) lot has ended."""
    return lot.expires_at is not None and lot.expires_at <= now


def spendable(lots: Iterable[Lot], now: datetime) -> int:
    """How much of the (effective) lots can be spent now."""
    return sum(lot.remaining for lot in lots if is_spendable(lot, now))
