"""Earn, redeem, reverse and the card on real databases: what is written, answered and refused."""

from __future__ import annotations

import dataclasses

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import (
    AlreadyReversed,
    AlreadySpent,
    Conflict,
    IdempotencyMismatch,
    InsufficientBalance,
    InvalidInput,
    LimitReached,
    NotAllowed,
    NotFound,
)
from ledger.limits import LIMITS
from ledger.operations import NotReversible
from loyalty.balance import card_state
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from loyalty.posting import MemberInactive, MerchantSuspended
from loyalty.redeem import RewardInactive
from loyalty.reverse import NotYourLast
from storage.unit_of_work import open_work
from tests.support.builders import CAFE, GYM
from tests.support.counter import NINE_STAMPS, Shop, a_shop, count, do_earn, do_redeem, do_reverse

SQLITE_TRANSACTION = 22


@pytest.fixture
def shop(ctx: Loyalty) -> Shop:
    return a_shop(ctx.database, ctx.clock)


@pytest.fixture
def stamps(ctx: Loyalty) -> Shop:
    return a_shop(ctx.database, ctx.clock, terms=NINE_STAMPS)


def test_a_sale_earns_points_and_carries_the_rest(ctx: Loyalty, shop: Shop) -> None:
    first = do_earn(ctx, shop, 1240)
    second = do_earn(ctx, shop, 60)

    assert (first.units, first.balance, first.carry_minor) == (12, 12, 40)
    assert first.sentences == ("+12 points", "40 cents count towards your next point")
    assert (second.units, second.balance, second.carry_minor) == (1, 13, 0)
    assert second.sentences == ("+1 point",)
    assert count(ctx.database, "sale") == 2
    assert count(ctx.database, "lot") == 2
    assert count(ctx.database, "transfer") == 2


def test_a_sale_under_the_unit_is_stored_and_carried(ctx: Loyalty, shop: Shop) -> None:
    result = do_earn(ctx, shop, 60)

    assert (result.units, result.balance, result.carry_minor) == (0, 0, 60)
    assert count(ctx.database, "sale") == 1
    assert count(ctx.database, "operation") == 1
    assert count(ctx.database, "transfer") == 0


def test_the_pass_revision_rises_with_every_operation(ctx: Loyalty, shop: Shop) -> None:
    result = do_earn(ctx, shop, 1240)
    do_reverse(ctx, shop, result.operation_id)

    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        assert work.passes.current_of_member(shop.member).revision == 3


def test_same_key_and_body_give_the_same_answer(ctx: Loyalty, shop: Shop) -> None:
    first = do_earn(ctx, shop, 1240, idempotency_key="one")
    do_earn(ctx, shop, 100)
    again = do_earn(ctx, shop, 1240, idempotency_key="one")

    assert again == dataclasses.replace(first, replayed=True)
    assert count(ctx.database, "operation") == 2


def test_same_key_with_another_body_is_refused(ctx: Loyalty, shop: Shop) -> None:
    do_earn(ctx, shop, 1240, idempotency_key="one")

    with pytest.raises(IdempotencyMismatch):
        do_earn(ctx, shop, 1241, idempotency_key="one")
    with pytest.raises(IdempotencyMismatch):
        do_redeem(ctx, shop, idempotency_key="one")
    assert count(ctx.database, "operation") == 1


def test_the_same_sale_under_another_key_is_the_same_sale(ctx: Loyalty, shop: Shop) -> None:
    first = do_earn(ctx, shop, 1240, source="square", source_ref="order-7")
    again = do_earn(ctx, shop, 1240, source="square", source_ref="order-7")
    other = do_earn(ctx, shop, 1240, source="shopify", source_ref="order-7")

    assert again.replayed
    assert again.operation_id == first.operation_id
    assert not other.replayed


def test_same_key_of_two_merchants_is_two_keys(ctx: Loyalty, shop: Shop) -> None:
    gym = a_shop(ctx.database, ctx.clock, merchant_id=GYM.id)

    do_earn(ctx, shop, 1240, idempotency_key="one")

    assert not do_earn(ctx, gym, 300, idempotency_key="one").replayed


def test_another_merchants_rows_are_not_found(ctx: Loyalty, shop: Shop) -> None:
    gym = a_shop(ctx.database, ctx.clock, merchant_id=GYM.id)
    operation = do_earn(ctx, shop, 2000)

    with pytest.raises(NotFound):
        do_earn(ctx, gym, 100, member_id=shop.member)
    with pytest.raises(NotFound):
        do_redeem(ctx, shop, reward_id=gym.reward_id)
    with pytest.raises(NotFound):
        do_reverse(ctx, gym, operation.operation_id)
    with pytest.raises(NotFound):
        card_state(ctx, GYM.id, shop.member)


