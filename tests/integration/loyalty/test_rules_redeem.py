"""Rewards, coupons, promises, points as payment and packs under many rules, and undoing them."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import Any

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import AlreadyReversed, InsufficientBalance, NotFound, WalletError
from common.ids import new_id
from ledger.offers import Cost, RewardKind
from loyalty.context import Loyalty
from loyalty.coupons import CouponForm, add_coupon
from loyalty.packs import lock_unit, pause_pack
from loyalty.pay_with_points import AttendRequest, PayRequest, attend, pay_with_points
from loyalty.results import OperationResult
from loyalty.rewards import RewardForm, add_reward
from loyalty.sold import SaleAtHand, SaleItem
from loyalty.spending import NotDue
from loyalty.use_coupon import CouponRequest, PromiseRequest, use_coupon, use_promise
from storage.engine import Database
from storage.unit_of_work import open_work
from storage.verify import verify
from tests.support.builders import CAFE
from tests.support.counter import Shop, count, do_redeem, do_reverse
from tests.support.ledger_proof import broken_rules
from tests.support.rules import SPEND, a_rule_shop, balances, buy, terms_of

EURO = {**SPEND, "spend_minor": 100}


@pytest.fixture
def shop(ctx: Loyalty, database: Database, clock: ManualClock) -> Shop:
    payments = [{"unit": "points", "units": 10, "minor": 100}]
    return a_rule_shop(database, clock, terms_of(EURO, payments=payments), members=2)


def reward(ctx: Loyalty, shop: Shop, cost: int = 10, **offer: Any) -> int:
    return add_reward(
        ctx,
        CAFE.id,
        shop.programme_id,
        name=f"Reward {new_id()}",
        cost=cost,
        actor=SYSTEM,
        offer=RewardForm(**offer),
    )


def coupon(ctx: Loyalty, shop: Shop, code: str = "TEN", **offer: Any) -> None:
    form = CouponForm(code=code, name="Ten off", **({"kind": RewardKind.PERCENT} | offer))
    add_coupon(ctx, CAFE.id, shop.programme_id, coupon=form, actor=SYSTEM)


def with_coupon(ctx: Loyalty, shop: Shop, code: str = "TEN", **changes: Any) -> OperationResult:
    values: dict[str, Any] = {
        "member_id": shop.member,
        "code": code,
        "actor": SYSTEM,
        "idempotency_key": f"k{new_id()}",
        "sale": SaleAtHand(amount_minor=2000),
    }
    return use_coupon(ctx, CAFE.id, CouponRequest(**values | changes))


def test_a_reward_in_percent_takes_off_the_sale_and_is_undone(
    ctx: Loyalty, database: Database, shop: Shop
) -> None:
    ten = reward(ctx, shop, kind=RewardKind.PERCENT, percent=10, stock=1)
    buy(ctx, shop, 2000)

    done = do_redeem(ctx, shop, reward_id=ten, sale=SaleAtHand(amount_minor=1500))

    assert (done.units, done.balance, done.discount_minor) == (-10, 10, 150)
    with pytest.raises(NotDue, match="already redeemed"):
        do_redeem(ctx, shop, reward_id=ten, sale=SaleAtHand(amount_minor=1500))
    do_reverse(ctx, shop, done.operation_id)
    assert balances(ctx, shop) == {"points": 20}
    again = do_redeem(ctx, shop, reward_id=ten, sale=SaleAtHand(amount_minor=1500))
    assert again.balance == 10
    assert verify(database) == []


def test_a_prize_for_the_full_set_takes_every_kind_of_stamp(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    units = [{"code": "coffee", "kind": "stamps"}, {"code": "cake", "kind": "stamps"}]
    rules = [{"kind": "item", "code": unit["code"] + "s", "unit": unit["code"]} for unit in units]
    shop = a_rule_shop(database, clock, terms_of(*rules, units=units))
    prize = reward(ctx, shop, cost=1, more_costs=(Cost(unit="cake", amount=1),))
    with pytest.raises(InsufficientBalance):
        do_redeem(ctx, shop, reward_id=prize)
    buy(ctx, shop, None, taps={"coffee": 1, "cake": 2})

    done = do_redeem(ctx, shop, reward_id=prize)

    assert balances(ctx, shop) == {"points": 0, "coffee": 0, "cake": 1}
    do_reverse(ctx, shop, done.operation_id)
    assert balances(ctx, shop) == {"points": 0, "coffee": 1, "cake": 2}
    with pytest.raises(AlreadyReversed):
        do_reverse(ctx, shop, done.operation_id)
    assert verify(database) == []
    assert broken_rules(database) == []


def test_of_two_tills_one_takes_the_last_and_the_other_is_told_who(
    ctx: Loyalty, shop: Shop
) -> None:
    last = reward(ctx, shop, kind=RewardKind.MERCHANDISE, stock=1)
    for member in shop.members:
        buy(ctx, shop, 2000, member_id=member)
    found: list[OperationResult | WalletError] = []
    gate = threading.Barrier(2)

    def till(member: int, actor: Any) -> None:
        gate.wait()
        try:
            found.append(do_redeem(ctx, shop, reward_id=last, member_id=member, actor=actor))
        except WalletError as error:
            found.append(error)

    pairs = zip(shop.members, (shop.anna, shop.bert), strict=True)
    threads = [threading.Thread(target=till, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lost = [one for one in found if isinstance(one, NotDue)]
    assert len(lost) == 1
    assert "There is none left." in lost[0].message
    assert "was already redeemed by" in lost[0].message
    assert count(ctx.database, "operation", ["kind = 'redeem'"]) == 1


def test_a_coupon_is_used_once_each_and_an_expired_or_foreign_one_never(
    ctx: Loyalty, database: Database, clock: ManualClock, shop: Shop
) -> None:
    until = clock.now() + timedelta(days=1)
    coupon(ctx, shop, percent=10, valid_until=until, min_sale_minor=1000)
    coupon(ctx, shop, "HERS", percent=50, member_id=shop.members[1])

    done = with_coupon(ctx, shop, code=" ten ")

    assert (done.units, done.discount_minor) == (0, 200)
    with pytest.raises(NotDue, match="as often as it may"):
        with_coupon(ctx, shop)
    with pytest.raises(NotDue, match="another card"):
        with_coupon(ctx, shop, "HERS")
    with pytest.raises(NotFound):
        with_coupon(ctx, shop, "NOSUCH")
    small = SaleAtHand(amount_minor=500)
    with pytest.raises(NotDue, match="at least"):
        with_coupon(ctx, shop, member_id=shop.members[1], sale=small)
    do_reverse(ctx, shop, done.operation_id)
    with_coupon(ctx, shop)
    clock.advance(days=2)
    with pytest.raises(NotDue, match="ended"):
        with_coupon(ctx, shop, member_id=shop.members[1])
    assert verify(database) == []


def test_points_pay_the_next_purchase_in_full(ctx: Loyalty, database: Database, shop: Shop) -> None:
    buy(ctx, shop, 5000)
    request = PayRequest(
        member_id=shop.member,
        unit="points",
        to_pay_minor=500,
        actor=SYSTEM,
        idempotency_key="pay",
    )

    paid = pay_with_points(ctx, CAFE.id, request)
    rest = buy(ctx, shop, 500, redeemed_minor=500, redemptions=(paid.operation_id,))

    assert (paid.units, paid.discount_minor) == (-50, 500)
    assert (rest.units, rest.balance) == (0, 0)
    assert pay_with_points(ctx, CAFE.id, request).replayed
    with pytest.raises(WalletError):
        pay_with_points(
            ctx,
            CAFE.id,
            PayRequest(
                member_id=shop.member,
                unit="points",
                to_pay_minor=500,
                actor=SYSTEM,
                idempotency_key="more",
            ),
        )
    assert verify(database) == []


def test_a_promised_discount_is_used_once(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    grant = {"kind": "fixed_off_next", "amount": 300, "days": 30}
    bonus = {"kind": "bonus", "code": "back", "grant": grant, "once": True}
    shop = a_rule_shop(database, clock, terms_of(EURO, bonus))
    buy(ctx, shop, 1000)
    with open_work(database, CAFE.id, clock=clock, writing=False) as work:
        (promise,) = work.promises.open(shop.member, now=clock.now())

    def use(key: str) -> OperationResult:
        return use_promise(
            ctx,
            CAFE.id,
            PromiseRequest(
                member_id=shop.member,
                promise_id=promise.id,
                actor=SYSTEM,
                idempotency_key=key,
                sale=SaleAtHand(amount_minor=2000),
            ),
        )

    done = use("first")

    assert done.discount_minor == 300
    with pytest.raises(NotFound):
        use("second")
    do_reverse(ctx, shop, done.operation_id)
    assert use("third").discount_minor == 300


def test_a_pack_of_classes_is_bought_taken_paused_and_locked(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    units = [{"code": "yoga", "kind": "classes", "pause_days": 30}]
    pack = {
        "kind": "pack",
        "code": "ten",
        "unit": "yoga",
        "units": 10,
        "days": 90,
        "when": {"match": {"items": ["yoga-10"]}},
    }
    shop = a_rule_shop(database, clock, terms_of(pack, units=units))
    buy(ctx, shop, 9000, lines=(SaleItem(code="yoga-10", net_minor=9000),))

    def take() -> OperationResult:
        return attend(
            ctx,
            CAFE.id,
            AttendRequest(
                member_id=shop.member, unit="yoga", actor=SYSTEM, idempotency_key=f"k{new_id()}"
            ),
        )

    assert take().balance == 9
    today = date(2026, 11, 22)
    pause_pack(
        ctx,
        CAFE.id,
        shop.member,
        "yoga",
        first_day=today,
        last_day=today + timedelta(days=6),
        actor=SYSTEM,
    )
    with pytest.raises(NotDue, match="rests until"):
        take()
    clock.advance(days=8)
    assert take().balance == 8
    lock_unit(ctx, CAFE.id, shop.member, "yoga", locked=True, actor=SYSTEM)
    with pytest.raises(NotDue, match="locked"):
        take()
    lock_unit(ctx, CAFE.id, shop.member, "yoga", locked=False, actor=SYSTEM)
    clock.advance(days=88)  # past the 90 days, within the seven of rest
    assert take().balance == 7
    assert verify(database) == []


def test_an_undone_sale_takes_back_every_unit_the_tier_and_the_promises(
    ctx: Loyalty, database: Database, clock: ManualClock
) -> None:
    bonus = {
        "kind": "bonus",
        "code": "back",
        "grant": {"kind": "add_next", "unit": "points", "amount": 5},
    }
    levels = [{"code": "silver", "name": "Silver", "threshold": 1000}]
    shop = a_rule_shop(database, clock, terms_of(EURO, bonus, tiers={"levels": levels}))
    done = buy(ctx, shop, 1050)
    assert done.tier == "silver"

    undone = do_reverse(ctx, shop, done.operation_id)

    assert (undone.units, undone.balance, undone.tier) == (-10, 0, "")
    again = buy(ctx, shop, 100)
    assert again.units == 1  # neither the promise nor the fifty cents stayed
    assert verify(database) == []
    assert broken_rules(database) == []


def test_whoever_comes_second_to_the_last_coupon_is_told_who_took_it_and_when(
    ctx: Loyalty, shop: Shop, clock: ManualClock
) -> None:
    coupon(ctx, shop, percent=10, stock=1)
    with_coupon(ctx, shop)
    clock.advance(seconds=7)

    with pytest.raises(NotDue) as again:
        with_coupon(ctx, shop)
    with pytest.raises(NotDue) as other:
        with_coupon(ctx, shop, member_id=shop.members[1])

    assert "7 seconds ago" in again.value.message
    assert other.value.why == "out_of_stock"
    assert "7 seconds ago" in other.value.message
