"""Several tills at once on one card: one wins, the others are told, and nothing is counted twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from common.actor import SYSTEM
from common.errors import (
    AlreadyReversed,
    IdempotencyMismatch,
    InsufficientBalance,
    LimitReached,
    OperationInFlight,
    Unavailable,
    WalletError,
)
from ledger.accounts import AccountKind, OperationKind
from ledger.limits import LIMITS
from ledger.operations import plan_earn
from loyalty.balance import card_state
from loyalty.context import Loyalty
from loyalty.results import OperationResult
from storage.book_records import Claim, Heading, NewSale
from storage.unit_of_work import UnitOfWork, open_work
from tests.support.builders import CAFE
from tests.support.counter import Shop, a_shop, count, do_earn, do_redeem, do_reverse
from tests.support.ledger_proof import broken_rules

TILLS = 8


@pytest.fixture
def shop(ctx: Loyalty) -> Shop:
    return a_shop(ctx.database, ctx.clock, members=2)


@pytest.fixture(autouse=True)
def the_books_are_right(ctx: Loyalty) -> Any:
    """Whatever raced, the invariants hold afterwards."""
    yield
    assert broken_rules(ctx.database) == []


def at_once(actions: Sequence[Callable[[], OperationResult]]) -> list[Any]:
    """Run the actions in as many threads, let go together; a refusal is its answer."""
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], OperationResult]) -> OperationResult | WalletError:
        start.wait()
        try:
            return action()
        except WalletError as error:
            return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def kinds(answers: Sequence[Any], kind: type) -> list[Any]:
    return [answer for answer in answers if isinstance(answer, kind)]


def test_two_tills_redeem_the_last_reward_and_one_wins(ctx: Loyalty, shop: Shop) -> None:
    do_earn(ctx, shop, 1999)

    answers = at_once([lambda a=a: do_redeem(ctx, shop, actor=a) for a in (shop.anna, shop.bert)])

    [won] = kinds(answers, OperationResult)
    [lost] = kinds(answers, InsufficientBalance)
    assert won.balance == 9
    assert "was already redeemed by" in lost.message


def test_no_till_redeems_more_than_the_card_holds(ctx: Loyalty, shop: Shop) -> None:
    do_earn(ctx, shop, 5500)

    answers = at_once([lambda: do_redeem(ctx, shop) for _ in range(TILLS)])

    assert len(kinds(answers, OperationResult)) == 5
    assert len(kinds(answers, InsufficientBalance)) == TILLS - 5
    assert card_state(ctx, CAFE.id, shop.member).balance == 5


def test_of_many_undos_one_is_done(ctx: Loyalty, shop: Shop) -> None:
    operation = do_earn(ctx, shop, 1240)

    answers = at_once([lambda: do_reverse(ctx, shop, operation.operation_id) for _ in range(TILLS)])

    assert len(kinds(answers, OperationResult)) == 1
    assert len(kinds(answers, AlreadyReversed)) == TILLS - 1
    assert card_state(ctx, CAFE.id, shop.member).balance == 0


def test_a_double_tap_is_one_sale(ctx: Loyalty, shop: Shop) -> None:
    answers = at_once(
        [lambda: do_earn(ctx, shop, 1240, idempotency_key="tap") for _ in range(TILLS)]
    )

    assert sorted(answer.replayed for answer in answers) == [False] + [True] * (TILLS - 1)
    assert len({answer.operation_id for answer in answers}) == 1
    assert count(ctx.database, "sale") == 1


def test_one_key_for_two_cards_is_taken_by_one(ctx: Loyalty, shop: Shop) -> None:
    # No common account row keeps these apart: the unique index alone decides.
    answers = at_once(
        [
            lambda m=m: do_earn(ctx, shop, 1240, member_id=m, idempotency_key="tap")
            for m in shop.members * 4
        ]
    )

    done = kinds(answers, OperationResult)
    assert len({answer.operation_id for answer in done}) == 1
    assert len(done) == len(kinds(answers, IdempotencyMismatch)) == 4
    assert count(ctx.database, "operation") == 1


def test_one_order_told_by_two_ways_is_one_sale(ctx: Loyalty, shop: Shop) -> None:
    answers = at_once(
        [lambda: do_earn(ctx, shop, 1240, source="square", source_ref="o-1") for _ in range(TILLS)]
    )

    assert len({answer.operation_id for answer in answers}) == 1


def test_carry_is_exact_whatever_the_order(ctx: Loyalty, shop: Shop) -> None:
    amounts = [60, 70, 80, 90, 110, 120, 130, 140]

    at_once([lambda n=n: do_earn(ctx, shop, n) for n in amounts])

    state = card_state(ctx, CAFE.id, shop.member)
    assert state.balance * 100 + state.carry_minor == sum(amounts)


def test_the_limit_of_a_day_holds_when_all_come_at_once(ctx: Loyalty, shop: Shop) -> None:
    for _ in range(16):
        do_earn(ctx, shop, 100)

    answers = at_once([lambda: do_earn(ctx, shop, 100) for _ in range(TILLS)])

    assert len(kinds(answers, OperationResult)) == 4
    assert len(kinds(answers, LimitReached)) == TILLS - 4


def test_a_key_that_stays_in_flight_is_told_so(ctx: Loyalty, shop: Shop) -> None:
    """Another till holds the card in a transaction that does not end within the lock time-out."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with open_work(ctx.database, CAFE.id, clock=ctx.clock) as work:
            work.scope.connection.exec_driver_sql("update account set carry = carry")
            held.set()
            done.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    try:
        # SQLite has one writer for all cards, so what is busy there is the whole database.
        expected = Unavailable if ctx.database.is_sqlite else OperationInFlight
        with pytest.raises(expected):
            do_earn(ctx, shop, 1240, idempotency_key="tap")
    finally:
        done.set()
        holder.join()
    assert count(ctx.database, "operation") == 0
    assert not do_earn(ctx, shop, 1240, idempotency_key="tap").replayed


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_a_key_in_flight_on_another_card_is_waited_for(
    ctx: Loyalty, shop: Shop, ending: str
) -> None:
    """No common row keeps two cards apart: the second insert of a key waits for the first."""
    if ctx.database.is_sqlite:
        pytest.skip("SQLite has one writer; nothing is in flight beside another")
    one, other = shop.members
    with ThreadPoolExecutor(1) as pool:
        with open_work(ctx.database, CAFE.id, clock=ctx.clock) as work:
            first = _earn_uncommitted(work, one)
            waiting = pool.submit(do_earn, ctx, shop, 1240, member_id=other, idempotency_key="tap")
            _until_somebody_waits(work)
            if ending == "commit":
                work.commit()
        if ending == "commit":
            with pytest.raises(IdempotencyMismatch):
                waiting.result(30)
        else:
            assert not waiting.result(30).replayed
    assert count(ctx.database, "operation") == 1
    assert (count(ctx.database, "operation", [f"id = {first}"]) == 1) is (ending == "commit")


