"""Ends of lots: dates of the shop's calendar, over clock changes, late jobs and pauses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.expiry import (
    Deadline,
    day_start,
    deadlines,
    effective,
    local_day,
    new_lot,
    pending,
    plan_expire,
    spendable,
    warnings,
)
from ledger.member_state import Pause
from ledger.programme_terms import Expiry, ExpiryKind, UnitKind, UnitTerms
from tests.support.card_builders import NOON, lot

VIENNA = ZoneInfo("Europe/Vienna")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def unit(kind: str, *, days: int = 0, months: int = 0, **parts: Any) -> UnitTerms:
    expiry = Expiry(kind=ExpiryKind(kind), days=days, months=months)
    return UnitTerms(code="points", kind=UnitKind.POINTS, expiry=expiry, **parts)


def ends(terms: UnitTerms, earned: str, zone: ZoneInfo = VIENNA, **parts: Any) -> str | None:
    at = datetime.fromisoformat(earned).replace(tzinfo=zone)
    made = new_lot(terms, 5, earned_at=at, now=at, zone=zone, **parts)
    return made.expires_at.astimezone(zone).isoformat() if made.expires_at else None


@pytest.mark.parametrize(
    ("terms", "earned", "end"),
    [
        (unit("never"), "2026-03-01T12:00", None),
        (unit("idle", days=30), "2026-03-01T12:00", None),
        # Over both clock changes the end is midnight on the shop's clock.
        (unit("days", days=30), "2026-03-01T12:00", "2026-04-01T00:00:00+02:00"),
        (unit("days", days=30), "2026-10-01T23:59", "2026-11-01T00:00:00+01:00"),
        (unit("days", days=1), "2028-02-28T00:00", "2028-03-01T00:00:00+01:00"),
        (unit("month_end"), "2026-02-01T00:00", "2026-03-01T00:00:00+01:00"),
        (unit("month_end"), "2026-12-31T23:59", "2027-01-01T00:00:00+01:00"),
        (unit("month_end", months=2), "2026-12-31T23:59", "2027-03-01T00:00:00+01:00"),
        (unit("month_end", months=12), "2026-01-31T00:00", "2027-02-01T00:00:00+01:00"),
        (unit("year_end"), "2026-01-01T00:00", "2027-01-01T00:00:00+01:00"),
        (unit("year_end", months=3), "2026-12-31T12:00", "2027-04-01T00:00:00+02:00"),
    ],
)
def test_when_a_lot_ends(terms: UnitTerms, earned: str, end: str | None) -> None:
    assert ends(terms, earned) == end


def test_a_day_without_midnight_begins_with_its_first_moment() -> None:
    # In 2018 the clocks of Sao Paulo went from midnight of 4 November to one o'clock.
    start = day_start(date(2018, 11, 4), SAO_PAULO)

    assert start == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert local_day(start, SAO_PAULO) == date(2018, 11, 4)
    assert local_day(start - timedelta(microseconds=1), SAO_PAULO) == date(2018, 11, 3)


def test_a_pack_has_its_own_life() -> None:
    assert ends(unit("never"), "2026-11-24T12:00", days=10) == "2026-12-05T00:00:00+01:00"


def test_the_idle_days_go_with_the_lot() -> None:
    made = new_lot(unit("idle", days=30), 5, earned_at=NOON, now=NOON, zone=VIENNA)
    dated = new_lot(unit("days", days=30), 5, earned_at=NOON, now=NOON, zone=VIENNA)

    assert (made.idle_days, dated.idle_days) == (30, None)


def test_what_is_pending_waits_until_the_return_window_is_over() -> None:
    terms = unit("never", pending_days=14)

    waits = new_lot(terms, 5, earned_at=NOON, now=NOON, zone=VIENNA)
    free = new_lot(terms, 5, earned_at=NOON, now=NOON, zone=VIENNA, pending=False)

    assert waits.available_from == day_start(date(2026, 12, 8), VIENNA)
    assert free.available_from == NOON


def test_a_till_that_is_ahead_makes_nobody_wait() -> None:
    ahead = NOON + timedelta(minutes=30)

    made = new_lot(unit("never"), 5, earned_at=ahead, now=NOON, zone=VIENNA)

    assert made.available_from == NOON


def test_a_date_beyond_the_calendar_is_its_end() -> None:
    assert ends(unit("days", days=3660), "9998-12-30T12:00") == "9998-12-31T00:00:00+01:00"


def test_activity_moves_an_idle_end_and_never_backwards() -> None:
    idle = lot(5, at=NOON, idle_days=10)

    def end_of(active: datetime | None) -> datetime | None:
        return effective([idle], last_active_at=active, zone=VIENNA)[0].expires_at

    assert end_of(None) == day_start(date(2026, 12, 5), VIENNA)
    assert end_of(NOON - timedelta(days=5)) == day_start(date(2026, 12, 5), VIENNA)
    assert end_of(NOON + timedelta(days=5)) == day_start(date(2026, 12, 10), VIENNA)


def test_an_idle_lot_still_ends_on_its_own_date() -> None:
    both = lot(5, at=NOON, idle_days=10, expires_at=NOON + timedelta(days=2))

    assert effective([both], last_active_at=NOON, zone=VIENNA)[0].expires_at == both.expires_at


def test_a_lot_without_idle_days_or_pause_is_left_alone() -> None:
    plain = lot(5, expires_at=NOON)

    assert effective([plain], last_active_at=NOON, zone=VIENNA) == (plain,)
    assert effective([lot(5)], last_active_at=NOON, zone=VIENNA, pauses=[pause(1, 2)]) == (lot(5),)


def pause(first: int, last: int) -> Pause:
    """Days of December 2026."""
    return Pause(first_day=date(2026, 12, first), last_day=date(2026, 12, last))


@pytest.mark.parametrize(
    ("pauses", "last_day"),
    [
        ((), date(2026, 12, 10)),
        ((pause(1, 7),), date(2026, 12, 17)),
        ((pause(10, 10),), date(2026, 12, 11)),
        ((pause(11, 20),), date(2026, 12, 10)),
        # The first pause lets the second one count.
        ((pause(11, 12), pause(1, 3)), date(2026, 12, 15)),
    ],
)
def test_a_pause_moves_the_end_of_a_pack(pauses: tuple[Pause, ...], last_day: date) -> None:
    pack = lot(10, expires_at=day_start(date(2026, 12, 11), VIENNA))

    found = effective([pack], last_active_at=None, zone=VIENNA, pauses=pauses)

    assert found[0].expires_at == day_start(last_day + timedelta(days=1), VIENNA)


def test_a_pause_before_the_pack_was_bought_is_not_its_own() -> None:
    pack = lot(10, at=NOON, expires_at=day_start(date(2026, 12, 11), VIENNA))
    before = Pause(first_day=date(2026, 11, 1), last_day=date(2026, 11, 20))
    half = Pause(first_day=date(2026, 11, 1), last_day=date(2026, 11, 25))

    assert effective([pack], last_active_at=None, zone=VIENNA, pauses=[before]) == (pack,)
    moved = effective([pack], last_active_at=None, zone=VIENNA, pauses=[half])[0].expires_at
    assert moved == day_start(date(2026, 12, 13), VIENNA)


def test_an_expiry_takes_what_is_over_once() -> None:
    lots = [
        lot(5, number=1, expires_at=NOON),
        lot(7, number=2, expires_at=NOON - timedelta(days=9), amount=10),
        lot(0, number=3, expires_at=NOON - timedelta(days=9), amount=10),
        lot(1, number=6, expires_at=NOON, amount=10),
        lot(9, number=4, expires_at=NOON + timedelta(microseconds=1)),
        lot(9, number=5),
    ]

    lapse = plan_expire("points", lots, NOON)

    assert lapse is not None
    assert (lapse.unit, lapse.units) == ("points", 13)
    assert [(part.lot_id, part.amount) for part in lapse.allocations] == [(1, 5), (2, 7), (6, 1)]
    assert plan_expire("points", [lots[2], *lots[4:]], NOON) is None


@settings(deadline=None)
@given(
    ends=st.lists(st.integers(-20, 20), max_size=8),
    stops=st.lists(st.integers(-25, 25), max_size=6),
)
def test_a_job_that_runs_late_or_twice_ends_the_same(ends: list[int], stops: list[int]) -> None:
    lots = [
        lot(n + 1, number=n, expires_at=NOON + timedelta(days=end)) for n, end in enumerate(ends)
    ]
    last = NOON + timedelta(days=25)
    once = plan_expire("points", lots, last)

    gone = []
    left = list(lots)
    for stop in [*sorted(stops), 25]:
        lapse = plan_expire("points", left, NOON + timedelta(days=stop))
        if lapse:
            gone += lapse.allocations
            taken = {part.lot_id for part in lapse.allocations}
            left = [one for one in left if one.id not in taken]

    assert sorted(gone, key=lambda part: part.lot_id) == list(once.allocations if once else [])


def test_every_date_is_listed() -> None:
    first, second = NOON + timedelta(days=3), NOON + timedelta(days=40)
    lots = [
        lot(5, number=1, expires_at=second),
        lot(2, number=2, expires_at=first),
        lot(3, number=3, expires_at=first),
        lot(9, number=4),
        lot(9, number=5, expires_at=NOON),
        lot(0, number=6, expires_at=second),
    ]

    found = deadlines(lots, NOON, zone=VIENNA)

    assert [(one.expires_at, one.units) for one in found] == [(first, 5), (second, 5)]


def test_the_last_day_is_the_day_before_its_midnight() -> None:
    end = day_start(date(2026, 12, 1), VIENNA)

    assert deadlines([lot(1, expires_at=end)], NOON, zone=VIENNA)[0].last_day == date(2026, 11, 30)


@pytest.mark.parametrize(("left", "step"), [(31, None), (30, 30), (8, 30), (7, 7), (1, 7), (0, 7)])
def test_a_warning_is_due_from_its_step_on(left: int, step: int | None) -> None:
    day = local_day(NOON, VIENNA) + timedelta(days=left)
    deadline = Deadline(last_day=day, expires_at=day_start(day, VIENNA), units=1)

    found = warnings([deadline], (30, 7), NOON, zone=VIENNA)

    assert found == (((step, deadline),) if step else ())


def test_what_waits_is_told_with_its_day() -> None:
    day = NOON + timedelta(days=2)
    lots = [
        lot(5, number=1, at=day),
        lot(2, number=2, at=day),
        lot(3, number=3),
        lot(4, number=4, at=day, expires_at=NOON),
        lot(0, number=5, at=day + timedelta(days=1)),
    ]

    assert pending(lots, NOON) == ((day, 7),)
    assert spendable(lots, NOON) == 3
    assert spendable(lots, day) == 10


def test_a_lot_with_nothing_left_has_no_date_and_a_last_one_has() -> None:
    end = NOON + timedelta(days=3)
    lots = [lot(0, number=1, expires_at=end), lot(1, number=2, expires_at=end)]
    later = NOON + timedelta(days=1)
    waiting = [lot(0, number=1, at=later), lot(1, number=2, at=later)]

    assert [(one.expires_at, one.units) for one in deadlines(lots, NOON, zone=VIENNA)] == [(end, 1)]
    assert deadlines(lots[:1], NOON, zone=VIENNA) == ()
    assert pending(waiting, NOON) == ((later, 1),)
    assert pending(waiting[:1], NOON) == ()


def test_what_is_over_waits_for_nothing_any_more() -> None:
    later = NOON + timedelta(days=1)

    assert pending([lot(5, at=later, expires_at=NOON)], NOON) == ()
