"""The examples that shop owners are told, worked by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ledger.member_state import MemberState
from ledger.offers import Cost, Due, Refusal, Refused, RewardKind, RewardOffer
from ledger.redeeming import may_redeem, may_use_promise, pay, tier_discount
from tests.support.card_builders import (
    NOON,
    Card,
    held,
    holding_of,
    item,
    join,
    sale,
    units_of,
    visit,
)
from tests.support.terms_documents import simple, terms_of

SPEND_TEN = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 1000, "units": 1}
COFFEE = [{"code": "coffee", "kind": "stamps", "goal": 9}]
TIERS = {
    "levels": [
        {"code": "silver", "name": "Silver", "threshold": 50_000, "benefit_percent": 5},
        {"code": "gold", "name": "Gold", "threshold": 150_000, "benefit_percent": 10},
    ]
}


def test_ten_spent_is_one_point_and_fifty_points_a_reward() -> None:
    terms = terms_of(simple(SPEND_TEN))
    reward = RewardOffer(id=1, kind=RewardKind.PRODUCT, costs=(Cost(unit="points", amount=50),))
    card = Card(terms)

    for _week in range(49):
        card.does(sale(1000))
    early = may_redeem(reward, terms, card.state, used=0, activity=None, now=NOON)
    card.does(sale(1999))
    due = may_redeem(reward, terms, card.state, used=0, activity=None, now=NOON)

    assert early == Refused(
        why=Refusal.NOT_ENOUGH, facts={"unit": "points", "available": 49, "needed": 50}
    )
    assert isinstance(due, Due)
    assert sum(part.amount for part in due.spendings[0].allocations) == 50
    assert card.state.holding("points").carry == 999


def test_buy_nine_and_the_tenth_is_free() -> None:
    terms = terms_of(
        simple(
            {
                "kind": "item",
                "code": "coffee",
                "unit": "coffee",
                "when": {"match": {"categories": ["coffee"]}},
            },
            units=COFFEE,
        )
    )
    free = RewardOffer(id=1, kind=RewardKind.PRODUCT, costs=(Cost(unit="coffee", amount=9),))
    card = Card(terms)

    card.does(sale(1500, lines=(item("coffee", 1200, quantity=4), item("cake", 300))))
    card.does(sale(1500, lines=(item("coffee", 1500, quantity=5),)))

    assert card.balance("coffee") == 9
    assert isinstance(may_redeem(free, terms, card.state, used=0, activity=None, now=NOON), Due)
    # The free one stands in the sale with nothing to pay and gives no stamp.
    tenth = card.does(sale(300, lines=(item("coffee", 0), item("cake", 300))))
    assert units_of(tenth, "coffee") == 0


def test_silver_takes_five_percent_off_and_gold_ten() -> None:
    terms = terms_of(simple(tiers=TIERS))
    card = Card(terms)

    card.does(sale(49_999))
    assert card.state.tier == ""
    assert tier_discount(terms, card.state.tier, sale(1000)) == 0
    card.does(sale(1))
    assert card.state.tier == "silver"
    assert tier_discount(terms, card.state.tier, sale(1010)) == 50
    card.does(sale(100_000))
    assert card.state.tier == "gold"
    assert tier_discount(terms, card.state.tier, sale(1010, tip_minor=10)) == 100


def test_an_exclusive_item_is_for_gold_alone() -> None:
    terms = terms_of(simple(tiers=TIERS))
    secret = RewardOffer(id=1, kind=RewardKind.EXCLUSIVE, costs=(), tiers=("gold",))

    silver = may_redeem(secret, terms, MemberState(tier="silver"), used=0, activity=None, now=NOON)
    gold = may_redeem(secret, terms, MemberState(tier="gold"), used=0, activity=None, now=NOON)

    assert isinstance(silver, Refused)
    assert silver.why is Refusal.WRONG_TIER
    assert isinstance(gold, Due)


def test_the_next_purchase_is_free_with_points() -> None:
    terms = terms_of(simple(SPEND_TEN, payments=[{"unit": "points", "units": 1, "minor": 50}]))
    state = MemberState(holdings=holding_of(held("points", 30)))

    due = pay(terms, state, unit="points", units=None, to_pay_minor=1250, now=NOON)

    assert isinstance(due, Due)
    assert (due.discount_minor, due.spendings[0].amount) == (1250, 25)
    # What points paid earns nothing.
    card = Card(terms)
    answer = card.does(sale(1250, redeemed_minor=1250))
    assert units_of(answer) == 0
    assert dict(answer.left_out) == {"redeemed": 1250}


@pytest.mark.parametrize(("minor", "promised"), [(2199, False), (2200, True)])
def test_the_reward_comes_only_a_little_above_the_average_order(
    minor: int, *, promised: bool
) -> None:
    terms = terms_of(
        simple(
            {
                "kind": "bonus",
                "code": "more",
                "floor": {"average": "member", "percent": 110},
                "grant": {
                    "kind": "fixed_off_next",
                    "amount": 300,
                    "days": 30,
                    "floor": {"average": "member", "percent": 110},
                },
            }
        )
    )
    card = Card(terms)
    card.state = MemberState(member_average_minor=2000)

    answer = card.does(sale(minor))

    assert bool(answer.promised) is promised
    if promised:
        promise = card.state.promises[0]
        assert promise.min_sale_minor == 2200
        small = may_use_promise(promise, terms, card.state, activity=sale(2199), now=NOON)
        large = may_use_promise(promise, terms, card.state, activity=sale(2200), now=NOON)
        assert isinstance(small, Refused)
        assert isinstance(large, Due)
        assert large.discount_minor == 300


def test_a_welcome_is_shown_at_joining_and_credited_with_the_first_purchase() -> None:
    terms = terms_of(
        simple(
            SPEND_TEN,
            {
                "kind": "welcome",
                "code": "hello",
                "grant": {"kind": "units", "unit": "points", "amount": 25},
            },
            units=[{"code": "points", "kind": "points", "pending_days": 14}],
        )
    )
    card = Card(terms)

    joined = card.does(join())
    first = card.does(sale(1000))
    second = card.does(sale(1000))

    assert (card.balance(), units_of(joined)) == (27, 0)
    assert joined.promised[0].amount == 25
    assert (units_of(first), units_of(second)) == (26, 1)
    # It can be spent at once, the point of the sale waits for the return window.
    assert [(lot.amount, lot.available_from > NOON) for lot in first.credits[0].lots] == [
        (1, True),
        (25, False),
    ]


def test_a_welcome_comes_once_for_a_contact() -> None:
    welcome = {
        "kind": "welcome",
        "code": "hello",
        "grant": {"kind": "units", "unit": "points", "amount": 25},
    }
    card = Card(terms_of(simple(SPEND_TEN, welcome)))
    card.state = MemberState(welcomed=True)

    assert card.does(join()).promised == ()


def test_ten_classes_are_attended_one_by_one() -> None:
    terms = terms_of(
        simple(
            {
                "kind": "pack",
                "code": "ten",
                "unit": "yoga",
                "units": 10,
                "days": 90,
                "when": {"match": {"items": ["yoga-10"]}},
            },
            units=[{"code": "yoga", "kind": "classes", "pause_days": 30}],
        )
    )
    card = Card(terms)

    bought = card.does(sale(9900, lines=(item("", 9900, item="yoga-10"),)))

    assert units_of(bought, "yoga") == 10
    last_moment = datetime(2027, 2, 23, tzinfo=ZoneInfo("Europe/Vienna"))
    assert bought.credits[0].lots[0].expires_at == last_moment


def test_a_streak_of_weeks_is_rewarded_and_broken_by_a_missed_one() -> None:
    terms = terms_of(
        simple(
            SPEND_TEN,
            {
                "kind": "challenge",
                "code": "weeks",
                "span": "week",
                "streak": True,
                "repeat": True,
                "levels": [
                    {"goal": 3, "grant": {"kind": "units", "unit": "points", "amount": 100}}
                ],
            },
        )
    )
    card = Card(terms)
    weeks = [0, 0, 1, 3, 4, 5, 6]

    given = [units_of(card.does(sale(100, at=NOON + timedelta(weeks=week)))) for week in weeks]

    assert given == [0, 0, 0, 0, 0, 100, 0]


def test_a_full_set_of_stamps_has_its_prize() -> None:
    kinds = ("coffee", "cake", "soup")
    terms = terms_of(
        simple(
            *(
                {
                    "kind": "item",
                    "code": kind,
                    "unit": kind,
                    "when": {"match": {"categories": [kind]}},
                }
                for kind in kinds
            ),
            {
                "kind": "set",
                "code": "all",
                "parts": [{"unit": kind, "need": 1} for kind in kinds],
                "grant": {"kind": "percent_off_next", "amount": 50, "days": 30},
            },
            units=[{"code": kind, "kind": "stamps"} for kind in kinds],
        )
    )
    card = Card(terms)

    made = [
        bool(card.does(visit(taps={kind: 1})).promised)
        for kind in ("coffee", "coffee", "cake", "soup", "soup")
    ]

    assert made == [False, False, False, True, False]
