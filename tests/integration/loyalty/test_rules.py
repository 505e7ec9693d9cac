"""Programmes of many rules on the books: what a sale gives, in one commit, and never twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import IdempotencyMismatch, InvalidInput, LimitReached
from loyalty.context import Loyalty
from loyalty.items import ItemForm, add_item
from loyalty.refund import RefundRequest, refund
from loyalty.sold import SaleItem
from storage.engine import Database
from storage.unit_of_work import open_work
from storage.verify import verify
from tests.support.counter import a_shop, count, do_earn
from tests.support.rules import SPEND, a_rule_shop, balances, buy, terms_of

COFFEE = {"code": "coffee", "kind": "stamps", "goal": 9}
CAKE = {"code": "cake", "kind": "stamps", "goal": 5}
COFFEES = {
    "kind": "item",
    "code": "coffees",
    "unit": "coffee",
    "when": {"match": {"categories": ["coffee"]}},
}
CAKES = {
    "kind": "item",
    "code": "cakes",
    "unit": "cake",
    "when": {"match": {"categories": ["cake"]}},
}


def test_ten_spent_is_one_point_and_the_rest_is_carried(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(database, clock, terms_of(SPEND))

    first = buy(ctx, shop, 1540)
    second = buy(ctx, shop, 460)

    assert (first.units, first.balance, second.units, second.balance) == (1, 1, 1, 2)
    assert verify(database) == []


def test_a_sale_moves_several_units_in_one_event(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    units = [{"code": "points", "kind": "points"}, COFFEE, CAKE]
    shop = a_rule_shop(database, clock, terms_of(SPEND, COFFEES, CAKES, units=units))
    lines = (
        SaleItem(code="espresso", category="coffee", quantity=2, net_minor=600),
        SaleItem(code="brownie", category="cake", net_minor=400),
    )

    result = buy(ctx, shop, 1000, lines=lines)

    assert {change.unit: change.units for change in result.changes} == {
        "points": 1,
        "coffee": 2,
        "cake": 1,
    }
    assert balances(ctx, shop) == {"points": 1, "coffee": 2, "cake": 1}
    assert count(database, "sale_line") == 2
    assert verify(database) == []


def test_the_same_key_gives_the_same_answer_for_every_unit(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    units = [{"code": "points", "kind": "points"}, COFFEE]
    shop = a_rule_shop(database, clock, terms_of(SPEND, COFFEES, units=units))
    lines = (SaleItem(category="coffee", net_minor=1000),)

    first = buy(ctx, shop, 1000, lines=lines, idempotency_key="once")
    again = buy(ctx, shop, 1000, lines=lines, idempotency_key="once")

    assert again.replayed
    assert again.changes == first.changes
    assert again.sentences == first.sentences
    assert balances(ctx, shop) == {"points": 1, "coffee": 1}
    with pytest.raises(IdempotencyMismatch):
        buy(ctx, shop, 1000, idempotency_key="once")


def test_a_limit_refuses_and_nothing_is_written(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    limits = [{"kind": "earns_per_day", "most": 1}]
    shop = a_rule_shop(database, clock, terms_of(SPEND, limits=limits))
    buy(ctx, shop, 1000)

    with pytest.raises(LimitReached):
        buy(ctx, shop, 1000)
    with pytest.raises(LimitReached):
        buy(ctx, shop, 10**12 + 1)
    with pytest.raises(InvalidInput):
        buy(ctx, shop, None)

    assert count(database, "sale") == 1
    clock.advance(days=1)
    assert buy(ctx, shop, 1000).balance == 2


def test_spending_lifts_to_silver_and_a_bonus_is_kept_on_the_next_purchase(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    bonus = {
        "kind": "bonus",
        "code": "comeback",
        "grant": {"kind": "add_next", "unit": "points", "amount": 20, "days": 30},
        "once": True,
    }
    tiers = {
        "levels": [
            {"code": "silver", "name": "Silver", "threshold": 5000, "benefit_percent": 5},
            {"code": "gold", "name": "Gold", "threshold": 15000, "benefit_percent": 10},
        ]
    }
    shop = a_rule_shop(database, clock, terms_of(SPEND, bonus, tiers=tiers))

    first = buy(ctx, shop, 5000)
    second = buy(ctx, shop, 1000)

    assert (first.tier, first.tier_risen, first.units) == ("silver", True, 5)
    assert (second.tier, second.tier_risen, second.units) == ("silver", False, 21)
    assert count(database, "promise", ["kept_by_id is not null"]) == 1
    assert verify(database) == []


def test_a_sale_of_one_rate_keeps_its_lines_with_what_the_list_knows(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_shop(database, clock)
    latte = ItemForm(code="latte", name="Latte", category="coffee", cost_minor=80)
    add_item(ctx, shop.merchant_id, item=latte, actor=SYSTEM)

    done = do_earn(ctx, shop, 900, lines=(SaleItem(code="latte", quantity=2, net_minor=900),))

    assert (done.units, done.balance) == (9, 9)
    told = ["item = 'latte'", "category = 'coffee'", "quantity_milli = 2000", "cost_minor = 160"]
    assert count(database, "sale_line", told) == 1
    with pytest.raises(InvalidInput):
        do_earn(ctx, shop, 900, lines=(SaleItem(code="No Such Code", net_minor=900),))
    with pytest.raises(InvalidInput):
        do_earn(ctx, shop, 900, tax_minor=901)
    assert count(database, "sale") == 1


def test_an_event_of_several_units_is_one_visit_in_the_reports(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    units = [{"code": "points", "kind": "points"}, COFFEE]
    shop = a_rule_shop(database, clock, terms_of(SPEND, COFFEES, units=units))
    sale = buy(
        ctx,
        shop,
        2000,
        lines=(SaleItem(category="coffee", quantity=3, net_minor=2000),),
        actor=shop.anna,
    )
    back = RefundRequest(
        operation_id=sale.operation_id,
        amount_minor=1000,
        actor=shop.anna,
        idempotency_key="back",
    )
    refund(ctx, shop.merchant_id, back)

    with open_work(database, shop.merchant_id, clock=clock, writing=False) as work:
        start = clock.now() - timedelta(hours=1)
        (anna,) = work.reports.people_of_day(start, clock.now() + timedelta(hours=1))
        movements = work.reports.movements(limit=10)
        (member,) = work.reports.members(limit=10)

    assert (anna.visits, anna.earned, anna.sales_minor) == (1, 2, 2000)
    assert [line.kind for line in movements] == ["refund", "earn"]
    assert (member.unit, member.balance) == ("points", 1)
