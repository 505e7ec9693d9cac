"""The order of rules: what counts, what wins, what is capped, what is owed first."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from common.errors import InvalidInput, LimitReached
from ledger.activity import Line
from ledger.evaluate import evaluate, needs
from ledger.evaluation import WhyNot
from ledger.member_state import Holding, MemberState, Progress, Promise
from ledger.programme_terms import GrantKind, LimitKind
from tests.support.card_builders import (
    NOON,
    Card,
    held,
    holding_of,
    item,
    lot,
    sale,
    units_of,
    visit,
)
from tests.support.terms_documents import everything, simple, terms_of

EURO = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1}
STAMP = {"kind": "visit", "code": "stamp", "unit": "stamps"}
STAMPS = [{"code": "stamps", "kind": "stamps"}]


def times(code: str, percent: int, unit: str = "points", **when: Any) -> dict[str, Any]:
    return {"kind": "multiplier", "code": code, "unit": unit, "percent": percent, "when": when}


def points(document: dict[str, Any], activity: Any = None, **state: Any) -> int:
    answer = evaluate(terms_of(document), MemberState(**state), activity or sale(1000), NOON)
    return units_of(answer)


@pytest.mark.parametrize(
    ("counts", "counted", "left_out"),
    [
        ({}, 850, {"tip": 100, "discount": 50}),
        ({"tax": False}, 700, {"tax": 150, "tip": 100, "discount": 50}),
        ({"tip": True}, 950, {"discount": 50}),
        ({"discount": True}, 900, {"tip": 100}),
        ({"exclude": {"items": ["beer"]}}, 530, {"tip": 100, "discount": 50, "excluded": 320}),
        (
            {"tax": False, "exclude": {"items": ["beer"]}},
            400,
            {"tax": 150, "tip": 100, "discount": 50, "excluded": 300},
        ),
    ],
)
def test_what_counts_of_a_sale(
    counts: dict[str, Any], counted: int, left_out: dict[str, int]
) -> None:
    bought = sale(
        1000,
        tax_minor=150,
        tip_minor=100,
        discount_minor=50,
        lines=(Line(item="beer", net_minor=300, tax_minor=20),),
    )

    answer = evaluate(terms_of(simple(counts=counts)), MemberState(), bought, NOON)

    assert answer.counted_minor == counted
    assert dict(answer.left_out) == left_out
    assert counted + sum(left_out.values()) == 1000


def test_a_gift_card_sold_earns_nothing_and_an_item_may_be_barred() -> None:
    bought = sale(
        6000, lines=(Line(net_minor=5000, gift_card=True), Line(net_minor=400, counts=False))
    )

    answer = evaluate(terms_of(simple()), MemberState(), bought, NOON)

    assert dict(answer.left_out) == {"gift_card": 5000, "excluded": 400}
    assert units_of(answer) == 6
    assert points(simple(counts={"gift_cards": True}), bought) == 56


def test_deductions_never_make_less_than_nothing() -> None:
    answer = evaluate(terms_of(simple()), MemberState(), sale(500, redeemed_minor=700), NOON)

    assert (answer.counted_minor, dict(answer.left_out)) == (0, {"redeemed": 500})


def test_the_highest_multiplier_alone_counts_line_by_line() -> None:
    document = simple(
        EURO,
        times("cake", 300, match={"categories": ["cake"]}),
        times("tuesday", 200, weekdays=[2]),
        times("own", 150, match={"own_brand": True}),
    )
    bought = sale(1000, lines=(item("cake", 300, own_brand=True), item("tea", 200)))

    answer = evaluate(terms_of(document), MemberState(), bought, NOON)

    # 3.00 three times, the other 7.00 twice.
    assert units_of(answer) == 9 + 14
    part = answer.credits[0].parts[0]
    assert [(m.rule, m.percent, m.size) for m in part.multiplied] == [
        ("cake", 300, 300),
        ("tuesday", 200, 700),
    ]
    assert [(out.rule, out.why, out.by) for out in answer.rules_left_out] == [
        ("own", WhyNot.BEATEN, "cake")
    ]


def test_a_discount_on_the_whole_sale_is_taken_from_what_is_worth_least() -> None:
    document = simple(EURO, times("cake", 300, match={"categories": ["cake"]}))
    bought = sale(1000, discount_minor=400, lines=(item("cake", 500), item("tea", 500)))

    assert points(document, bought) == 15 + 1


def test_less_than_a_cent_of_weight_is_dropped_once() -> None:
    document = simple(EURO | {"spend_minor": 1}, times("all", 150))

    assert points(document, sale(3)) == 4


@pytest.mark.parametrize(
    ("at", "on"),
    [
        ("2026-11-24T13:59:59+01:00", False),
        ("2026-11-24T14:00:00+01:00", True),
        ("2026-11-24T16:59:59+01:00", True),
        ("2026-11-24T17:00:00+01:00", False),
        ("2026-11-23T15:00:00+01:00", False),
        ("2026-11-24T13:30:00+00:00", True),
    ],
)
def test_hours_and_weekdays_are_the_shops_own(at: str, *, on: bool) -> None:
    document = simple(EURO, times("tea", 200, weekdays=[2], from_minute=840, until_minute=1020))
    bought = sale(100, at=datetime.fromisoformat(at))

    assert points(document, bought) == (2 if on else 1)


@pytest.mark.parametrize(
    ("hour", "on"), [(21, False), (22, True), (23, True), (1, True), (2, False)]
)
def test_hours_may_pass_midnight(hour: int, *, on: bool) -> None:
    document = simple(EURO, times("night", 200, from_minute=1320, until_minute=120))
    bought = sale(100, at=datetime.fromisoformat(f"2026-11-24T{hour:02d}:00:00+01:00"))

    assert points(document, bought) == (2 if on else 1)


@pytest.mark.parametrize(
    ("day", "on"),
    [("2026-11-30", False), ("2026-12-01", True), ("2026-12-24", True), ("2026-12-25", False)],
)
def test_dates_include_both_ends(day: str, *, on: bool) -> None:
    document = simple(EURO, times("advent", 200, first_day="2026-12-01", last_day="2026-12-24"))
    bought = sale(100, at=datetime.fromisoformat(f"{day}T12:00:00+01:00"))

    assert points(document, bought) == (2 if on else 1)


def test_the_first_purchase_counts_double_and_a_tier_more() -> None:
    tiers = {
        "levels": [{"code": "gold", "name": "Gold", "threshold": 1, "percent": 150}],
    }
    document = simple(EURO, times("first", 200, first_purchase=True), tiers=tiers)

    assert points(document) == 20
    assert points(document, purchases=1) == 10
    assert points(document, purchases=1, tier="gold") == 15
    assert points(document, tier="gold") == 20


def test_a_rule_for_a_tier_is_for_that_tier() -> None:
    tiers = {"levels": [{"code": "gold", "name": "Gold", "threshold": 10**9}]}
    document = simple(EURO, times("vip", 200, tiers=["gold"]), tiers=tiers)

    assert points(document, tier="gold") == 20
    assert points(document) == 10


def test_the_sale_that_lifts_is_rated_under_the_tier_it_found() -> None:
    tiers = {"levels": [{"code": "gold", "name": "Gold", "threshold": 1000, "percent": 200}]}
    card = Card(terms_of(simple(EURO, tiers=tiers)))

    lifted = card.does(sale(1000))
    after = card.does(sale(1000))

    assert (lifted.tier_before, lifted.tier_after, lifted.tier_total) == ("", "gold", 1000)
    assert (units_of(lifted), units_of(after)) == (10, 20)


def test_tiers_may_count_units() -> None:
    tiers = {
        "basis": "units",
        "unit": "points",
        "levels": [{"code": "gold", "name": "Gold", "threshold": 10}],
    }
    terms = terms_of(simple(EURO, tiers=tiers))

    assert evaluate(terms, MemberState(), sale(999), NOON).tier_after == ""
    assert evaluate(terms, MemberState(tier_total=1), sale(999), NOON).tier_after == "gold"


@pytest.mark.parametrize(
    ("rounding", "units"),
    [("carry", (1, 2)), ("down", (1, 1)), ("nearest", (2, 2)), ("up", (2, 2))],
)
def test_rounding_of_what_makes_no_whole_unit(rounding: str, units: tuple[int, int]) -> None:
    document = simple(units=[{"code": "points", "kind": "points", "rounding": rounding}])
    card = Card(terms_of(document))

    assert (units_of(card.does(sale(150))), units_of(card.does(sale(150)))) == units


def test_cashback_is_exact_below_the_cent() -> None:
    back = {"kind": "cashback", "code": "back", "unit": "EUR", "basis_points": 150}
    card = Card(terms_of(simple(back, units=[{"code": "EUR", "kind": "cashback"}])))

    given = [units_of(card.does(sale(33)), "EUR") for _sale in range(200)]

    # 1.5 % of 66.00 is 0.99.
    assert sum(given) == 99
    assert card.state.holding("EUR").carry == 0


def test_a_visit_is_a_stamp_and_staff_may_say_how_many() -> None:
    document = simple(STAMP | {"min_sale_minor": 0}, units=STAMPS)
    terms = terms_of(document)

    def stamps(activity: Any) -> int:
        return units_of(evaluate(terms, MemberState(), activity, NOON), "stamps")

    assert stamps(visit()) == 1
    assert stamps(visit(visits=3)) == 3
    assert stamps(visit(visits=0)) == 0
    assert stamps(visit(taps={"stamps": 2})) == 2
    assert stamps(sale(100)) == 1
    assert stamps(sale(0)) == 0
    assert stamps(sale(100, lines=(Line(net_minor=100, gift_card=True),))) == 0


def test_a_visit_below_the_least_amount_gives_no_stamp_and_says_so() -> None:
    terms = terms_of(simple(STAMP | {"min_sale_minor": 500}, units=STAMPS))

    answer = evaluate(terms, MemberState(), sale(499), NOON)

    assert answer.credits == ()
    assert [(out.rule, out.why) for out in answer.rules_left_out] == [
        ("stamp", WhyNot.BELOW_MINIMUM)
    ]


def test_double_stamps_on_a_tuesday() -> None:
    document = simple(STAMP, times("tuesday", 200, "stamps", weekdays=[2]), units=STAMPS)

    answer = evaluate(terms_of(document), MemberState(), visit(), NOON)

    assert units_of(answer, "stamps") == 2


def test_taps_stand_in_place_of_lines() -> None:
    rule = {
        "kind": "item",
        "code": "coffee",
        "unit": "stamps",
        "when": {"match": {"categories": ["coffee"]}},
    }
    terms = terms_of(simple(rule, units=STAMPS))
    bought = sale(600, lines=(item("coffee", 600, quantity=2),), taps={"stamps": 1})

    assert units_of(evaluate(terms, MemberState(), bought, NOON), "stamps") == 1


def promise(kind: GrantKind, amount: int, **parts: Any) -> Promise:
    return Promise(
        id=parts.pop("id", 1),
        rule="back",
        kind=kind,
        amount=amount,
        granted_at=NOON - timedelta(days=1),
        terms_version=1,
        unit="points",
        **parts,
    )


def test_extra_points_promised_come_with_the_next_purchase_once() -> None:
    bonus = {
        "kind": "bonus",
        "code": "back",
        "grant": {"kind": "add_next", "unit": "points", "amount": 5, "days": 7},
    }
    card = Card(terms_of(simple(EURO, bonus)))

    given = [units_of(card.does(sale(100, at=NOON + timedelta(days=day)))) for day in (0, 3, 30)]

    assert given == [1, 6, 1]
    end = card.answers[0].promised[0].expires_at
    assert end == datetime(2026, 12, 1, 23, tzinfo=UTC)


def test_an_open_promise_of_a_rule_is_not_doubled() -> None:
    bonus = {
        "kind": "bonus",
        "code": "back",
        "grant": {"kind": "percent_off_next", "amount": 10, "days": 7},
    }
    card = Card(terms_of(simple(EURO, bonus)))

    first, second = card.does(sale(100)), card.does(sale(100))

    assert (len(first.promised), len(second.promised)) == (1, 0)
    assert second.rules_left_out[0].why is WhyNot.ALREADY_GIVEN


def test_a_promised_multiplier_is_used_up_only_where_it_wins() -> None:
    document = simple(EURO, times("all", 200))
    low = promise(GrantKind.MULTIPLY_NEXT, 150)
    high = promise(GrantKind.MULTIPLY_NEXT, 300, id=2)

    kept = evaluate(terms_of(document), MemberState(promises=(low,)), sale(100), NOON)
    used = evaluate(terms_of(document), MemberState(promises=(low, high)), sale(100), NOON)

    assert (units_of(kept), kept.consumed) == (2, ())
    assert (units_of(used), used.consumed) == (3, (2,))


@pytest.mark.parametrize(
    "parts",
    [
        {"expires_at": NOON},
        {"min_sale_minor": 101},
    ],
    ids=["over", "too small a sale"],
)
def test_a_promise_that_does_not_hold_stays(parts: dict[str, Any]) -> None:
    state = MemberState(promises=(promise(GrantKind.ADD_NEXT, 5, **parts),))

    answer = evaluate(terms_of(simple()), state, sale(100), NOON)

    assert (units_of(answer), answer.consumed) == (1, ())


def test_of_two_equal_promises_the_one_that_ends_first_is_used() -> None:
    late = promise(GrantKind.MULTIPLY_NEXT, 200, id=1)
    soon = promise(GrantKind.MULTIPLY_NEXT, 200, id=2, expires_at=NOON + timedelta(days=1))

    answer = evaluate(terms_of(simple()), MemberState(promises=(late, soon)), sale(100), NOON)

    assert answer.consumed == (2,)


def test_a_bonus_given_once_is_not_given_again() -> None:
    bonus = {
        "kind": "bonus",
        "code": "once",
        "once": True,
        "floor": {"minor": 500},
        "grant": {"kind": "units", "unit": "points", "amount": 50},
    }
    card = Card(terms_of(simple(EURO, bonus)))

    given = [units_of(card.does(sale(minor))) for minor in (499, 500, 500)]

    assert given == [4, 55, 5]


def test_a_bonus_by_an_average_waits_until_there_is_one() -> None:
    bonus = {
        "kind": "bonus",
        "code": "more",
        "floor": {"average": "shop", "percent": 105, "minor": 300},
        "grant": {"kind": "units", "unit": "points", "amount": 50},
    }
    document = simple(EURO, bonus)
    none = evaluate(terms_of(document), MemberState(), sale(9999), NOON)

    assert none.rules_left_out[0].why is WhyNot.NO_AVERAGE
    # 105 % of 2.90 is 3.045: the floor is rounded up to 3.05; and never below the fixed one.
    assert points(document, sale(304), shop_average_minor=290) == 3
    assert points(document, sale(305), shop_average_minor=290) == 53
    assert points(document, sale(299), shop_average_minor=100) == 2
    assert points(document, sale(300), shop_average_minor=100) == 53


def challenge(**parts: Any) -> dict[str, Any]:
    goals = parts.pop("goals", [2])
    levels = [
        {"goal": goal, "grant": {"kind": "units", "unit": "points", "amount": 100 * goal}}
        for goal in goals
    ]
    return {"kind": "challenge", "code": "dare", "levels": levels, **parts}


def course(document: dict[str, Any], days: list[int], **parts: Any) -> list[int]:
    card = Card(terms_of(document))
    return [
        units_of(card.does(sale(100, at=NOON + timedelta(days=day), **parts))) - 1 for day in days
    ]


@pytest.mark.parametrize(
    ("parts", "days", "given"),
    [
        ({}, [0, 1, 2, 3], [0, 200, 0, 0]),
        ({"repeat": True}, [0, 1, 2, 3], [0, 200, 0, 200]),
        ({"goals": [1, 3]}, [0, 1, 2, 3], [100, 0, 300, 0]),
        ({"goals": [1, 3], "repeat": True}, [0, 1, 2, 3], [100, 0, 300, 100]),
        ({"span": "week"}, [0, 5, 6, 7], [0, 200, 0, 200]),
        ({"span": "month"}, [0, 7, 8, 9], [0, 0, 200, 0]),
        ({"span": "day"}, [0, 1, 1, 1], [0, 0, 200, 0]),
        ({"span": "days", "days": 3}, [0, 3, 5, 6], [0, 0, 200, 0]),
        ({"span": "day", "streak": True, "goals": [3]}, [0, 1, 1, 2, 3], [0, 0, 0, 300, 0]),
        ({"span": "month", "streak": True}, [0, 20, 50], [0, 200, 0]),
        ({"min_sale_minor": 101}, [0, 1], [0, 0]),
    ],
)
def test_challenges(parts: dict[str, Any], days: list[int], given: list[int]) -> None:
    assert course(simple(EURO, challenge(**parts)), days) == given


def test_a_sale_told_late_does_not_turn_a_challenge_back() -> None:
    document = simple(EURO, challenge(span="week"))

    assert course(document, [7, 0, 8]) == [0, 0, 200]
    assert course(simple(EURO, challenge(span="day", streak=True)), [5, 3, 6]) == [0, 0, 200]


def test_a_challenge_may_count_items_several_at_once() -> None:
    dare = challenge(action="item", repeat=True, when={"match": {"categories": ["cake"]}})
    lines = (item("cake", 50, quantity=5), item("tea", 50, quantity=9))

    assert course(simple(EURO, dare), [0, 1], lines=lines) == [400, 600]


def test_a_set_keeps_what_is_beyond_it() -> None:
    kinds = ["a", "b"]
    rules = [{"kind": "visit", "code": kind, "unit": kind} for kind in kinds]
    prize = {
        "kind": "set",
        "code": "all",
        "parts": [{"unit": "a", "need": 2}, {"unit": "b", "need": 1}],
        "grant": {"kind": "units", "unit": "points", "amount": 10},
    }
    units = [{"code": kind, "kind": "stamps"} for kind in kinds]
    units.append({"code": "points", "kind": "points"})
    card = Card(terms_of(simple(*rules, prize, units=units)))

    given = [
        units_of(card.does(visit(taps=taps)))
        for taps in ({"a": 3, "b": 0}, {"a": 0, "b": 1}, {"a": 3, "b": 2}, {"a": 1, "b": 0})
    ]

    assert given == [0, 10, 20, 0]
    assert card.state.progress["all"] == Progress(times=3, parts={"a": 1, "b": 0})


@pytest.mark.parametrize(
    ("kind", "state", "units", "cut"),
    [
        ("units_per_scan", {}, 4, 6),
        ("units_per_day", {}, 4, 6),
        ("units_per_day", {"units_today": {"points": 3}}, 1, 9),
        ("units_per_day", {"units_today": {"points": 9}}, 0, 10),
        ("shop_units_per_day", {"shop_units_today": {"points": 2}}, 2, 8),
    ],
)
def test_a_cap_trims_and_is_named(kind: str, state: dict[str, Any], units: int, cut: int) -> None:
    document = simple(limits=[{"kind": kind, "unit": "points", "most": 4}])

    answer = evaluate(terms_of(document), MemberState(**state), sale(1000), NOON)

    assert units_of(answer) == units
    hit = answer.credits[0].caps[0]
    assert (hit.kind, hit.most, hit.cut) == (LimitKind(kind), 4, cut)
    assert answer.reason["cap"] == kind


def test_the_tightest_cap_is_the_one_named() -> None:
    document = simple(
        limits=[
            {"kind": "units_per_scan", "unit": "points", "most": 5},
            {"kind": "units_per_day", "unit": "points", "most": 8},
        ]
    )
    state = MemberState(units_today={"points": 6})

    hits = evaluate(terms_of(document), state, sale(1000), NOON).credits[0].caps

    assert [(hit.kind, hit.cut) for hit in hits] == [(LimitKind.UNITS_PER_DAY, 8)]


def test_a_cap_that_is_just_reached_cuts_nothing() -> None:
    document = simple(limits=[{"kind": "units_per_scan", "unit": "points", "most": 10}])

    answer = evaluate(terms_of(document), MemberState(), sale(1000), NOON)

    assert (units_of(answer), answer.credits[0].caps) == (10, ())


def test_a_limit_on_the_amount_trims_what_counts() -> None:
    document = simple(limits=[{"kind": "amount_per_scan", "most": 300}])

    answer = evaluate(terms_of(document), MemberState(), sale(1000), NOON)

    assert (units_of(answer), dict(answer.left_out)) == (3, {"limit": 700})
    assert answer.reason["cap"] == "amount_per_scan"


@pytest.mark.parametrize(
    ("limit", "state", "minor"),
    [
        ({"kind": "sale_max", "most": 999}, {}, 1000),
        ({"kind": "earns_per_day", "most": 3}, {"earns_today": 3}, 1000),
        (
            {"kind": "minutes_between", "most": 15},
            {"last_earn_at": NOON - timedelta(minutes=14)},
            1,
        ),
        (
            {"kind": "minutes_between", "most": 15},
            {"last_earn_at": NOON + timedelta(minutes=14)},
            1,
        ),
    ],
)
def test_a_limit_that_refuses_says_which(
    limit: dict[str, Any], state: dict[str, Any], minor: int
) -> None:
    with pytest.raises(LimitReached) as caught:
        evaluate(terms_of(simple(limits=[limit])), MemberState(**state), sale(minor), NOON)

    assert caught.value.limit == limit["kind"]
    assert caught.value.message.endswith(".")


def test_limits_that_are_just_kept_let_through() -> None:
    document = simple(
        limits=[
            {"kind": "sale_max", "most": 1000},
            {"kind": "earns_per_day", "most": 3},
            {"kind": "minutes_between", "most": 15},
        ]
    )

    assert points(document, earns_today=2, last_earn_at=NOON - timedelta(minutes=15)) == 10


def test_what_is_owed_is_paid_first() -> None:
    state = MemberState(holdings=holding_of(Holding(unit="points", debt=4)))

    some = evaluate(terms_of(simple()), state, sale(1000), NOON)
    less = evaluate(terms_of(simple()), state, sale(300), NOON)

    assert (some.credits[0].debt_paid, some.credits[0].credited) == (4, 6)
    assert [(str(m.debit), str(m.credit), m.amount) for m in some.moves()] == [
        ("issued", "debt", 4),
        ("issued", "member", 6),
    ]
    assert [new.amount for new in some.credits[0].lots] == [6]
    assert (less.credits[0].debt_paid, less.credits[0].lots) == (3, ())


def test_a_pack_that_was_paid_for_pays_no_debt_and_no_cap_takes_it() -> None:
    pack = {
        "kind": "pack",
        "code": "ten",
        "unit": "yoga",
        "units": 10,
        "when": {"match": {"items": ["yoga-10"]}},
    }
    units = [{"code": "points", "kind": "points"}, {"code": "yoga", "kind": "classes"}]
    terms = terms_of(simple(EURO, pack, units=units))
    state = MemberState(holdings=holding_of(Holding(unit="yoga", debt=3)))

    answer = evaluate(terms, state, sale(100, lines=(item("", 100, item="yoga-10"),)), NOON)

    credit = answer.credit("yoga")
    assert credit is not None
    assert (credit.units, credit.debt_paid, [one.amount for one in credit.lots]) == (10, 0, [10])


def test_what_is_over_ends_before_coming_late_could_bring_it_back() -> None:
    document = simple(
        units=[{"code": "points", "kind": "points", "expiry": {"kind": "idle", "days": 30}}]
    )
    old = lot(40, at=NOON - timedelta(days=31), idle_days=30)
    state = MemberState(
        holdings=holding_of(held("points", 40, lots=(old,))),
        last_active_at=NOON - timedelta(days=31),
    )

    answer = evaluate(terms_of(document), state, sale(100), NOON)

    assert [(lapse.unit, lapse.units) for lapse in answer.lapsed] == [("points", 40)]
    assert answer.moves()[0].amount == 40
    assert answer.credits[0].lots[0].idle_days == 30


def test_a_full_balance_takes_no_more() -> None:
    state = MemberState(holdings=holding_of(Holding(unit="points", balance=10**12)))

    with pytest.raises(LimitReached) as caught:
        evaluate(terms_of(simple()), state, sale(100), NOON)
    assert caught.value.limit == "balance"


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"gross_minor": -1}, "amount"),
        ({"gross_minor": 1.5}, "amount"),
        ({"gross_minor": True}, "amount"),
        ({"tax_minor": -1}, "tax"),
        ({"tip_minor": -1}, "tip"),
        ({"discount_minor": -1}, "discount"),
        ({"redeemed_minor": -1}, "redeemed"),
        ({"gross_minor": 10, "tax_minor": 5, "tip_minor": 6}, "amount"),
        ({"visits": -1}, "visits"),
        ({"visits": 101}, "visits"),
        ({"taps": {"gold": 1}}, "taps"),
        ({"taps": {"points": -1}}, "taps"),
        ({"taps": {"points": "1"}}, "taps"),
        ({"lines": (Line(quantity=-1),)}, "lines.0.quantity"),
        ({"lines": (Line(), Line(net_minor=-1))}, "lines.1.net"),
        ({"lines": (Line(tax_minor=-1),)}, "lines.0.tax"),
        ({"lines": (Line(),) * 501}, "lines"),
        ({"at": datetime(2026, 1, 1)}, "at"),  # noqa: DTZ001 - the fault
    ],
)
def test_numbers_no_sale_can_have_are_refused(parts: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        evaluate(terms_of(simple()), MemberState(), visit(**parts), NOON)

    assert caught.value.field == field


def test_a_scan_gives_few_stamps_unless_the_terms_say_more() -> None:
    def stamps(activity: Any, **parts: Any) -> int:
        terms = terms_of(simple(STAMP, units=STAMPS, **parts))
        return units_of(evaluate(terms, MemberState(), activity, NOON), "stamps")

    limit = {"kind": "units_per_scan", "unit": "stamps", "most": 9}
    assert stamps(visit(visits=5)) == 5
    assert stamps(visit(taps={"stamps": 5})) == 5
    assert stamps(visit(visits=12), limits=[limit]) == 9
    for activity in (visit(visits=6), visit(taps={"stamps": 6})):
        with pytest.raises(LimitReached) as caught:
            stamps(activity)
        assert caught.value.limit == "stamps_per_scan"


def test_more_than_a_million_millions_is_refused() -> None:
    evaluate(terms_of(simple()), MemberState(), sale(10**12 - 100), NOON)

    with pytest.raises(LimitReached):
        evaluate(terms_of(simple()), MemberState(), sale(10**12 + 1), NOON)


def test_it_says_what_of_a_member_it_needs() -> None:
    plain, whole = needs(terms_of(simple())), needs(terms_of(everything()))

    assert (plain.lots, plain.averages, plain.progress, plain.tier) == (
        frozenset(),
        False,
        False,
        False,
    )
    assert whole.lots == {"cake"}
    assert whole.averages
    assert whole.progress
    assert whole.tier
    assert whole.units_today
    assert whole.earns_today
    assert whole.last_earn
    assert whole.purchases
    assert not whole.shop_units_today


def test_the_same_question_has_the_same_answer() -> None:
    terms = terms_of(everything())
    bought = sale(1234, lines=(item("coffee", 300), item("cake", 400, own_brand=True)))

    assert evaluate(terms, MemberState(), bought, NOON) == evaluate(
        terms, MemberState(), bought, NOON
    )


def test_dates_of_lots_come_from_the_terms() -> None:
    answer = evaluate(terms_of(everything()), MemberState(), sale(5000), NOON)

    made = {credit.unit: credit.lots[0] for credit in answer.credits}
    vienna_midnight_utc = 23
    assert made["points"].available_from == datetime(2026, 12, 7, vienna_midnight_utc, tzinfo=UTC)
    assert made["points"].expires_at == datetime(2027, 11, 24, vienna_midnight_utc, tzinfo=UTC)
    assert made["EUR"].expires_at == datetime(2027, 3, 31, 22, tzinfo=UTC)
    assert made["visits"].expires_at == datetime(2026, 12, 31, vienna_midnight_utc, tzinfo=UTC)
    assert date(2027, 3, 31) < made["EUR"].expires_at.date() + timedelta(days=1)
