"""Random lives under random rules on a real database: after every life the books must prove right.

What each movement must be is the ledger's own machine (tests/property); here it is that the rows
say so: balances, lots, debts, stocks and uses, after any order of sales, refunds, undos,
redemptions, coupons, expiries and changes of terms.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import WalletError
from common.ids import new_id
from ledger.offers import RewardKind
from ledger.programme_terms import SpentReward
from ledger.terms_document import write_terms
from loyalty.context import Loyalty
from loyalty.coupons import CouponForm, add_coupon, list_coupons
from loyalty.expire import expire
from loyalty.pay_with_points import PayRequest, pay_with_points
from loyalty.refund import RefundRequest, refund
from loyalty.rewards import RewardForm, add_reward
from loyalty.rule_card import rule_card
from loyalty.rule_drafts import publish_rules, save_rules_draft
from loyalty.sold import SaleAtHand, SaleItem
from loyalty.use_coupon import CouponRequest, use_coupon
from storage.verify import verify
from tests.support.builders import CAFE
from tests.support.counter import do_redeem, do_reverse
from tests.support.ledger_proof import broken_rules
from tests.support.rules import SPEND, a_rule_shop, balances, buy, terms_of

MEMBERS = 2
EXPIRIES = (
    {"kind": "never"},
    {"kind": "days", "days": 5},
    {"kind": "idle", "days": 4},
    {"kind": "month_end", "months": 1},
)
MORE_RULES: tuple[dict[str, Any], ...] = (
    {"kind": "multiplier", "code": "double", "unit": "points", "percent": 200},
    {"kind": "bonus", "code": "next", "grant": {"kind": "add_next", "unit": "points", "amount": 3}},
    {
        "kind": "challenge",
        "code": "three",
        "repeat": True,
        "levels": [{"goal": 3, "grant": {"kind": "units", "unit": "cups", "amount": 2}}],
    },
    {
        "kind": "set",
        "code": "both",
        "parts": [{"unit": "points", "need": 5}, {"unit": "cups", "need": 1}],
        "grant": {"kind": "units", "unit": "points", "amount": 4},
    },
)
TIERS = {
    "window": "days",
    "days": 6,
    "grace_days": 2,
    "levels": [
        {"code": "silver", "name": "Silver", "threshold": 1500, "benefit_percent": 5},
        {"code": "gold", "name": "Gold", "threshold": 4000, "benefit_percent": 5, "percent": 200},
    ],
}


class RulesMachine(RuleBasedStateMachine):
    """The machine; `ctx` and `clock` are given by the test."""

    ctx: Loyalty
    clock: ManualClock

    @initialize(
        expiry=st.sampled_from(EXPIRIES),
        pending=st.sampled_from((0, 0, 2)),
        more=st.sets(st.integers(0, len(MORE_RULES) - 1)),
        tiers=st.booleans(),
        debt=st.sampled_from(("owe", "forgive")),
        spent=st.sampled_from(("restore", "keep", "ask")),
    )
    def open_shop(self, **chosen: Any) -> None:
        cups = {"kind": "item", "code": "cups", "unit": "cups"}
        parts: dict[str, Any] = {
            "units": [
                {
                    "code": "points",
                    "kind": "points",
                    "expiry": chosen["expiry"],
                    "pending_days": chosen["pending"],
                },
                {"code": "cups", "kind": "stamps", "goal": 5},
            ],
            "payments": [{"unit": "points", "units": 2, "minor": 50}],
            "debt": chosen["debt"],
            "spent_reward": chosen["spent"],
        }
        if chosen["tiers"]:
            parts["tiers"] = TIERS
        rules = [{**SPEND, "spend_minor": 100}, cups, *(MORE_RULES[n] for n in chosen["more"])]
        self.terms = terms_of(*rules, **parts)
        self.shop = a_rule_shop(self.ctx.database, self.clock, self.terms, members=MEMBERS, cost=10)
        self.stamps = add_reward(
            self.ctx,
            CAFE.id,
            self.shop.programme_id,
            name="Cup",
            cost=5,
            actor=SYSTEM,
            offer=RewardForm(unit="cups", stock=3),
        )
        add_coupon(
            self.ctx,
            CAFE.id,
            self.shop.programme_id,
            coupon=CouponForm(
                code=f"C{new_id()}"[:20], name="Ten", kind=RewardKind.PERCENT, percent=10, stock=3
            ),
            actor=SYSTEM,
        )
        self.code = list_coupons(self.ctx, CAFE.id, self.shop.programme_id)[0].code
        self.ends = chosen["expiry"]["kind"] != "never"
        self.sales: list[int] = []
        self.done: list[int] = []
        self.spent: list[int] = []

    def _try(self, act: Any) -> Any:
        try:
            return act()
        except WalletError:
            return None

    @rule(
        who=st.integers(0, MEMBERS - 1),
        amount=st.integers(1, 3000),
        cups=st.integers(0, 3),
        with_spent=st.booleans(),
    )
    def sell(self, who: int, amount: int, cups: int, with_spent: bool) -> None:
        line = SaleItem(code="cup", quantity=cups, net_minor=amount)
        result = self._try(
            lambda: buy(
                self.ctx,
                self.shop,
                amount,
                member_id=self.shop.members[who],
                lines=(line,) if cups else (),
                redemptions=tuple(self.spent[-1:]) if with_spent else (),
            )
        )
        if result is not None:
            self.sales.append(result.operation_id)
            self.done.append(result.operation_id)

    @precondition(lambda self: bool(self.sales))
    @rule(
        pick=st.integers(0, 50),
        amount=st.integers(1, 3000),
        choice=st.sampled_from((None, SpentReward.RESTORE, SpentReward.KEEP)),
        mistaken=st.booleans(),
    )
    def give_back(self, pick: int, amount: int, choice: SpentReward | None, mistaken: bool) -> None:
        before = self._holds()
        operation = self.sales[pick % len(self.sales)]
        request = RefundRequest(
            operation_id=operation,
            amount_minor=amount,
            choice=choice,
            actor=SYSTEM,
            idempotency_key=f"k{new_id()}",
        )
        first = self._try(lambda: refund(self.ctx, CAFE.id, request))
        if first is not None and not first.asks:
            assert refund(self.ctx, CAFE.id, request).took == first.took
            self.done.append(first.operation_id)
            if mistaken and self._try(lambda: do_reverse(self.ctx, self.shop, first.operation_id)):
                # What is over ends with the first movement that finds it, undone or not.
                assert self.ends or self._holds() == before

    def _holds(self) -> list[dict[str, int]]:
        return [balances(self.ctx, self.shop, member) for member in self.shop.members]

    @rule(who=st.integers(0, MEMBERS - 1), cup=st.booleans())
    def redeem(self, who: int, cup: bool) -> None:
        reward = self.stamps if cup else self.shop.reward_id
        self._spent(
            lambda: do_redeem(
                self.ctx, self.shop, member_id=self.shop.members[who], reward_id=reward
            )
        )

    @rule(who=st.integers(0, MEMBERS - 1), to_pay=st.integers(50, 600))
    def pay(self, who: int, to_pay: int) -> None:
        request = PayRequest(
            member_id=self.shop.members[who],
            unit="points",
            to_pay_minor=to_pay,
            actor=SYSTEM,
            idempotency_key=f"k{new_id()}",
        )
        self._spent(lambda: pay_with_points(self.ctx, CAFE.id, request))

    @rule(who=st.integers(0, MEMBERS - 1))
    def coupon(self, who: int) -> None:
        request = CouponRequest(
            member_id=self.shop.members[who],
            code=self.code,
            actor=SYSTEM,
            idempotency_key=f"k{new_id()}",
            sale=SaleAtHand(amount_minor=1000),
        )
        self._spent(lambda: use_coupon(self.ctx, CAFE.id, request))

    def _spent(self, act: Any) -> None:
        result = self._try(act)
        if result is not None:
            self.spent.append(result.operation_id)
            self.done.append(result.operation_id)

    @precondition(lambda self: bool(self.done))
    @rule(pick=st.integers(0, 50))
    def undo(self, pick: int) -> None:
        operation = self.done[pick % len(self.done)]
        self._try(lambda: do_reverse(self.ctx, self.shop, operation))

    @rule(hours=st.integers(1, 80), night=st.booleans())
    def wait(self, hours: int, night: bool) -> None:
        self.clock.advance(hours=hours)
        if night:
            expire(self.ctx, CAFE.id)

    @rule(spend=st.sampled_from((50, 100, 300)))
    def change_terms(self, spend: int) -> None:
        document = write_terms(self.terms)
        document["rules"][0] = {**document["rules"][0], "spend_minor": spend}
        save_rules_draft(self.ctx, CAFE.id, self.shop.programme_id, document, actor=SYSTEM)
        publish_rules(self.ctx, CAFE.id, self.shop.programme_id, actor=SYSTEM)

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        expire(self.ctx, CAFE.id)
        assert expire(self.ctx, CAFE.id).lots == 0
        for member in self.shop.members:
            assert rule_card(self.ctx, CAFE.id, member) is not None
            assert min(balances(self.ctx, self.shop, member).values()) >= 0
        assert broken_rules(self.ctx.database) == []
        assert verify(self.ctx.database) == []


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_every_life_under_rules_leaves_books_that_prove_right(
    ctx: Loyalty, clock: ManualClock
) -> None:
    class Machine(RulesMachine):
        pass

    Machine.ctx, Machine.clock = ctx, clock
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=16,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
