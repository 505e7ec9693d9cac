"""Draft rules on past sales: what they would have cost, and for whom; nothing is written."""

from __future__ import annotations

from common.actor import SYSTEM
from common.clock import ManualClock
from ledger.offers import Cost, RewardKind
from ledger.terms_document import read_terms
from loyalty.context import Loyalty
from loyalty.rehearse import rehearse
from loyalty.rewards import RewardForm, add_reward
from loyalty.rule_drafts import (
    discard_rules_draft,
    publish_rules,
    read_rules,
    save_rules_draft,
    withdraw_next_rules,
)
from storage.engine import Database
from tests.support.builders import CAFE
from tests.support.counter import Shop, a_shop, count, do_earn
from tests.support.rules import a_rule_shop, buy, terms_of

TEN_IS_ONE = {
    "format": 2,
    "currency": "EUR",
    "units": [{"code": "points", "kind": "points"}],
    "rules": [{"kind": "spend", "code": "base", "unit": "points", "spend_minor": 1000, "units": 1}],
}


def a_draft_shop(ctx: Loyalty, database: Database, clock: ManualClock) -> Shop:
    shop = a_shop(database, clock, cost=1_000_000)
    add_reward(
        ctx,
        CAFE.id,
        shop.programme_id,
        name="Fifty",
        cost=50,
        actor=SYSTEM,
        offer=RewardForm(kind=RewardKind.FIXED, value_minor=2500),
    )
    return shop