def test_a_reward_of_another_programme_is_not_found(ctx: Loyalty, shop: Shop) -> None:
    other = a_shop(ctx.database, ctx.clock)
    do_earn(ctx, shop, 2000)

    with pytest.raises(NotFound):
        do_redeem(ctx, shop, reward_id=other.reward_id)


def test_a_suspended_merchant_moves_nothing(ctx: Loyalty, shop: Shop) -> None:
    operation = do_earn(ctx, shop, 2000)
    with open_work(ctx.database, CAFE.id, clock=ctx.clock) as work:
        work.merchants.set_status("suspended")
        work.commit()

    for move in (
        lambda: do_earn(ctx, shop, 100),
        lambda: do_redeem(ctx, shop),
        lambda: do_reverse(ctx, shop, operation.operation_id),
    ):
        with pytest.raises(MerchantSuspended):
            move()


def test_a_member_who_left_moves_nothing(ctx: Loyalty, shop: Shop) -> None:
    with open_work(ctx.database, CAFE.id, clock=ctx.clock) as work:
        work.members.set_state(shop.member, "left")
        work.commit()

    with pytest.raises(MemberInactive):
        do_earn(ctx, shop, 100)


def test_an_inactive_reward_is_refused(ctx: Loyalty, shop: Shop) -> None:
    do_earn(ctx, shop, 2000)
    with open_work(ctx.database, CAFE.id, clock=ctx.clock) as work:
        reward = work.programmes.reward(shop.reward_id)
        work.programmes.update_reward(dataclasses.replace(reward, active=False))
        work.commit()

    with pytest.raises(RewardInactive):
        do_redeem(ctx, shop)


def test_redeeming_takes_the_oldest_lots(ctx: Loyalty, shop: Shop, clock: ManualClock) -> None:
    do_earn(ctx, shop, 700)
    clock.advance(seconds=1)
    do_earn(ctx, shop, 700)

    result = do_redeem(ctx, shop)

    assert (result.units, result.balance) == (-10, 4)
    assert result.sentences == ("\N{MINUS SIGN}10 points", "Coffee")
    assert count(ctx.database, "lot", ["remaining = 0"]) == 1
    assert count(ctx.database, "lot", ["remaining = 4"]) == 1


def test_redeem_refuses_more_than_the_card_holds(ctx: Loyalty, shop: Shop) -> None:
    do_earn(ctx, shop, 900)

    with pytest.raises(InsufficientBalance, match="Coffee costs 10 points and the card holds 9 po"):
        do_redeem(ctx, shop)


def test_the_slower_till_is_told_who_was_faster(
    ctx: Loyalty, shop: Shop, clock: ManualClock
) -> None:
    do_earn(ctx, shop, 1000)
    do_redeem(ctx, shop, actor=shop.anna)
    clock.advance(seconds=3)

    with pytest.raises(InsufficientBalance) as error:
        do_redeem(ctx, shop, actor=shop.bert)

    assert "Coffee was already redeemed by Anna at Till 1, 3 seconds ago." in error.value.message


def test_expired_lots_are_not_spent(ctx: Loyalty, shop: Shop, clock: ManualClock) -> None:
    do_earn(ctx, shop, 1000)
    with open_work(ctx.database, CAFE.id, clock=ctx.clock) as work:
        work.scope.connection.exec_driver_sql("update lot set expires_at = available_from + 1")
        work.commit()
    clock.advance(seconds=1)

    with pytest.raises(InsufficientBalance):
        do_redeem(ctx, shop)
    assert not card_state(ctx, CAFE.id, shop.member).rewards[0].due


def test_undoing_an_earn_takes_back_points_and_carry(ctx: Loyalty, shop: Shop) -> None:
    first = do_earn(ctx, shop, 60)
    second = do_earn(ctx, shop, 60)

    undone = do_reverse(ctx, shop, first.operation_id)

    assert second.balance == 1
    assert (undone.units, undone.balance, undone.carry_minor) == (0, 1, -40)
    assert "The next 40 cents do not count" in undone.carried
    assert do_earn(ctx, shop, 30).carry_minor == -10
    assert do_earn(ctx, shop, 10).carry_minor == 0
    assert card_state(ctx, CAFE.id, shop.member).balance == 1


