"""Refunds under many rules: part or whole, any order, repeated, once each, with an open debt."""

from __future__ import annotations

from typing import Any

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import (
    AlreadyReversed,
    AlreadySpent,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
)
from common.ids import new_id
from ledger.programme_terms import SpentReward
from loyalty.context import Loyalty
from loyalty.refund import RefundRequest, RefundResult, refund, refundable
from loyalty.reverse_by_rules import AlreadyRefunded
from loyalty.sold import SaleItem
from loyalty.undo_refund import LaterRefund
from storage.engine import Database
from storage.unit_of_work import open_work
from storage.verify import verify
from tests.support.builders import CAFE
from tests.support.counter import Shop, a_shop, count, do_earn, do_redeem, do_reverse
from tests.support.ledger_proof import broken_rules
from tests.support.rules import SPEND, a_rule_shop, balances, buy, terms_of

EURO = {**SPEND, "spend_minor": 100}


@pytest.fixture
def shop(ctx: Loyalty, database: Database, clock: ManualClock) -> Shop:
    return a_rule_shop(database, clock, terms_of(EURO))


def back(ctx: Loyalty, operation_id: int, amount: int, **changes: Any) -> RefundResult:
    values: dict[str, Any] = {
        "operation_id": operation_id,
        "amount_minor": amount,
        "actor": SYSTEM,
        "idempotency_key": f"k{new_id()}",
    }
    return refund(ctx, CAFE.id, RefundRequest(**values | changes))


@pytest.mark.parametrize("parts", [[1050], [350, 700], [700, 350], [50, 500, 500]])
def test_however_a_sale_comes_back_nothing_of_it_stays(
    ctx: Loyalty, database: Database, shop: Shop, parts: list[int]
) -> None:
    buy(ctx, shop, 580)
    sale = buy(ctx, shop, 1050)

    for part in parts:
        last = back(ctx, sale.operation_id, part)

    assert last.whole
    assert balances(ctx, shop) == {"points": 5}
    assert buy(ctx, shop, 20).balance == 6  # the eighty cents of the first sale are still there
    with pytest.raises(InvalidInput):
        back(ctx, sale.operation_id, 1)
    assert verify(database) == []
    assert broken_rules(database) == []


def test_a_part_is_taken_back_by_rating_the_rest(ctx: Loyalty, shop: Shop) -> None:
    sale = buy(ctx, shop, 1050)

    first = back(ctx, sale.operation_id, 60)

    assert [change.units for change in first.took] == [-1]
    assert balances(ctx, shop) == {"points": 9}
    assert refundable(ctx, CAFE.id, sale.operation_id).refunded_minor == 60


def test_a_refund_counts_once_per_reference(ctx: Loyalty, database: Database, shop: Shop) -> None:
    sale = buy(ctx, shop, 1000)

    first = back(ctx, sale.operation_id, 500, idempotency_key="a", refund_ref="R-1")
    again = back(ctx, sale.operation_id, 500, idempotency_key="a", refund_ref="R-1")
    other_key = back(ctx, sale.operation_id, 500, idempotency_key="b", refund_ref="R-1")

    assert not first.replayed
    assert (again.replayed, again.took, again.refund_id) == (True, first.took, first.refund_id)
    assert other_key.replayed
    with pytest.raises(IdempotencyMismatch):
        back(ctx, sale.operation_id, 400, idempotency_key="c", refund_ref="R-1")
    assert count(database, "refund") == 1
    assert balances(ctx, shop) == {"points": 5}


def test_what_is_spent_already_is_owed_and_the_next_sale_pays_it(
    ctx: Loyalty, database: Database, shop: Shop
) -> None:
    sale = buy(ctx, shop, 1200)
    do_redeem(ctx, shop)

    result = back(ctx, sale.operation_id, 1200)

    assert [(one.units, one.debt_change) for one in result.took] == [(-2, 10)]
    assert balances(ctx, shop) == {"points": 0, "owed:points": 10}
    later = buy(ctx, shop, 1500)
    assert (later.units, later.balance) == (5, 5)
    assert balances(ctx, shop) == {"points": 5}
    do_reverse(ctx, shop, later.operation_id)
    assert balances(ctx, shop) == {"points": 0, "owed:points": 10}
    assert verify(database) == []
    assert broken_rules(database) == []