def test_ten_spent_is_one_point_and_fifty_are_a_reward(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_draft_shop(ctx, database, clock)
    rows = [f"2026-0{month}-{day:02},50.00,ada" for month in (1, 2) for day in range(1, 11)]
    rows += ["2026-03-01,20.00,bert"]

    found = rehearse(
        ctx,
        CAFE.id,
        shop.programme_id,
        "\n".join(["date,amount,customer", *rows]).encode(),
        document=TEN_IS_ONE,
    )

    assert found.pattern == ""
    assert found.low == found.high
    assert (found.sales, found.sales_minor) == (21, 102_000)
    assert found.low.issued == {"points": 102}
    assert found.low.rewards == {"Fifty": 2}
    assert (found.low.cost_minor, found.low.cost_basis_points) == (5000, 490)
    assert found.low.out == {"points": 2}
    assert found.low.liability_minor == 100
    assert [(gain.customers, gain.got_minor) for gain in found.low.gains] == [
        (1, 0),
        (0, 0),
        (0, 0),
        (1, 5000),
    ]
    assert count(database, "operation") == 0


def test_without_customers_the_pattern_is_told_and_a_range_given(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_draft_shop(ctx, database, clock)
    rows = [f"2026-01-{1 + n % 28:02},100.00" for n in range(100)]

    found = rehearse(
        ctx,
        CAFE.id,
        shop.programme_id,
        "\n".join(["date,amount", *rows]).encode(),
        document=TEN_IS_ONE,
    )

    assert "2 times" in found.pattern
    assert "10 times" in found.pattern
    assert (found.low.customers, found.high.customers) == (50, 10)
    assert found.low.cost_minor == 0
    assert found.high.cost_minor == 10 * 2 * 2500


def test_a_draft_counts_when_published_and_what_is_worse_waits_for_its_notice(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_draft_shop(ctx, database, clock)
    do_earn(ctx, shop, 500)
    started = read_rules(ctx, CAFE.id, shop.programme_id)
    better = started.document | {"spent_reward": "restore"}
    better["rules"] = [{**better["rules"][0], "spend_minor": 50}]
    save_rules_draft(ctx, CAFE.id, shop.programme_id, better, actor=SYSTEM)
    first = publish_rules(ctx, CAFE.id, shop.programme_id, actor=SYSTEM)
    assert not first.worse
    assert buy(ctx, shop, 100).units == 2

    view = save_rules_draft(ctx, CAFE.id, shop.programme_id, TEN_IS_ONE, actor=SYSTEM)
    assert any(change.worse for change in view.changes)
    worse = publish_rules(ctx, CAFE.id, shop.programme_id, actor=SYSTEM)

    assert worse.worse
    assert worse.effective_at > clock.now()
    assert buy(ctx, shop, 1000).units == 20
    assert read_rules(ctx, CAFE.id, shop.programme_id).next_at == worse.effective_at
    clock.advance(days=31)
    assert buy(ctx, shop, 1000).units == 1  # put in force by the sale itself
    assert read_rules(ctx, CAFE.id, shop.programme_id).next_at is None
    with database.connection(writing=False) as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("select set_config('regulars.merchant', '*', true)")
        versions = connection.exec_driver_sql("select terms_version from lot order by id").all()
    assert [row[0] for row in versions] == [1, 2, 2, 3]


def test_a_notice_that_runs_can_be_taken_back_and_a_draft_be_dropped(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_draft_shop(ctx, database, clock)
    do_earn(ctx, shop, 500)
    save_rules_draft(ctx, CAFE.id, shop.programme_id, TEN_IS_ONE, actor=SYSTEM)
    publish_rules(ctx, CAFE.id, shop.programme_id, actor=SYSTEM)

    withdraw_next_rules(ctx, CAFE.id, shop.programme_id, actor=SYSTEM)
    save_rules_draft(ctx, CAFE.id, shop.programme_id, TEN_IS_ONE, actor=SYSTEM)
    discard_rules_draft(ctx, CAFE.id, shop.programme_id, actor=SYSTEM)

    view = read_rules(ctx, CAFE.id, shop.programme_id)
    assert (view.draft, view.next_version) == (None, None)
    clock.advance(days=60)
    assert do_earn(ctx, shop, 500).units == 5


def test_a_cost_that_nobody_said_is_said_to_be_unknown(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_shop(database, clock, cost=50)
    rows = [f"2026-01-{day:02},100.00,ada" for day in range(1, 11)]

    found = rehearse(
        ctx,
        CAFE.id,
        shop.programme_id,
        "\n".join(["date,amount,customer", *rows]).encode(),
        document=TEN_IS_ONE,
    )

    (name,) = found.low.rewards
    assert found.low.unknown == {name: 2}
    assert (found.low.cost_minor, found.low.liability_minor) == (0, None)
    assert "at least" in found.label
    assert name in found.label


def test_a_prize_for_two_kinds_of_stamps_and_one_a_customer_are_counted(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    units = [{"code": code, "kind": "stamps"} for code in ("coffee", "cake")]
    rules = [
        {
            "kind": "item",
            "code": code,
            "unit": code,
            "when": {"match": {"categories": [code]}},
        }
        for code in ("coffee", "cake")
    ]
    document = {"format": 2, "currency": "EUR", "units": units, "rules": rules}
    shop = a_rule_shop(database, clock, terms_of(*rules, units=units), cost=900)
    add_reward(
        ctx,
        CAFE.id,
        shop.programme_id,
        name="The pair",
        cost=1,
        actor=SYSTEM,
        offer=RewardForm(
            kind=RewardKind.PRODUCT,
            unit="coffee",
            more_costs=(Cost(unit="cake", amount=1),),
            cost_minor=150,
            per_member=2,
        ),
    )
    rows = [
        f"2026-01-{day:02},{day}-{category},{category},3.00,ada"
        for day in range(1, 6)
        for category in ("coffee", "cake")
    ]

    found = rehearse(
        ctx,
        CAFE.id,
        shop.programme_id,
        "\n".join(["date,receipt,category,amount,customer", *rows]).encode(),
        document=document,
    )

    assert found.low.rewards == {"The pair": 2}
    assert found.low.cost_minor == 300
    assert found.low.out == {"coffee": 3, "cake": 3}


def test_a_percentage_costs_its_share_of_the_purchase_it_is_taken_with(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(
        database, clock, read_terms(TEN_IS_ONE, version=1, time_zone="UTC"), cost=900
    )
    add_reward(
        ctx,
        CAFE.id,
        shop.programme_id,
        name="A tenth off",
        cost=20,
        actor=SYSTEM,
        offer=RewardForm(kind=RewardKind.PERCENT, percent=10),
    )
    rows = [f"2026-01-{day:02},100.00,ada" for day in range(1, 5)]

    found = rehearse(
        ctx,
        CAFE.id,
        shop.programme_id,
        "\n".join(["date,amount,customer", *rows]).encode(),
        document=TEN_IS_ONE,
    )

    assert found.low.rewards == {"A tenth off": 2}
    assert found.low.cost_minor == 2000
    assert found.low.unknown == {}
