"""Random lives of a few cards on both engines, against a slow and obvious model.

The model is written apart from the ledger: it knows amounts, not rows. After every step the
answer is compared; every few steps and at the end the whole books are read and compared, and the
ledger's rules are asked as queries (tests/support/ledger_proof.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from common.actor import SYSTEM
from common.clock import ManualClock, to_micros
from common.errors import (
    AlreadyReversed,
    AlreadySpent,
    IdempotencyMismatch,
    InsufficientBalance,
    LimitReached,
    WalletError,
)
from ledger.limits import LIMITS
from ledger.operations import NotReversible
from ledger.terms import PointsTerms
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from loyalty.redeem import RedeemRequest, redeem
from loyalty.results import OperationResult
from loyalty.reverse import ReverseRequest, reverse
from storage.unit_of_work import open_work
from tests.support.builders import CAFE
from tests.support.counter import Shop, a_shop
from tests.support.ledger_proof import broken_rules

TERMS = PointsTerms(version=1, currency="EUR", spend_minor=130, points=3)
COST = 10
MEMBERS = 2
DAILY = dataclasses.replace(LIMITS, earns_per_card_day=6)


def shop_day(moment: datetime) -> date:
    """The day in Berlin, which is an hour ahead in these weeks."""
    return (moment + timedelta(hours=1)).date()


@dataclass
class ModelLot:
    """A credit: how much of it is left, and until when."""

    born: datetime
    amount: int
    left: int
    expires: datetime | None = None


@dataclass
class Card:
    """A member as the model sees it."""

    carry: int = 0
    lots: list[ModelLot] = field(default_factory=list)
    earned_at: list[datetime] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)

    @property
    def balance(self) -> int:
        return sum(lot.left for lot in self.lots)

    def spendable(self, now: datetime) -> list[ModelLot]:
        alive = [lot for lot in self.lots if lot.left and (not lot.expires or now < lot.expires)]
        never = datetime.max.replace(tzinfo=now.tzinfo)
        return sorted(alive, key=lambda lot: lot.expires or never)  # stable: the oldest first


@dataclass
class Done:
    """An operation the model remembers, with how to undo it and the request that made it."""

    card: Card
    kind: str
    again: Callable[[], OperationResult]
    result: OperationResult
    carry_change: int = 0
    lot: ModelLot | None = None
    taken: list[tuple[ModelLot, int]] = field(default_factory=list)
    reversed: bool = False


class LedgerMachine(RuleBasedStateMachine):
    """The machine; `ctx` and `make_shop` are given by the test."""

    ctx: Loyalty
    clock: ManualClock
    done = Bundle("done")

    @initialize()
    def open_shop(self) -> None:
        self.shop: Shop = a_shop(
            self.ctx.database, self.clock, terms=TERMS, members=MEMBERS, cost=COST
        )
        self.cards = {member: Card() for member in self.shop.members}
        self.keys = 0

    def _key(self) -> str:
        self.keys += 1
        return f"{self.shop.programme_id}-{self.keys}"

    def _refused(self, error: type[WalletError], act: Callable[[], OperationResult]) -> None:
        with pytest.raises(error):
            act()

    # --- what staff do ------------------------------------------------------------------------

    @rule(target=done, who=st.integers(0, MEMBERS - 1), amount=st.integers(1, 2000))
    def earn(self, who: int, amount: int) -> Any:
        member = self.shop.members[who]
        card, now = self.cards[member], self.clock.now()
        request = EarnRequest(
            member_id=member,
            amount_minor=amount,
            visits=None,
            actor=SYSTEM,
            idempotency_key=self._key(),
        )

        def act() -> OperationResult:
            return earn(self.ctx, CAFE.id, request, limits=DAILY)

        if sum(shop_day(t) == shop_day(now) for t in card.earned_at) >= DAILY.earns_per_card_day:
            self._refused(LimitReached, act)
            return multiple()
        units, carry = 0, card.carry + amount
        while carry >= TERMS.spend_minor:
            units, carry = units + TERMS.points, carry - TERMS.spend_minor
        change, card.carry = carry - card.carry, carry
        lot = ModelLot(born=now, amount=units, left=units) if units else None
        card.lots.extend([lot] if lot else [])
        card.earned_at.append(now)
        result = self._check(act(), card, units)
        card.done.append(Done(card, "earn", act, result, carry_change=change, lot=lot))
        return card.done[-1]

    @rule(target=done, who=st.integers(0, MEMBERS - 1))
    def redeem(self, who: int) -> Any:
        member = self.shop.members[who]
        card, now = self.cards[member], self.clock.now()
        request = RedeemRequest(
            member_id=member,
            reward_id=self.shop.reward_id,
            actor=SYSTEM,
            idempotency_key=self._key(),
        )

        def act() -> OperationResult:
            return redeem(self.ctx, CAFE.id, request)

        lots = card.spendable(now)
        if sum(lot.left for lot in lots) < COST:
            self._refused(InsufficientBalance, act)
            return multiple()
        missing, taken = COST, []
        for lot in lots:
            part = min(lot.left, missing)
            if part:
                lot.left -= part
                taken.append((lot, part))
                missing -= part
        card.done.append(Done(card, "redeem", act, self._check(act(), card, -COST), taken=taken))
        return card.done[-1]

    @rule(target=done, past=done)
    def undo(self, past: Done) -> Any:
        return self._undo(past)

    def _undo(self, past: Done) -> Any:
        request = ReverseRequest(
            operation_id=past.result.operation_id,
            actor=SYSTEM,
            idempotency_key=self._key(),
            own_recent_only=False,
        )

        def act() -> OperationResult:
            return reverse(self.ctx, CAFE.id, request)

        if past.kind == "reverse":
            self._refused(NotReversible, act)
        elif past.reversed:
            self._refused(AlreadyReversed, act)
        elif past.lot and past.lot.left != past.lot.amount:
            self._refused(AlreadySpent, act)
        else:
            past.reversed = True
            return self._reversed(past, act)
        return multiple()

    @rule(who=st.integers(0, MEMBERS - 1), steps=st.integers(1, 4))
    def undo_backwards(self, who: int, steps: int) -> None:
        """As staff mend a muddle: the last movement first, then the one before."""
        card = self.cards[self.shop.members[who]]
        for past in [p for p in reversed(card.done) if not p.reversed][:steps]:
            self._undo(past)

    def _reversed(self, past: Done, act: Callable[[], OperationResult]) -> Done:
        card = past.card
        card.carry -= past.carry_change
        if past.lot:
            past.lot.left = 0
        for lot, part in past.taken:
            lot.left += part
        return Done(card, "reverse", act, self._check(act(), card, -past.result.units))

    # --- what goes wrong, and time ------------------------------------------------------------

    @rule(past=done)
    def send_again(self, past: Done) -> None:
        again = past.again()

        assert again == dataclasses.replace(past.result, replayed=True)

    @rule(past=done, amount=st.integers(1, 2000))
    def take_a_used_key(self, past: Done, amount: int) -> None:
        request = EarnRequest(
            member_id=self.shop.member,
            amount_minor=amount,
            visits=None,
            actor=SYSTEM,
            idempotency_key=self._used_key(past),
            source="another",
        )
        self._refused(IdempotencyMismatch, lambda: earn(self.ctx, CAFE.id, request))

    def _used_key(self, past: Done) -> str:
        with open_work(self.ctx.database, CAFE.id, clock=self.clock, writing=False) as work:
            row = work.scope.run_sql(
                "select idempotency_key from operation where id = ?", (past.result.operation_id,)
            )
            return str(row.fetchone()[0])

    @rule(past=done, minutes=st.integers(1, 60))
    def give_a_deadline(self, past: Done, minutes: int) -> None:
        """No terms of today give a lot a deadline, but the ledger must already honour it."""
        if past.lot is None:
            return
        past.lot.expires = self.clock.now() + timedelta(minutes=minutes)
        with open_work(self.ctx.database, CAFE.id, clock=self.clock) as work:
            work.scope.run_sql(
                "update lot set expires_at = ? where merchant_id = ? and operation_id = ?",
                (to_micros(past.lot.expires), CAFE.id, past.result.operation_id),
            )
            work.commit()

    @rule(minutes=st.sampled_from([1, 20, 300]))
    def wait(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)

    # --- comparing ----------------------------------------------------------------------------

    def _check(self, result: OperationResult, card: Card, units: int) -> OperationResult:
        assert not result.replayed
        assert result.units == units
        assert result.balance == card.balance >= 0
        assert result.carry_minor == card.carry
        return result

    @rule()
    def read_the_books(self) -> None:
        assert broken_rules(self.ctx.database) == []
        with open_work(self.ctx.database, CAFE.id, clock=self.clock, writing=False) as work:
            for member, card in self.cards.items():
                rows = work.scope.run_sql(
                    "select l.amount, l.remaining from lot l join account a"
                    " on a.merchant_id = l.merchant_id and a.id = l.account_id"
                    " where a.merchant_id = ? and a.member_id = ? order by l.id",
                    (CAFE.id, member),
                ).fetchall()
                assert rows == [(lot.amount, lot.left) for lot in card.lots]
                facts = work.books.card(member)
                assert (facts.balance, facts.carry_minor) == (card.balance, card.carry)
                spendable = sum(lot.left for lot in card.spendable(self.clock.now()))
                assert facts.spendable == spendable

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            self.read_the_books()


def test_any_life_of_cards_matches_the_model(ctx: Loyalty, clock: ManualClock) -> None:
    class Machine(LedgerMachine):
        pass

    Machine.ctx, Machine.clock = ctx, clock
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