@pytest.mark.parametrize(("choice", "left"), [(SpentReward.RESTORE, 12), (SpentReward.KEEP, 2)])
def test_staff_are_asked_about_a_reward_that_was_spent_on_the_sale(
    ctx: Loyalty, database: Database, shop: Shop, choice: SpentReward, left: int
) -> None:
    buy(ctx, shop, 1200)
    reward = do_redeem(ctx, shop)
    sale = buy(ctx, shop, 300, redemptions=(reward.operation_id,))

    asked = back(ctx, sale.operation_id, 300, idempotency_key="r")

    assert asked.asks
    assert count(database, "refund") == 0
    done = back(ctx, sale.operation_id, 300, idempotency_key="r", choice=choice)
    assert not done.asks
    assert balances(ctx, shop) == {"points": left}
    assert verify(database) == []
    assert broken_rules(database) == []


def test_lines_that_come_back_take_their_stamps(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    units = [{"code": "coffee", "kind": "stamps", "goal": 9}]
    match = {"match": {"categories": ["coffee"]}}
    rule = {"kind": "item", "code": "cups", "unit": "coffee", "when": match}
    shop = a_rule_shop(database, clock, terms_of(rule, units=units))
    cups = SaleItem(code="latte", category="coffee", quantity=3, net_minor=900)
    sale = buy(ctx, shop, 900, lines=(cups,))

    one = SaleItem(code="latte", category="coffee", quantity=1, net_minor=300)
    back(ctx, sale.operation_id, 300, lines=(one,))

    assert balances(ctx, shop)["coffee"] == 2
    too_many = SaleItem(code="latte", category="coffee", quantity=3, net_minor=300)
    with pytest.raises(InvalidInput, match="More than was sold"):
        back(ctx, sale.operation_id, 300, lines=(too_many,))


def test_an_undone_sale_is_not_refunded_nor_a_refunded_one_undone(ctx: Loyalty, shop: Shop) -> None:
    first, second = buy(ctx, shop, 500), buy(ctx, shop, 500)
    do_reverse(ctx, shop, first.operation_id)
    part = back(ctx, second.operation_id, 100)

    with pytest.raises(AlreadyReversed):
        back(ctx, first.operation_id, 100)
    with pytest.raises(AlreadyRefunded):
        do_reverse(ctx, shop, second.operation_id)
    with pytest.raises(NotFound):
        back(ctx, part.operation_id or 0, 100)


def test_a_sale_of_the_time_of_one_rate_is_refunded_by_that_rate(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_shop(database, clock)
    sale = do_earn(ctx, shop, 1050)

    back(ctx, sale.operation_id, 300)

    assert balances(ctx, shop) == {"points": 7}
    assert do_earn(ctx, shop, 50).balance == 8
    assert verify(database) == []


def standing(ctx: Loyalty, shop: Shop) -> dict[str, Any]:
    """Everything of the member that an undone refund must leave as it was."""
    with open_work(ctx.database, shop.merchant_id, clock=ctx.clock, writing=False) as work:
        sums = work.rules.sums(shop.member)
        accounts = work.rules.accounts(shop.member, shop.programme_id)
        return {
            "held": {
                unit: (one.account.balance, one.account.carry, one.debt)
                for unit, one in accounts.items()
            },
            "progress": work.rules.progress(shop.member),
            "promises": work.promises.open(shop.member, now=ctx.clock.now()),
            "sums": (sums.purchases, sums.net_minor, sums.tier),
            "days": [row for row in work.rules.history(shop.member, "") if any(row[1:])],
        }


CHALLENGE = {
    "kind": "challenge",
    "code": "two",
    "repeat": True,
    "levels": [{"goal": 2, "grant": {"kind": "units", "unit": "points", "amount": 7}}],
}
NEXT = {
    "kind": "bonus",
    "code": "comeback",
    "floor": {"minor": 500},
    "grant": {"kind": "add_next", "unit": "points", "amount": 20, "days": 30},
}
TIERS = {
    "basis": "spend",
    "window": "days",
    "days": 365,
    "levels": [{"code": "silver", "name": "Silver", "threshold": 2000}],
}


@pytest.mark.parametrize("amount", [1050, 300])
def test_an_undone_refund_leaves_everything_as_it_was(
    ctx: Loyalty, database: Database, clock: ManualClock, amount: int
) -> None:
    shop = a_rule_shop(database, clock, terms_of(EURO, CHALLENGE, NEXT, tiers=TIERS))
    buy(ctx, shop, 1150)
    sale = buy(ctx, shop, 1050)
    before = standing(ctx, shop)
    refunded = back(ctx, sale.operation_id, amount)
    assert standing(ctx, shop) != before

    undone = do_reverse(ctx, shop, refunded.operation_id or 0)

    assert "The refund was undone" in undone.sentences
    assert standing(ctx, shop) == before
    with pytest.raises(AlreadyReversed):
        do_reverse(ctx, shop, refunded.operation_id or 0)
    assert back(ctx, sale.operation_id, 1050).whole
    assert verify(database) == []
    assert broken_rules(database) == []


def test_only_the_last_refund_of_a_sale_is_undone(
    ctx: Loyalty, database: Database, shop: Shop
) -> None:
    sale = buy(ctx, shop, 1000)
    first, second = (back(ctx, sale.operation_id, amount) for amount in (300, 200))

    with pytest.raises(LaterRefund):
        do_reverse(ctx, shop, first.operation_id or 0)
    do_reverse(ctx, shop, second.operation_id or 0)
    do_reverse(ctx, shop, first.operation_id or 0)

    assert balances(ctx, shop) == {"points": 10}
    assert refundable(ctx, CAFE.id, sale.operation_id).refunded_minor == 0
    do_reverse(ctx, shop, sale.operation_id)
    assert balances(ctx, shop) == {"points": 0}
    assert verify(database) == []


@pytest.mark.parametrize(("paid_since", "left"), [(0, {"points": 2}), (1500, {"points": 17})])
def test_what_was_owed_is_owed_no_longer_or_comes_back(
    ctx: Loyalty, database: Database, shop: Shop, paid_since: int, left: dict[str, int]
) -> None:
    sale = buy(ctx, shop, 1200)
    do_redeem(ctx, shop)
    refunded = back(ctx, sale.operation_id, 1200)
    if paid_since:
        buy(ctx, shop, paid_since)

    do_reverse(ctx, shop, refunded.operation_id or 0)

    assert balances(ctx, shop) == left
    assert verify(database) == []
    assert broken_rules(database) == []


def test_two_rewards_of_a_sale_come_back_and_are_spent_again(
    ctx: Loyalty, database: Database, shop: Shop
) -> None:
    buy(ctx, shop, 2500)
    rewards = [do_redeem(ctx, shop).operation_id for _number in range(2)]
    sale = buy(ctx, shop, 300, redemptions=tuple(rewards))

    done = back(ctx, sale.operation_id, 300, choice=SpentReward.RESTORE)
    assert balances(ctx, shop) == {"points": 25}
    do_reverse(ctx, shop, done.operation_id or 0)

    assert balances(ctx, shop) == {"points": 8}
    again = back(ctx, sale.operation_id, 300, choice=SpentReward.RESTORE)
    assert balances(ctx, shop) == {"points": 25}
    do_redeem(ctx, shop)
    do_redeem(ctx, shop)
    with pytest.raises(AlreadySpent):
        do_reverse(ctx, shop, again.operation_id or 0)
    assert balances(ctx, shop) == {"points": 5}
    assert verify(database) == []
    assert broken_rules(database) == []


def test_a_promised_bonus_falls_with_the_sale_that_promised_it_wherever_it_was_used(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(database, clock, terms_of(EURO, NEXT))
    first = buy(ctx, shop, 1000)
    second = buy(ctx, shop, 400)
    assert balances(ctx, shop) == {"points": 34}
    before = standing(ctx, shop)

    refunded = back(ctx, first.operation_id, 1000)

    assert balances(ctx, shop) == {"points": 4}
    assert any("later purchase" in text for text in refunded.sentences)
    do_reverse(ctx, shop, refunded.operation_id or 0)
    assert standing(ctx, shop) == before
    back(ctx, first.operation_id, 1000)
    back(ctx, second.operation_id, 400)
    assert balances(ctx, shop) == {"points": 0}
    assert verify(database) == []
    assert broken_rules(database) == []


def test_a_promise_that_a_refunded_sale_used_can_be_used_again(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(database, clock, terms_of(EURO, NEXT))
    buy(ctx, shop, 1000)
    second = buy(ctx, shop, 400)
    clock.advance(days=40)

    back(ctx, second.operation_id, 400)
    third = buy(ctx, shop, 400)

    assert third.units == 24
    assert verify(database) == []


def test_a_bonus_that_came_back_and_is_used_keeps_the_refund(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(database, clock, terms_of(EURO, NEXT))
    buy(ctx, shop, 1000)
    second = buy(ctx, shop, 400)
    refunded = back(ctx, second.operation_id, 400)
    third = buy(ctx, shop, 400)

    with pytest.raises(AlreadySpent) as caught:
        do_reverse(ctx, shop, refunded.operation_id or 0)

    assert caught.value.spent_by == (third.operation_id,)
    assert balances(ctx, shop) == {"points": 34}