def test_a_key_that_stays_in_flight_on_another_card_is_told_so(ctx: Loyalty, shop: Shop) -> None:
    if ctx.database.is_sqlite:
        pytest.skip("SQLite has one writer; nothing is in flight beside another")
    one, other = shop.members
    with open_work(ctx.database, CAFE.id, clock=ctx.clock) as work:
        _earn_uncommitted(work, one)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(do_earn, ctx, shop, 1240, member_id=other, idempotency_key="tap")
            with pytest.raises(OperationInFlight):
                waiting.result(30)

    assert count(ctx.database, "operation") == 0


def _earn_uncommitted(work: UnitOfWork, member: int) -> int:
    claim = Claim(
        kind=OperationKind.EARN,
        source="till",
        source_ref="tap",
        idempotency_key="tap",
        request_hash=b"h" * 32,
    )
    standing = work.books.standing(member, claim, contra=AccountKind.ISSUED)
    draft = plan_earn(
        standing.account,
        standing.terms,
        contra_id=standing.contra_id,
        amount_minor=500,
        visits=None,
        sale_max_minor=standing.sale_max_minor,
        limits=LIMITS,
        now=work.clock.now(),
    )
    heading = Heading(claim=claim, actor=SYSTEM, created_at=work.clock.now())
    sale = NewSale(sold_at=work.clock.now(), currency="EUR", gross_minor=500)
    return work.books.post(draft, heading, sale=sale)


def _until_somebody_waits(work: UnitOfWork) -> None:
    for _ in range(100_000):
        row = work.scope.run_sql("select count(*) from pg_locks where not granted", ())
        if row.fetchone()[0]:
            return
    raise AssertionError("nobody waited")
