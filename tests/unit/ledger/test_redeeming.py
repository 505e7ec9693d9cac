"""Rewards, coupons, payment, classes: due or refused, and never more than the sale."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.activity import Line
from ledger.discounts import payable, to_pay
from ledger.member_state import MemberState, Pause, Promise
from ledger.offer_words import refusal_sentence
from ledger.offers import Cost, Coupon, Due, Refusal, Refused, RewardKind, RewardOffer
from ledger.programme_terms import AverageOf, Floor, GrantKind, Match
from ledger.reasons import headline, sentences
from ledger.redeeming import may_attend, may_redeem, may_use, may_use_promise, pay, tier_discount
from tests.support.card_builders import NOON, held, holding_of, item, lot, sale
from tests.support.terms_documents import everything, simple, terms_of

TERMS = terms_of(simple(payments=[{"unit": "points", "units": 10, "minor": 100, "min_units": 20}]))
RICH = MemberState(holdings=holding_of(held("points", 500)))


def reward(kind: RewardKind = RewardKind.PRODUCT, cost: int = 50, **parts: Any) -> RewardOffer:
    return RewardOffer(id=1, kind=kind, costs=(Cost(unit="points", amount=cost),), **parts)


def redeem(
    offer: RewardOffer, activity: Any = None, state: MemberState = RICH, used: int = 0
) -> Due | Refused:
    return may_redeem(offer, TERMS, state, used=used, activity=activity, now=NOON)


def coupon(kind: RewardKind = RewardKind.FIXED, **parts: Any) -> Coupon:
    return Coupon(id=1, kind=kind, **{"value_minor": 300, **parts})


def use(
    offer: Coupon, activity: Any = None, state: MemberState = RICH, **parts: Any
) -> Due | Refused:
    return may_use(
        offer, TERMS, state, **{"member_id": 7, "used": 0, **parts}, activity=activity, now=NOON
    )


def why(answer: Due | Refused) -> Refusal:
    assert isinstance(answer, Refused)
    sentence = refusal_sentence(answer, terms_of(everything()))
    assert sentence.endswith(".")
    return answer.why


def off(answer: Due | Refused) -> int:
    assert isinstance(answer, Due)
    return answer.discount_minor


@pytest.mark.parametrize(
    ("offer", "refusal"),
    [
        (reward(active=False), Refusal.INACTIVE),
        (reward(valid_from=NOON + timedelta(microseconds=1)), Refusal.NOT_YET),
        (reward(valid_until=NOON), Refusal.OVER),
        (reward(tiers=("gold",)), Refusal.WRONG_TIER),
        (reward(stock=0), Refusal.OUT_OF_STOCK),
        (reward(RewardKind.FIXED, value_minor=1), Refusal.NO_SALE),
        (reward(floor=Floor(minor=1)), Refusal.NO_SALE),
        (reward(floor=Floor(average=AverageOf.MEMBER)), Refusal.NO_AVERAGE),
        (reward(cost=501), Refusal.NOT_ENOUGH),
    ],
)
def test_a_reward_that_cannot_be_had_now_says_why(offer: RewardOffer, refusal: Refusal) -> None:
    assert why(redeem(offer)) is refusal


def test_a_reward_at_its_very_limits_is_due() -> None:
    answer = redeem(
        reward(
            cost=500,
            stock=1,
            per_member=2,
            valid_from=NOON,
            valid_until=NOON + timedelta(microseconds=1),
        ),
        used=1,
    )

    assert isinstance(answer, Due)
    assert answer.stock_after == 0
    assert why(redeem(reward(per_member=2), used=2)) is Refusal.USED_UP


def test_a_full_set_costs_one_of_each() -> None:
    both = RewardOffer(
        id=1,
        kind=RewardKind.PRODUCT,
        costs=(Cost(unit="coffee", amount=1), Cost(unit="cake", amount=2)),
    )
    some = MemberState(holdings=holding_of(held("coffee", 3), held("cake", 1)))
    enough = MemberState(holdings=holding_of(held("coffee", 3), held("cake", 2)))

    assert why(redeem(both, state=some)) is Refusal.NOT_ENOUGH
    due = redeem(both, state=enough)
    assert isinstance(due, Due)
    assert [(part.unit, part.amount) for part in due.spendings] == [("coffee", 1), ("cake", 2)]


def test_what_is_pending_is_told_apart_from_what_is_missing() -> None:
    waiting = lot(40, number=1), lot(30, number=2, at=NOON + timedelta(days=3))
    state = MemberState(holdings=holding_of(held("points", 70, lots=waiting)))

    answer = redeem(reward(), state=state)
    assert why(answer) is Refusal.PENDING
    assert isinstance(answer, Refused)
    assert answer.facts == {"unit": "points", "available": 40, "needed": 50}
    assert why(redeem(reward(cost=71), state=state)) is Refusal.NOT_ENOUGH


def test_what_is_over_does_not_pay_even_before_the_job_ran() -> None:
    state = MemberState(holdings=holding_of(held("points", 50, lots=(lot(50, expires_at=NOON),))))

    assert why(redeem(reward(), state=state)) is Refusal.NOT_ENOUGH


def test_idle_points_do_not_pay() -> None:
    old = lot(50, at=NOON - timedelta(days=60), idle_days=30)
    state = MemberState(holdings=holding_of(held("points", 50, lots=(old,))))

    assert why(redeem(reward(), state=state)) is Refusal.NOT_ENOUGH


@pytest.mark.parametrize(
    ("offer", "activity", "minor"),
    [
        (reward(RewardKind.PERCENT, percent=10), sale(999), 99),
        (reward(RewardKind.PERCENT, percent=100), sale(999, tip_minor=99), 900),
        (reward(RewardKind.PERCENT, percent=100), sale(999, discount_minor=99), 900),
        (reward(RewardKind.PERCENT, percent=250), sale(999), 999),
        (reward(RewardKind.FIXED, value_minor=500), sale(999), 500),
        (reward(RewardKind.FIXED, value_minor=500), sale(400), 400),
        (reward(RewardKind.FIXED, value_minor=500), sale(700, redeemed_minor=300), 400),
        (reward(RewardKind.PRODUCT), sale(700), 0),
    ],
)
def test_a_discount_is_never_more_than_the_sale(
    offer: RewardOffer, activity: Any, minor: int
) -> None:
    assert off(redeem(offer, activity)) == minor


def test_a_discount_for_certain_items_holds_for_them_alone() -> None:
    bought = sale(1000, lines=(item("cake", 300, tax_minor=30), item("tea", 500)))
    half = coupon(RewardKind.PERCENT, percent=50, match=Match(categories=("cake",)))
    large = coupon(value_minor=900, match=Match(categories=("cake",)))

    assert off(use(half, bought)) == 165
    assert off(use(large, bought)) == 330
    assert why(use(half, sale(1000))) is Refusal.NOTHING_MATCHES


def test_no_discount_is_given_on_a_gift_card() -> None:
    bought = sale(6000, lines=(Line(net_minor=5000, gift_card=True), item("tea", 1000)))

    assert payable(bought, Match()) == 1000
    assert off(use(coupon(RewardKind.PERCENT, percent=50), bought)) == 500
    assert payable(bought, Match(categories=("",))) == 0


@settings(deadline=None)
@given(
    amounts=st.tuples(st.integers(0, 5000), *(st.integers(0, 500),) * 3),
    percent=st.integers(1, 100),
    lines=st.lists(st.integers(0, 900), max_size=4),
)
def test_no_discount_ever_passes_what_is_to_pay(
    amounts: tuple[int, int, int, int], percent: int, lines: list[int]
) -> None:
    gross, tip, discount, redeemed = amounts
    bought = sale(
        gross,
        tip_minor=tip,
        discount_minor=discount,
        redeemed_minor=redeemed,
        lines=tuple(item("cake", minor) for minor in lines),
    )

    for match in (Match(), Match(categories=("cake",))):
        answer = use(coupon(RewardKind.PERCENT, percent=percent, match=match), bought)
        assert isinstance(answer, Refused) or 0 <= answer.discount_minor <= to_pay(bought)


@pytest.mark.parametrize(
    ("offer", "parts", "refusal"),
    [
        (coupon(member_id=8), {}, Refusal.FOREIGN),
        (coupon(uses_max=1), {"used": 1}, Refusal.USED_UP),
        (coupon(valid_until=NOON), {}, Refusal.OVER),
        (coupon(stock=0), {}, Refusal.OUT_OF_STOCK),
        (coupon(floor=Floor(minor=1001)), {}, Refusal.TOO_SMALL),
    ],
)
def test_a_coupon_that_cannot_be_used_says_why(
    offer: Coupon, parts: dict[str, Any], refusal: Refusal
) -> None:
    assert why(use(offer, sale(1000), **parts)) is refusal


def test_a_coupon_is_used_once_or_as_often_as_one_likes() -> None:
    assert off(use(coupon(member_id=7, uses_max=1, stock=5), sale(1000))) == 300
    assert off(use(coupon(uses_max=None), sale(1000), used=99)) == 300
    least = coupon(floor=Floor(minor=1000))
    assert off(use(least, sale(1000))) == 300


def test_a_coupon_counts_its_stock_down() -> None:
    few, endless = use(coupon(stock=5), sale(1000)), use(coupon(), sale(1000))

    assert isinstance(few, Due)
    assert isinstance(endless, Due)
    assert (few.stock_after, endless.stock_after) == (4, None)


def test_a_promised_discount_is_a_coupon_for_one_sale() -> None:
    def promised(kind: GrantKind) -> Promise:
        return Promise(
            id=4,
            rule="back",
            kind=kind,
            amount=20,
            granted_at=NOON,
            terms_version=1,
            min_sale_minor=500,
            expires_at=NOON + timedelta(days=1),
        )

    def ask(kind: GrantKind, minor: int) -> Due | Refused:
        return may_use_promise(promised(kind), TERMS, RICH, activity=sale(minor), now=NOON)

    assert off(ask(GrantKind.PERCENT_OFF_NEXT, 500)) == 100
    assert off(ask(GrantKind.FIXED_OFF_NEXT, 500)) == 20
    assert why(ask(GrantKind.FIXED_OFF_NEXT, 499)) is Refusal.TOO_SMALL
    with pytest.raises(ValueError, match="add_next"):
        ask(GrantKind.ADD_NEXT, 500)


def paid(units: int | None, minor: int, **parts: Any) -> Due | Refused:
    terms = terms_of(
        simple(payments=[{"unit": "points", "units": 10, "minor": 100, "min_units": 20, **parts}])
    )
    return pay(terms, RICH, unit="points", units=units, to_pay_minor=minor, now=NOON)


def test_points_pay_whole_steps_and_never_more_than_the_sale() -> None:
    assert off(paid(None, 1250)) == 1200
    assert off(paid(None, 100_000)) == 5000
    assert off(paid(30, 1250)) == 300
    assert off(paid(None, 1250, max_percent=50)) == 600
    assert why(paid(130, 1250)) is Refusal.TOO_MUCH
    assert why(paid(25, 1250)) is Refusal.TOO_LITTLE
    assert why(paid(10, 1250)) is Refusal.TOO_LITTLE
    assert why(paid(-10, 1250)) is Refusal.TOO_LITTLE
    assert why(paid(0, 1250)) is Refusal.TOO_LITTLE
    assert why(paid(None, 99)) is Refusal.TOO_LITTLE
    assert why(paid(None, -5)) is Refusal.TOO_LITTLE
    assert why(paid(510, 100_000)) is Refusal.NOT_ENOUGH
    assert off(paid(20, 200)) == 200


def test_a_unit_without_a_rate_pays_nothing() -> None:
    terms = terms_of(simple())

    answer = pay(terms, RICH, unit="points", units=None, to_pay_minor=100, now=NOON)

    assert why(answer) is Refusal.NO_RATE


def attend(**parts: Any) -> Due | Refused:
    state = MemberState(holdings=holding_of(held("yoga", parts.pop("classes", 3), **parts)))
    return may_attend(terms_of(everything()), state, unit="yoga", now=NOON)


def test_a_class_takes_one_of_the_pack() -> None:
    due = attend()

    assert isinstance(due, Due)
    assert [(part.unit, part.amount) for part in due.spendings] == [("yoga", 1)]
    assert why(attend(classes=0)) is Refusal.NOT_ENOUGH


def test_a_locked_or_resting_pack_lets_nobody_in() -> None:
    today = date(2026, 11, 24)
    rest = Pause(first_day=today - timedelta(days=1), last_day=today)
    over = Pause(first_day=today - timedelta(days=9), last_day=today - timedelta(days=1))

    assert why(attend(locked=True)) is Refusal.LOCKED
    assert why(attend(pauses=(rest,))) is Refusal.PAUSED
    assert isinstance(attend(pauses=(over,)), Due)


def test_a_donation_adds_to_the_total() -> None:
    due = redeem(reward(RewardKind.DONATION, value_minor=200))

    assert isinstance(due, Due)
    assert (due.donated_minor, due.discount_minor) == (200, 0)
    other = redeem(reward(RewardKind.VOUCHER, value_minor=200))
    assert isinstance(other, Due)
    assert other.donated_minor == 0
    assert sentences(due.reason, reward_name="River", terms=TERMS) == (
        "−50 points",
        "River",
        "€2.00 given",
    )


def test_a_coupon_costs_no_points_and_says_what_it_takes_off() -> None:
    due = use(coupon(), sale(1000))

    assert isinstance(due, Due)
    assert (due.spendings, headline(due.reason)) == ((), "€3.00 off")


def test_the_benefit_of_a_tier_is_of_what_is_to_pay() -> None:
    terms = terms_of(everything())

    assert tier_discount(terms, "gold", sale(1009, tip_minor=100, discount_minor=10)) == 89
    assert tier_discount(terms, "", sale(1000)) == 0
    assert tier_discount(TERMS, "gold", sale(1000)) == 0


def test_what_is_not_on_offer_is_said_before_how_often_it_was_had() -> None:
    over = {"valid_until": NOON}

    assert why(redeem(reward(per_member=1, **over), used=1)) is Refusal.OVER
    assert why(use(coupon(uses_max=1, **over), sale(1000), used=1)) is Refusal.OVER


def test_the_rate_is_that_of_the_unit_and_what_fits_at_most_is_told() -> None:
    units = [{"code": "points", "kind": "points"}, {"code": "stars", "kind": "points"}]
    payments = [
        {"unit": "points", "units": 10, "minor": 100},
        {"unit": "stars", "units": 3, "minor": 50},
    ]
    terms = terms_of(simple(units=units, payments=payments))
    state = MemberState(holdings=holding_of(held("points", 99), held("stars", 99)))

    def by_stars(units: int | None) -> Due | Refused:
        return pay(terms, state, unit="stars", units=units, to_pay_minor=170, now=NOON)

    paid = by_stars(None)
    assert isinstance(paid, Due)
    assert (paid.discount_minor, paid.spendings[0].amount) == (150, 9)
    refused = by_stars(12)
    assert isinstance(refused, Refused)
    assert (refused.why, refused.facts["most"]) == (Refusal.TOO_MUCH, 9)


def test_a_thing_is_handed_out_whatever_there_is_to_pay() -> None:
    assert off(redeem(reward(), sale(500, discount_minor=500))) == 0


def test_a_reward_for_nothing_takes_nothing() -> None:
    free = redeem(reward(cost=0))

    assert isinstance(free, Due)
    assert free.spendings == ()


def test_what_waits_is_told_from_what_is_missing() -> None:
    waits = lot(50, at=NOON + timedelta(days=1))
    state = MemberState(holdings=holding_of(held("points", 0, lots=(waits,))))

    assert why(redeem(reward(cost=50), state=state)) is Refusal.PENDING
    assert why(redeem(reward(cost=51), state=state)) is Refusal.NOT_ENOUGH


@pytest.mark.parametrize(
    ("day", "rests"), [(23, False), (24, True), (25, True), (26, True), (27, False)]
)
def test_a_pack_rests_from_the_first_day_to_the_last(day: int, rests: bool) -> None:
    pause = Pause(first_day=date(2026, 11, 24), last_day=date(2026, 11, 26))
    yoga = held("yoga", 5, lots=(lot(5, at=NOON - timedelta(days=9)),), pauses=(pause,))
    state = MemberState(holdings=holding_of(yoga))

    answer = may_attend(
        terms_of(everything()), state, unit="yoga", now=NOON + timedelta(days=day - 24)
    )

    assert isinstance(answer, Refused) is rests
