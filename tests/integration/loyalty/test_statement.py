"""The statement adds up to the books: what is out, what moved, gift cards apart."""

from __future__ import annotations

from datetime import date

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import InvalidInput
from common.ids import new_id
from ledger.offers import RewardKind
from loyalty.context import Loyalty
from loyalty.expire import expire
from loyalty.refund import RefundRequest, refund
from loyalty.rewards import RewardForm, add_reward
from loyalty.sold import SaleItem
from loyalty.statement import statement, statement_csv
from storage.engine import Database
from tests.support.builders import CAFE
from tests.support.counter import do_redeem, do_reverse
from tests.support.rules import SPEND, a_rule_shop, balances, buy, terms_of

UNITS = [{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 30}}]


def test_what_moved_and_what_is_out_add_up(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(database, clock, terms_of({**SPEND, "spend_minor": 100}, units=UNITS))
    voucher = add_reward(
        ctx,
        CAFE.id,
        shop.programme_id,
        name="Five euro",
        cost=5,
        actor=SYSTEM,
        offer=RewardForm(kind=RewardKind.VOUCHER, value_minor=500, cost_minor=300),
    )
    sale = buy(ctx, shop, 2000)
    gift = SaleItem(code="gift", net_minor=3000, gift_card=True)
    buy(ctx, shop, 3000, lines=(gift,))
    do_redeem(ctx, shop, reward_id=voucher)
    undone = do_redeem(ctx, shop, reward_id=voucher)
    do_reverse(ctx, shop, undone.operation_id)
    refund(
        ctx,
        CAFE.id,
        RefundRequest(
            operation_id=sale.operation_id,
            amount_minor=500,
            actor=SYSTEM,
            idempotency_key=f"k{new_id()}",
        ),
    )
    clock.advance(days=40)
    expire(ctx, CAFE.id)
    buy(ctx, shop, 700)

    found = statement(
        ctx,
        CAFE.id,
        programme_id=shop.programme_id,
        since=date(2026, 11, 1),
        until=date(2027, 1, 31),
    )

    november, january = found.months
    assert (november.issued, november.taken_back, november.redeemed) == (20, 5, 5)
    assert (november.redeemed_minor, november.cost_minor) == (500, 300)
    assert (january.issued, january.expired) == (7, 10)
    (points,) = found.owed
    assert points.units == balances(ctx, shop)["points"] == 7
    assert [age.units for age in points.ages] == [7, 0, 0, 0]
    assert points.redeemed_percent == 33
    assert (points.face_minor, points.estimate_minor, points.estimate_cost_minor) == (700, 231, 139)
    assert found.gift_cards == ((date(2026, 11, 22), 3000),)
    text = statement_csv(found, by="month").splitlines()
    assert text[1] == "2026-11,points,20,5,5,0,0,5.00,3.00,EUR"
    assert text[-1] == "2026-11,gift_cards_sold,30.00,,,,,,,EUR"
    earlier = statement(
        ctx,
        CAFE.id,
        programme_id=shop.programme_id,
        since=date(2026, 11, 22),
        until=date(2026, 11, 30),
    )
    assert earlier.owed[0].units == 10


def test_a_time_that_cannot_be_is_refused(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    shop = a_rule_shop(database, clock, terms_of(SPEND))
    days = {"since": date(2026, 2, 1), "until": date(2026, 1, 1)}

    with pytest.raises(InvalidInput):
        statement(ctx, CAFE.id, programme_id=shop.programme_id, **days)