def test_undoing_a_redemption_gives_back_the_same_lots(ctx: Loyalty, shop: Shop) -> None:
    do_earn(ctx, shop, 700)
    do_earn(ctx, shop, 700)
    redeemed = do_redeem(ctx, shop)

    undone = do_reverse(ctx, shop, redeemed.operation_id)

    assert (undone.units, undone.balance) == (10, 14)
    assert undone.sentences == ("+10 points", "A redemption was undone")
    assert count(ctx.database, "lot", ["remaining = amount"]) == 2


def test_an_earn_that_is_spent_cannot_be_undone(ctx: Loyalty, shop: Shop) -> None:
    earned = do_earn(ctx, shop, 1000)
    redeemed = do_redeem(ctx, shop)

    with pytest.raises(AlreadySpent, match="Coffee") as error:
        do_reverse(ctx, shop, earned.operation_id)
    do_reverse(ctx, shop, redeemed.operation_id)
    undone = do_reverse(ctx, shop, earned.operation_id)

    assert error.value.spent_by == (redeemed.operation_id,)
    assert undone.balance == 0


def test_an_operation_is_undone_once_and_an_undo_stays(ctx: Loyalty, shop: Shop) -> None:
    earned = do_earn(ctx, shop, 1000)
    undone = do_reverse(ctx, shop, earned.operation_id, idempotency_key="undo")

    assert do_reverse(ctx, shop, earned.operation_id, idempotency_key="undo").replayed
    with pytest.raises(AlreadyReversed):
        do_reverse(ctx, shop, earned.operation_id)
    with pytest.raises(NotReversible):
        do_reverse(ctx, shop, undone.operation_id)


def test_staff_undo_only_their_own_last_movement(
    ctx: Loyalty, shop: Shop, clock: ManualClock
) -> None:
    first = do_earn(ctx, shop, 100, actor=shop.anna)
    clock.advance(seconds=10)
    second = do_earn(ctx, shop, 200, actor=shop.anna)

    for operation, actor in ((first, shop.anna), (second, shop.bert), (second, SYSTEM)):
        with pytest.raises(NotYourLast):
            do_reverse(ctx, shop, operation.operation_id, actor=actor, own_recent_only=True)
    done = do_reverse(ctx, shop, second.operation_id, actor=shop.anna, own_recent_only=True)

    assert done.balance == 1
    with pytest.raises(AlreadyReversed):
        do_reverse(ctx, shop, second.operation_id, actor=shop.anna, own_recent_only=True)
    with pytest.raises(NotYourLast):
        do_reverse(ctx, shop, first.operation_id, actor=shop.anna, own_recent_only=True)


def test_staff_undo_only_within_five_minutes(ctx: Loyalty, shop: Shop, clock: ManualClock) -> None:
    earned = do_earn(ctx, shop, 100, actor=shop.anna)
    clock.advance(minutes=5, seconds=1)

    with pytest.raises(NotYourLast):
        do_reverse(ctx, shop, earned.operation_id, actor=shop.anna, own_recent_only=True)

    assert do_reverse(ctx, shop, earned.operation_id).balance == 0


def test_stamps_are_counted_and_may_pass_the_goal(ctx: Loyalty, stamps: Shop) -> None:
    for _ in range(2):
        last = do_earn(ctx, stamps, visits=5)
    state = card_state(ctx, CAFE.id, stamps.member)

    assert (last.unit, last.balance, last.carried) == ("stamps", 10, "")
    assert last.sentences == ("+5 stamps", "The next is free")
    assert (state.balance, state.goal, state.rewards[0].due) == (10, 9, True)
    assert do_redeem(ctx, stamps).balance == 1


