"""The examples that shop owners are told, through the use cases and on both databases.

The same by hand, without a database: tests/unit/ledger/test_articles.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import InsufficientBalance, NotFound
from common.ids import new_id
from loyalty.context import Loyalty
from loyalty.expire import expire
from loyalty.offers import RewardKind
from loyalty.pay_with_points import PayRequest, pay_with_points
from loyalty.rewards import RewardForm, add_reward
from loyalty.rule_card import RuleCard, rule_card
from loyalty.sold import SaleAtHand, SaleItem
from loyalty.spending import NotDue
from loyalty.use_coupon import PromiseRequest, use_promise
from storage.engine import Database
from storage.verify import verify
from tests.support.builders import CAFE
from tests.support.counter import Shop, do_redeem
from tests.support.ledger_proof import broken_rules
from tests.support.rules import SPEND, a_rule_shop, balances, buy, terms_of

CUP = {
    "kind": "item",
    "code": "cup",
    "unit": "coffee",
    "when": {"match": {"categories": ["coffee"]}},
}
TIERS = {
    "levels": [
        {"code": "silver", "name": "Silver", "threshold": 50_000, "benefit_percent": 5},
        {"code": "gold", "name": "Gold", "threshold": 150_000, "benefit_percent": 10},
    ]
}


@pytest.fixture(autouse=True)
def books_that_prove_right(database: Database) -> Iterator[None]:
    yield
    assert verify(database) == []
    assert broken_rules(database) == []


def card_of(ctx: Loyalty, shop: Shop, sale: SaleAtHand | None = None) -> RuleCard:
    found = rule_card(ctx, CAFE.id, shop.member, sale=sale)
    assert found is not None
    return found


def test_ten_spent_is_one_point_and_fifty_points_a_reward(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(database, clock, terms_of(SPEND), cost=50)
    for _week in range(49):
        buy(ctx, shop, 1000)
        clock.advance(days=7)
    with pytest.raises(InsufficientBalance) as caught:
        do_redeem(ctx, shop)

    last = buy(ctx, shop, 1999)

    assert (caught.value.available, caught.value.needed) == (49, 50)
    assert (last.units, last.balance, last.carry_minor) == (1, 50, 999)
    assert do_redeem(ctx, shop).balance == 0


def test_buy_nine_and_the_tenth_is_free(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    units = [{"code": "coffee", "kind": "stamps", "goal": 9}]
    shop = a_rule_shop(database, clock, terms_of(CUP, units=units), cost=9)

    def cups(quantity: int, net: int) -> tuple[SaleItem, ...]:
        return (SaleItem(category="coffee", quantity=quantity, net_minor=net),)

    buy(ctx, shop, 1500, lines=(*cups(4, 1200), SaleItem(category="cake", net_minor=300)))
    buy(ctx, shop, 1500, lines=cups(5, 1500))
    assert balances(ctx, shop)["coffee"] == 9
    reward = add_reward(
        ctx,
        CAFE.id,
        shop.programme_id,
        name="The tenth",
        cost=9,
        offer=RewardForm(unit="coffee"),
        actor=SYSTEM,
    )

    free = do_redeem(ctx, shop, reward_id=reward)
    tenth = buy(
        ctx,
        shop,
        300,
        lines=(*cups(1, 0), SaleItem(category="cake", net_minor=300)),
        redemptions=(free.operation_id,),
    )

    # The free one stands in the sale with nothing to pay and gives no stamp.
    assert (free.balance, tenth.units, balances(ctx, shop)["coffee"]) == (0, 0, 0)


def test_silver_takes_five_percent_off_and_gold_ten(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(database, clock, terms_of(SPEND, tiers=TIERS))
    secret = add_reward(
        ctx,
        CAFE.id,
        shop.programme_id,
        name="Behind the curtain",
        cost=1,
        offer=RewardForm(kind=RewardKind.EXCLUSIVE, tiers=("gold",)),
        actor=SYSTEM,
    )
    found: list[Any] = []
    for amount in (49_999, 1, 99_999, 1):
        tier = buy(ctx, shop, amount).tier
        found.append((tier, card_of(ctx, shop, SaleAtHand(amount_minor=999)).tier_discount_minor))
        if tier == "silver":
            with pytest.raises(NotDue):
                do_redeem(ctx, shop, reward_id=secret)

    assert found == [("", 0), ("silver", 49), ("silver", 49), ("gold", 99)]
    assert do_redeem(ctx, shop, reward_id=secret).units == -1


def test_the_next_purchase_is_free_with_points(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    payments = [{"unit": "points", "units": 1, "minor": 50}]
    shop = a_rule_shop(database, clock, terms_of(SPEND, payments=payments))
    buy(ctx, shop, 30_000)
    request = PayRequest(
        member_id=shop.member,
        unit="points",
        to_pay_minor=1250,
        actor=SYSTEM,
        idempotency_key=f"k{new_id()}",
    )

    paid = pay_with_points(ctx, CAFE.id, request)
    sale = buy(ctx, shop, 1250, redeemed_minor=1250, redemptions=(paid.operation_id,))

    assert (paid.discount_minor, paid.units, paid.balance) == (1250, -25, 5)
    # What points paid earns nothing.
    assert (sale.units, sale.balance) == (0, 5)


@pytest.mark.parametrize("of", ["member", "shop"])
def test_the_reward_comes_only_a_little_above_the_average_order(
    ctx: Loyalty, database: Database, clock: ManualClock, of: str
) -> None:
    floor = {"average": of, "percent": 110}
    grant = {"kind": "fixed_off_next", "amount": 300, "days": 30, "floor": floor}
    more = {"kind": "bonus", "code": "more", "floor": floor, "grant": grant}
    shop = a_rule_shop(database, clock, terms_of(SPEND, more))
    for _sale in range(20):
        buy(ctx, shop, 2000)
        clock.advance(days=2)
    expire(ctx, CAFE.id)  # the night works out what the shop's average is

    # The least is a tenth above 20.00; the member's own average falls with each smaller sale.
    buy(ctx, shop, 2199)
    assert card_of(ctx, shop).view.promises == ()
    buy(ctx, shop, 2250)

    (promised,) = card_of(ctx, shop).view.promises

    def use(amount: int) -> Any:
        request = PromiseRequest(
            member_id=shop.member,
            promise_id=promised.id,
            actor=SYSTEM,
            idempotency_key=f"k{new_id()}",
            sale=SaleAtHand(amount_minor=amount),
        )
        return use_promise(ctx, CAFE.id, request)

    with pytest.raises(NotDue):
        use(2199)
    assert use(2250).discount_minor == 300
    with pytest.raises(NotFound):
        use(2250)
