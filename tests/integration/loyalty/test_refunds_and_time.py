"""Refunds when something is over: on both engines, whether or not the nightly job ran."""

from __future__ import annotations

from typing import Any

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import InvalidInput
from common.ids import new_id
from loyalty.context import Loyalty
from loyalty.expire import expire
from loyalty.refund import RefundRequest, RefundResult, refund
from storage.engine import Database
from storage.unit_of_work import open_work
from storage.verify import verify
from tests.support.builders import CAFE
from tests.support.counter import Shop, do_redeem, do_reverse
from tests.support.ledger_proof import broken_rules
from tests.support.rules import SPEND, a_rule_shop, balances, buy, terms_of

EURO = {**SPEND, "spend_minor": 100}


def a_shop_of(database: Database, clock: ManualClock, expiry: dict[str, Any]) -> Shop:
    units = [{"code": "points", "kind": "points", "expiry": expiry}]
    terms = terms_of(EURO, units=units, spent_reward="restore", restore_days=10)
    return a_rule_shop(database, clock, terms, cost=4)


def back(ctx: Loyalty, operation_id: int, amount: int) -> RefundResult:
    request = RefundRequest(
        operation_id=operation_id,
        amount_minor=amount,
        actor=SYSTEM,
        idempotency_key=f"k{new_id()}",
    )
    return refund(ctx, CAFE.id, request)


@pytest.mark.parametrize("job_ran", [True, False])
def test_a_restored_reward_brings_back_itself_alone(
    ctx: Loyalty, database: Database, clock: ManualClock, job_ran: bool
) -> None:
    shop = a_shop_of(database, clock, {"kind": "days", "days": 3})
    buy(ctx, shop, 900)
    reward = do_redeem(ctx, shop)
    sale = buy(ctx, shop, 100, redemptions=(reward.operation_id,))
    clock.advance(days=8)
    if job_ran:
        expire(ctx, CAFE.id)

    back(ctx, sale.operation_id, 100)

    assert balances(ctx, shop) == {"points": 4}
    clock.advance(days=9)
    assert expire(ctx, CAFE.id).lots == 0
    clock.advance(days=2)
    assert expire(ctx, CAFE.id).units == {"points": 4}
    assert verify(database) == []
    assert broken_rules(database) == []


def test_a_reward_that_comes_back_to_an_idle_card_lives_its_days(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_shop_of(database, clock, {"kind": "idle", "days": 3})
    buy(ctx, shop, 400)
    reward = do_redeem(ctx, shop)
    sale = buy(ctx, shop, 100, redemptions=(reward.operation_id,))
    clock.advance(days=8)

    back(ctx, sale.operation_id, 100)

    clock.advance(days=9)
    assert expire(ctx, CAFE.id).lots == 0
    assert balances(ctx, shop) == {"points": 4}
    assert verify(database) == []


def test_what_expired_between_two_refunds_is_not_asked_for(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_shop_of(database, clock, {"kind": "days", "days": 3})
    sale = buy(ctx, shop, 1000)
    do_redeem(ctx, shop)
    first = back(ctx, sale.operation_id, 500)
    clock.advance(days=8)

    back(ctx, sale.operation_id, 500)

    # Ten were given: four are spent, five were taken, one expired. Four are owed, not five.
    assert [change.units for change in first.took] == [-5]
    assert balances(ctx, shop) == {"points": 0, "owed:points": 4}
    assert verify(database) == []
    assert broken_rules(database) == []


def test_a_refund_that_ended_a_lot_can_be_undone(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_shop_of(database, clock, {"kind": "days", "days": 3})
    sale = buy(ctx, shop, 1000)
    clock.advance(days=8)
    done = back(ctx, sale.operation_id, 500)
    assert done.operation_id is not None

    do_reverse(ctx, shop, done.operation_id)

    assert balances(ctx, shop) == {"points": 0}
    again = back(ctx, sale.operation_id, 1000)
    assert again.whole
    assert balances(ctx, shop) == {"points": 0}
    assert verify(database) == []
    assert broken_rules(database) == []


def test_a_sale_that_was_paid_with_points_comes_back_once(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_shop_of(database, clock, {"kind": "never"})
    buy(ctx, shop, 500)
    sale = buy(ctx, shop, 500, redeemed_minor=500)

    assert back(ctx, sale.operation_id, 0).whole
    with pytest.raises(InvalidInput, match="came back already"):
        back(ctx, sale.operation_id, 0)

    with open_work(database, CAFE.id, clock=clock, writing=False) as work:
        assert work.rules.sums(shop.member).purchases == 1
