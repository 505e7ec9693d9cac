"""What is done once a night is done by one worker, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from common.clock import ManualClock
from storage.engine import Database
from storage.night import is_new_night, take_night
from storage.unit_of_work import run_work

THREE = timedelta(hours=3)


def take(database: Database, clock: ManualClock) -> bool:
    return run_work(
        database, None, lambda work: take_night(work.scope, "task", starts=THREE), clock=clock
    )


def test_one_caller_has_each_night_and_the_first_day_nobody(database, clock):
    assert not take(database, clock)
    clock.advance(hours=14)
    assert not take(database, clock)
    clock.advance(hours=1)

    assert take(database, clock)
    assert not take(database, clock)
    clock.advance(days=1)
    assert take(database, clock)


@pytest.mark.parametrize(
    ("last", "now", "new"),
    [
        ("2026-11-22T02:59", "2026-11-22T03:00", True),
        ("2026-11-22T03:00", "2026-11-23T02:59", False),
        ("2026-11-01T12:00", "2026-11-22T12:00", True),
        ("2027-11-01T12:00", "2026-11-22T12:00", True),
    ],
)
def test_a_night_begins_at_three(last, now, new):
    moments = [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (last, now)]

    assert is_new_night(moments[0], moments[1], starts=THREE) is new


def test_a_damaged_moment_does_not_stop_the_nights():
    assert is_new_night(None, datetime(2026, 11, 22, tzinfo=UTC), starts=THREE)