def test_a_visit_without_amount_is_no_sale(ctx: Loyalty, stamps: Shop) -> None:
    do_earn(ctx, stamps, visits=1)
    do_earn(ctx, stamps, 350, visits=1)

    assert count(ctx.database, "sale") == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount_minor": None}, "amount"),
        ({"amount_minor": 0}, "amount"),
        ({"amount_minor": -5}, "amount"),
        ({"amount_minor": 12.5}, "amount"),
        ({"amount_minor": True}, "amount"),
        ({"amount_minor": "1240"}, "amount"),
        ({"visits": 1}, "visits"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"idempotency_key": "a\0b"}, "idempotency_key"),
        ({"idempotency_key": "k" * 129}, "idempotency_key"),
        ({"idempotency_key": None}, "idempotency_key"),
        ({"source": "Till; drop"}, "source"),
        ({"source_ref": "r" * 201}, "source_ref"),
        ({"source_ref": "\ud800"}, "source_ref"),
    ],
)
def test_bad_earn_input_names_its_field_and_writes_nothing(
    ctx: Loyalty, shop: Shop, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        do_earn(ctx, shop, **{"amount_minor": 100} | changes)

    assert error.value.field == field
    assert count(ctx.database, "operation") == 0
    assert count(ctx.database, "sale") == 0


@pytest.mark.parametrize("member_id", [0, -1, 2**63, 10**30, "7", 1.5, None, True])
def test_an_impossible_member_is_not_found(ctx: Loyalty, shop: Shop, member_id: object) -> None:
    with pytest.raises(NotFound):
        do_earn(ctx, shop, 100, member_id=member_id)


def test_a_sale_time_without_zone_or_far_away_is_refused(
    ctx: Loyalty, shop: Shop, clock: ManualClock
) -> None:
    for sold_at in (clock.now().replace(tzinfo=None), clock.now().replace(year=2027)):
        with pytest.raises(InvalidInput) as error:
            do_earn(ctx, shop, 100, sold_at=sold_at)
        assert error.value.field == "sold_at"


def test_a_sale_above_the_limit_is_refused(ctx: Loyalty, shop: Shop) -> None:
    for amount in (CAFE.sale_max_minor + 1, 10**9, 10**30):
        with pytest.raises(LimitReached):
            do_earn(ctx, shop, amount)

    assert do_earn(ctx, shop, CAFE.sale_max_minor).units == 99_999


def test_too_many_stamps_at_once_are_refused(ctx: Loyalty, stamps: Shop) -> None:
    with pytest.raises(LimitReached, match="At most 5 stamps"):
        do_earn(ctx, stamps, visits=6)


def test_a_card_earns_only_so_often_a_day(ctx: Loyalty, shop: Shop, clock: ManualClock) -> None:
    limits = dataclasses.replace(LIMITS, earns_per_card_day=3)

    def try_earn() -> object:
        request = EarnRequest(
            member_id=shop.member,
            amount_minor=100,
            visits=None,
            actor=SYSTEM,
            idempotency_key=f"k{count(ctx.database, 'operation')}",
        )
        return earn(ctx, CAFE.id, request, limits=limits)

    for _ in range(3):
        try_earn()

    with pytest.raises(LimitReached) as error:
        try_earn()
    assert error.value.limit == "earns_per_card_day"
    clock.advance(hours=10, minutes=59)
    with pytest.raises(LimitReached):
        try_earn()
    clock.advance(minutes=1)  # 23:00 UTC is midnight in Berlin
    for _ in range(3):
        try_earn()
    with pytest.raises(LimitReached):
        try_earn()


def test_the_card_tells_its_history(ctx: Loyalty, shop: Shop) -> None:
    earned = do_earn(ctx, shop, 1240)
    redeemed = do_redeem(ctx, shop)
    undone = do_reverse(ctx, shop, redeemed.operation_id)

    state = card_state(ctx, CAFE.id, shop.member)

    assert (state.name, state.unit, state.balance, state.goal) == ("Ada", "points", 12, None)
    assert state.carried == "40 cents count towards your next point"
    assert [(r.slug, r.cost, r.due) for r in state.rewards] == [("coffee", 10, True)]
    assert [m.operation_id for m in state.history] == [
        undone.operation_id,
        redeemed.operation_id,
        earned.operation_id,
    ]
    assert [(m.reversible, m.reversed) for m in state.history] == [
        (False, False),
        (False, True),
        (True, False),
    ]


def test_refusals_are_conflicts_or_not_allowed() -> None:
    assert issubclass(MemberInactive, Conflict)
    assert issubclass(RewardInactive, Conflict)
    assert issubclass(MerchantSuspended, NotAllowed)


def test_an_earn_between_readings_compiles_no_statement_again(ctx: Loyalty, shop: Shop) -> None:
    """SQLite asks the authorizer when it compiles: on the hot path it must have nothing to ask."""
    if not ctx.database.is_sqlite:
        pytest.skip("PostgreSQL's driver keeps its own prepared statements")
    for _ in range(2):
        do_earn(ctx, shop, 1240)
    compiled = []
    with ctx.database.connection(writing=True) as connection:
        driver = connection.connection.dbapi_connection
        driver.set_authorizer(lambda *what: compiled.append(what) or 0)
    do_earn(ctx, shop, 1240)
    compiled.clear()

    card_state(ctx, CAFE.id, shop.member)
    do_earn(ctx, shop, 1240)

    # The driver says COMMIT anew each time; that is one word.
    assert [what for what in compiled if what[0] != SQLITE_TRANSACTION] == []
