"""Units run out on their day, however late, often or crowded the job is."""

from __future__ import annotations

import itertools
import threading
from datetime import timedelta
from typing import Any

import pytest

from common.clock import ManualClock
from common.errors import InsufficientBalance
from loyalty import expire as job
from loyalty.context import Loyalty
from loyalty.expire import ExpireProgress, expire, expiry_state
from loyalty.rule_card import rule_card
from storage.engine import Database
from storage.unit_of_work import open_work
from storage.verify import verify
from tests.support.builders import CAFE
from tests.support.counter import count, do_redeem
from tests.support.ledger_proof import broken_rules
from tests.support.rules import SPEND, a_rule_shop, balances, buy, terms_of

EURO = {**SPEND, "spend_minor": 100}


def units(**expiry: Any) -> list[dict[str, Any]]:
    return [{"code": "points", "kind": "points", "expiry": expiry}]


def test_a_lot_ends_on_its_day_and_a_late_or_second_run_finds_nothing_more(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(database, clock, terms_of(EURO, units=units(kind="days", days=30)))
    buy(ctx, shop, 700)
    clock.advance(days=20)
    buy(ctx, shop, 300)

    early = expire(ctx, CAFE.id)
    clock.advance(days=18)  # a week late
    seen: list[ExpireProgress] = []
    late = expire(ctx, CAFE.id, progress=seen.append)
    again = expire(ctx, CAFE.id)

    assert (early.lots, late.lots, again.lots) == (0, 1, 0)
    assert (late.accounts, late.units) == (1, {"points": 7})
    assert [(one.due, one.lots) for one in seen] == [(1, 1)]
    assert balances(ctx, shop) == {"points": 3}
    assert expiry_state(ctx, CAFE.id) == ExpireProgress(due=0, accounts=0, lots=0)
    assert verify(database) == []
    assert broken_rules(database) == []


def test_what_is_over_is_not_spent_although_no_job_ran(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(database, clock, terms_of(EURO, units=units(kind="days", days=30)))
    buy(ctx, shop, 1000)
    clock.advance(days=31)

    with pytest.raises(InsufficientBalance):
        do_redeem(ctx, shop)


def test_activity_keeps_idle_units_alive_and_what_was_over_stays_over(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(
        database, clock, terms_of(EURO, units=units(kind="idle", days=10)), members=2
    )
    busy, idle = shop.members
    for member in shop.members:
        buy(ctx, shop, 500, member_id=member)
    clock.advance(days=9)
    buy(ctx, shop, 100, member_id=busy)
    clock.advance(days=5)

    done = expire(ctx, CAFE.id)
    buy(ctx, shop, 100, member_id=idle)

    assert done.units == {"points": 5}
    assert balances(ctx, shop, busy) == {"points": 6}
    assert balances(ctx, shop, idle) == {"points": 1}
    assert verify(database) == []


def test_a_late_sale_lets_what_is_over_end_first(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(database, clock, terms_of(EURO, units=units(kind="idle", days=10)))
    buy(ctx, shop, 500)
    clock.advance(days=20)

    result = buy(ctx, shop, 100)

    assert [(one.kind, one.units) for one in result.changes] == [("expire", -5), ("earn", 1)]
    assert result.balance == 1
    assert verify(database) == []


def test_two_jobs_at_once_end_every_lot_once(
    ctx: Loyalty, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "SLICE", 3)
    shop = a_rule_shop(
        database, clock, terms_of(EURO, units=units(kind="days", days=1)), members=10
    )
    for member in shop.members:
        buy(ctx, shop, 200, member_id=member)
    clock.advance(days=3)
    done: list[int] = []
    gate = threading.Barrier(2)

    def run() -> None:
        gate.wait()
        done.append(expire(ctx, CAFE.id).lots)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(done) == 10
    assert count(database, "operation", ["kind = 'expire'"]) == 10
    assert verify(database) == []


def test_a_tier_falls_when_its_grace_is_over(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    tiers = {
        "window": "days",
        "days": 30,
        "grace_days": 7,
        "levels": [{"code": "silver", "name": "Silver", "threshold": 1000}],
    }
    shop = a_rule_shop(database, clock, terms_of(EURO, tiers=tiers))
    buy(ctx, shop, 1000)

    fallen = []
    for _week in range(6):
        clock.advance(days=7)
        fallen.append(expire(ctx, CAFE.id).tiers_fallen)

    assert fallen == [0, 0, 0, 0, 0, 1]
    card = rule_card(ctx, CAFE.id, shop.member)
    assert card is not None
    assert card.view.tier is not None
    assert card.view.tier.code == ""


def test_cards_are_sent_anew_when_an_end_comes_near(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(database, clock, terms_of(EURO, units=units(kind="days", days=60)))
    buy(ctx, shop, 1000)

    def revision() -> int:
        with open_work(database, CAFE.id, clock=clock, writing=False) as work:
            return work.passes.current_of_member(shop.member).revision

    expire(ctx, CAFE.id)
    first = revision()
    moved = []
    for _night in range(59):
        clock.advance(seconds=timedelta(days=1).total_seconds())
        expire(ctx, CAFE.id)
        moved.append(revision())

    assert moved[-1] == first + 2  # thirty days before, and seven


def test_what_waited_shows_on_the_phone_the_day_it_can_be_spent(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    waits = [{"code": "points", "kind": "points", "pending_days": 5}]
    shop = a_rule_shop(database, clock, terms_of(EURO, units=waits))
    expire(ctx, CAFE.id)
    buy(ctx, shop, 700)

    def revision() -> int:
        with open_work(database, CAFE.id, clock=clock, writing=False) as work:
            return work.passes.current_of_member(shop.member).revision

    moved = [revision()]
    for _day in range(7):
        clock.advance(days=1)
        expire(ctx, CAFE.id)
        moved.append(revision())

    assert [after - before for before, after in itertools.pairwise(moved)] == [0, 0, 0, 0, 1, 0, 0]
