"""Rates: which multiplier wins, when a rule is on, what a visit or an item gives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger.activity import Line
from ledger.evaluate import evaluate
from ledger.evaluation import PartKind, WhyNot
from ledger.member_state import Holding, MemberState
from tests.support.card_builders import (
    NOON,
    Card,
    holding_of,
    item,
    sale,
    units_of,
    visit,
)
from tests.support.terms_documents import simple, terms_of

EURO = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1}
STAMP = {"kind": "visit", "code": "stamp", "unit": "stamps"}
STAMPS = [{"code": "stamps", "kind": "stamps"}]


def times(code: str, percent: int, unit: str = "points", **when: Any) -> dict[str, Any]:
    return {"kind": "multiplier", "code": code, "unit": unit, "percent": percent, "when": when}


def points(document: dict[str, Any], activity: Any = None, **state: Any) -> int:
    answer = evaluate(terms_of(document), MemberState(**state), activity or sale(1000), NOON)
    return units_of(answer)


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
    assert stamps(sale(1)) == 1
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


def test_a_multiplier_is_for_its_own_unit() -> None:
    document = simple(
        EURO,
        STAMP,
        times("tuesday", 200, "stamps"),
        units=[{"code": "points", "kind": "points"}, *STAMPS],
    )

    answer = evaluate(terms_of(document), MemberState(), sale(1000), NOON)

    assert (units_of(answer), units_of(answer, "stamps")) == (10, 2)


def test_a_visit_with_a_certain_item_may_count_more() -> None:
    double = times("cake", 200, "stamps", match={"categories": ["cake"]})
    terms = terms_of(simple(STAMP, double, units=STAMPS))

    with_cake = evaluate(terms, MemberState(), sale(300, lines=(item("tea"), item("cake"))), NOON)
    without = evaluate(terms, MemberState(), sale(300, lines=(item("tea"),)), NOON)

    assert (units_of(with_cake, "stamps"), units_of(without, "stamps")) == (2, 1)
    assert [(out.rule, out.why) for out in without.rules_left_out] == [("cake", WhyNot.NO_MATCH)]


def test_a_rule_for_certain_items_counts_their_amount_alone() -> None:
    rule = EURO | {"when": {"match": {"categories": ["cake"]}}}
    terms = terms_of(simple(rule))
    bought = sale(1000, lines=(item("cake", 300), item("tea", 200)))

    part = evaluate(terms, MemberState(), bought, NOON).credits[0].parts[0]
    none = evaluate(terms, MemberState(), sale(1000), NOON)

    assert (part.units, part.counted) == (3, 300)
    assert none.credits == ()


def test_a_tier_that_multiplies_nothing_is_not_named() -> None:
    tiers = {"levels": [{"code": "gold", "name": "Gold", "threshold": 10**9}]}
    answer = evaluate(
        terms_of(simple(EURO, tiers=tiers)), MemberState(tier="gold"), sale(1000), NOON
    )

    assert answer.credits[0].parts[0].multiplied == ()
    assert answer.rules_left_out == ()


def test_multipliers_that_tie_are_taken_tier_first_then_in_order() -> None:
    tiers = {"levels": [{"code": "gold", "name": "Gold", "threshold": 10**9, "percent": 200}]}
    document = simple(EURO, times("one", 200), times("two", 200), tiers=tiers)

    def winner(**state: Any) -> str:
        answer = evaluate(terms_of(document), MemberState(**state), sale(1000), NOON)
        return answer.credits[0].parts[0].multiplied[0].rule

    assert (winner(tier="gold"), winner()) == ("tier:gold", "one")


def test_items_without_a_price_are_counted_where_no_amount_is_known() -> None:
    rule = {"kind": "item", "code": "coffee", "unit": "stamps"}
    terms = terms_of(simple(rule, units=STAMPS))
    cups = (item("coffee", 0, quantity=2),)

    assert units_of(evaluate(terms, MemberState(), visit(lines=cups), NOON), "stamps") == 2
    assert units_of(evaluate(terms, MemberState(), sale(100, lines=cups), NOON), "stamps") == 0


def test_a_pack_that_was_not_sold_is_left_out() -> None:
    pack = {
        "kind": "pack",
        "code": "ten",
        "unit": "yoga",
        "units": 10,
        "when": {"match": {"items": ["yoga-10"]}, "last_day": "2026-11-24"},
    }
    terms = terms_of(simple(pack, units=[{"code": "yoga", "kind": "classes"}]))
    packs = (item("", 200, item="yoga-10", quantity=2),)

    none = evaluate(terms, MemberState(), sale(100, lines=(item("tea"),)), NOON)
    two = evaluate(terms, MemberState(), sale(200, lines=packs), NOON)
    late = evaluate(terms, MemberState(), sale(200, at=NOON + timedelta(days=1), lines=packs), NOON)

    assert (none.credits, none.rules_left_out[0].why) == ((), WhyNot.NO_MATCH)
    assert (units_of(two, "yoga"), two.rules_left_out) == (20, ())
    assert (late.credits, late.rules_left_out[0].why) == ((), WhyNot.NOT_NOW)


def test_cashback_is_told_as_cashback() -> None:
    back = {"kind": "cashback", "code": "back", "unit": "EUR", "basis_points": 150}
    terms = terms_of(simple(back, units=[{"code": "EUR", "kind": "cashback"}]))

    part = evaluate(terms, MemberState(), sale(1000), NOON).credits[0].parts[0]

    assert (part.kind, part.units, part.counted) == (PartKind.CASHBACK, 15, 1000)


def test_nothing_that_counts_earns_nothing_whatever_is_carried() -> None:
    state = MemberState(holdings=holding_of(Holding(unit="points", carry=130)))

    free = evaluate(terms_of(simple()), state, sale(100, redeemed_minor=100), NOON)
    paid = evaluate(terms_of(simple()), state, sale(1), NOON)

    assert free.credits == ()
    assert units_of(paid) == 1


def test_an_item_for_one_cent_counts() -> None:
    terms = terms_of(simple({"kind": "item", "code": "any", "unit": "stamps"}, units=STAMPS))

    answer = evaluate(terms, MemberState(), sale(1, lines=(item("tea", 1),)), NOON)

    assert units_of(answer, "stamps") == 1


@pytest.mark.parametrize(
    ("rule", "activity", "why"),
    [
        ({**EURO, "when": {"weekdays": [7]}}, sale(1000), WhyNot.NOT_NOW),
        ({**EURO, "min_sale_minor": 1001}, sale(1000), WhyNot.BELOW_MINIMUM),
        ({**EURO, "when": {"match": {"items": ["x"]}}}, sale(1000), WhyNot.NO_MATCH),
        (EURO, sale(0), WhyNot.NO_MATCH),
        ({**STAMP, "when": {"match": {"items": ["x"]}}}, sale(1000), WhyNot.NO_MATCH),
        (STAMP, sale(1000, visits=0), WhyNot.NO_MATCH),
        (STAMP, sale(0), WhyNot.NO_MATCH),
    ],
)
def test_a_rule_that_gives_nothing_says_why(
    rule: dict[str, Any], activity: Any, why: WhyNot
) -> None:
    units = [{"code": "points", "kind": "points"}, *STAMPS]
    answer = evaluate(terms_of(simple(rule, units=units)), MemberState(), activity, NOON)

    assert answer.credits == ()
    assert [(out.rule, out.why) for out in answer.rules_left_out] == [(rule["code"], why)]


def test_each_part_says_of_which_kind_it_is() -> None:
    back = {"kind": "cashback", "code": "back", "unit": "EUR", "basis_points": 100}
    units = [{"code": "points", "kind": "points"}, {"code": "EUR", "kind": "cashback"}]
    answer = evaluate(terms_of(simple(EURO, back, units=units)), MemberState(), sale(1000), NOON)

    kinds = [part.kind for credit in answer.credits for part in credit.parts]
    assert kinds == [PartKind.SPEND, PartKind.CASHBACK]


@pytest.mark.parametrize(
    ("activity", "given"),
    [
        (sale(0), 0),
        (sale(1), 5),
        (sale(0, visits=1), 5),
        (sale(0, visits=0), 0),
        (sale(0, taps={"stamps": 1}), 5),
        (sale(0, taps={"stamps": 0}), 0),
        (sale(500, redeemed_minor=500), 0),
        (visit(visits=0), 5),
    ],
)
def test_a_bonus_wants_a_purchase(activity: Any, given: int) -> None:
    grant = {"kind": "units", "unit": "points", "amount": 5}
    bonus = {"kind": "bonus", "code": "more", "grant": grant}
    units = [{"code": "points", "kind": "points"}, *STAMPS]

    assert points(simple(STAMP, bonus, units=units), activity) == given


def test_an_item_for_one_cent_is_no_free_item() -> None:
    piece = {"kind": "item", "code": "piece", "unit": "stamps"}
    units = [{"code": "points", "kind": "points"}, *STAMPS]
    bought = sale(1, lines=(item("tea", 1), item("tea", 0)))

    answer = evaluate(terms_of(simple(piece, units=units)), MemberState(), bought, NOON)

    assert units_of(answer, "stamps") == 1
