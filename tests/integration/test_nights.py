"""A worker lets what is over end soon after each shop's own midnight, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from common.clock import ManualClock
from loyalty.context import Loyalty
from regulars.nights import keep_nights, night_starts
from storage.engine import Database
from tests.support.rules import SPEND, a_rule_shop, balances, buy, terms_of


def test_a_night_begins_after_the_shops_midnight_in_summer_and_winter() -> None:
    winter, summer = (datetime(2026, month, 15, tzinfo=UTC) for month in (1, 7))

    assert night_starts("Europe/Berlin", winter) == timedelta(hours=23, minutes=5)
    assert night_starts("Europe/Berlin", summer) == timedelta(hours=22, minutes=5)
    assert night_starts("America/New_York", winter) == timedelta(hours=5, minutes=5)


def test_what_is_over_ends_in_the_night_and_only_once(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    units = [{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 1}}]
    shop = a_rule_shop(database, clock, terms_of({**SPEND, "spend_minor": 100}, units=units))
    buy(ctx, shop, 500)
    first_look = keep_nights(ctx)  # it only remembers the moment

    clock.advance(days=2)
    nights = [keep_nights(ctx), keep_nights(ctx)]

    assert (first_look, nights) == (0, [2, 0])
    assert balances(ctx, shop) == {"points": 0}
