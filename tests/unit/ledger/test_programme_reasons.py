"""Why a card moved, in words for member and staff; and the document behind it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from ledger import movement_reasons
from ledger.evaluate import evaluate
from ledger.evaluation import Lapse
from ledger.member_state import Holding, MemberState
from ledger.programme_reasons import skipped_sentences
from ledger.reasons import headline, sentences
from tests.support.card_builders import NOON, Card, held, holding_of, item, join, sale, units_of
from tests.support.terms_documents import everything, simple, terms_of

EURO = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1}


def told(document: dict[str, Any], activity: Any, **state: Any) -> tuple[str, ...]:
    terms = terms_of(document)
    answer = evaluate(terms, MemberState(**state), activity, NOON)
    return sentences(json.loads(json.dumps(answer.reason)), terms=terms)


def test_a_plain_sale_is_told_with_its_rest() -> None:
    assert told(simple(), sale(1240)) == (
        "+12 points",
        "12 points for €12.40",
        "40 cents count towards your next point",
    )


def test_nothing_earned_is_told_too() -> None:
    assert told(simple(), sale(40))[:1] == ("Nothing earned this time",)
    assert told(simple(), sale(0)) == ("Nothing earned this time",)


def test_all_that_happened_is_told_once() -> None:
    document = simple(
        EURO,
        {"kind": "visit", "code": "stamp", "unit": "stamps"},
        {
            "kind": "multiplier",
            "code": "cake-day".replace("-", "_"),
            "unit": "points",
            "percent": 250,
            "when": {"match": {"categories": ["cake"]}},
        },
        {
            "kind": "bonus",
            "code": "big",
            "floor": {"minor": 1000},
            "grant": {"kind": "units", "unit": "points", "amount": 3},
        },
        {
            "kind": "bonus",
            "code": "next",
            "grant": {"kind": "fixed_off_next", "amount": 200, "floor": {"minor": 900}},
        },
        units=[{"code": "points", "kind": "points"}, {"code": "stamps", "kind": "stamps"}],
        tiers={"levels": [{"code": "gold", "name": "Gold", "threshold": 1000}]},
        limits=[{"kind": "units_per_scan", "unit": "points", "most": 15}],
    )
    bought = sale(1300, tip_minor=100, discount_minor=50, lines=(item("cake", 400),))

    said = told(document, bought, holdings=holding_of(Holding(unit="points", debt=2)))

    assert said == (
        "+15 points, +1 stamp",
        "17 points for €11.50; €4.00 counted 2.5 times: “cake_day”",
        "3 points extra: “big”",
        "At most 15 points at once; left out: 5 points",
        "Paid towards what was owed after a refund: 2 points",
        "1 stamp for your visit",
        "€1.00 tip did not count",
        "€0.50 discount did not count",
        "Next purchase: €2.00 off, from €9.00",
        "New tier: Gold",
        "50 cents count towards your next point",
    )


def test_a_credit_has_its_own_reason() -> None:
    terms = terms_of(everything())
    answer = evaluate(terms, MemberState(), sale(2000, lines=(item("coffee", 300),)), NOON)

    coffee = answer.credit("coffee")
    assert coffee is not None
    assert headline(coffee.reason, terms=terms) == "+1 coffee stamp"
    assert headline(coffee.reason) == "+1 stamp"
    assert (coffee.reason["unit"], coffee.reason["units"]) == ("coffee", 1)
    assert coffee.reason["terms_version"] == terms.version


def test_staff_see_what_was_left_out_and_which_rule_won() -> None:
    document = simple(
        EURO,
        {"kind": "multiplier", "code": "low", "unit": "points", "percent": 150},
        {"kind": "multiplier", "code": "high", "unit": "points", "percent": 200},
        {"kind": "visit", "code": "stamp", "unit": "stamps", "min_sale_minor": 5000},
        {
            "kind": "bonus",
            "code": "more",
            "floor": {"average": "member"},
            "grant": {"kind": "units", "unit": "points", "amount": 3},
        },
        units=[{"code": "points", "kind": "points"}, {"code": "stamps", "kind": "stamps"}],
        tiers={"levels": [{"code": "gold", "name": "Gold", "threshold": 10**9, "percent": 120}]},
    )
    terms = terms_of(document)
    answer = evaluate(terms, MemberState(tier="gold"), sale(1000), NOON)

    assert skipped_sentences(answer.reason, terms) == (
        "“stamp”: the sale was too small",
        "“low”: “high” was worth more",
        "“Gold”: “high” was worth more",
        "“more”: too few sales for an average yet",
    )


def test_what_is_no_news_is_not_kept() -> None:
    terms = terms_of(everything())
    answer = evaluate(terms, MemberState(), sale(100, at=NOON + timedelta(days=1)), NOON)

    kept = {item["rule"] for item in answer.reason["skipped"]}
    assert "tuesday" not in kept
    assert {out.rule for out in answer.rules_left_out} > kept


def test_a_welcome_and_a_promise_are_told_when_they_come() -> None:
    welcome = {
        "kind": "welcome",
        "code": "hello",
        "grant": {"kind": "units", "unit": "points", "amount": 25},
    }
    card = Card(terms_of(simple(EURO, welcome)))
    joined = card.does(join())

    assert sentences(joined.reason, terms=card.terms)[1:] == ("Next purchase: 25 points extra",)
    assert "25 points as a welcome" in sentences(card.does(sale(100)).reason)


def test_cashback_is_money() -> None:
    back = {"kind": "cashback", "code": "back", "unit": "EUR", "basis_points": 300}
    document = simple(back, units=[{"code": "EUR", "kind": "cashback"}])

    assert told(document, sale(1050)) == ("+€0.31", "€0.31 for €10.50")


def test_a_carry_of_named_points_and_a_debt_of_carry_are_told() -> None:
    units = [{"code": "points", "kind": "points", "name_one": "bean", "name_many": "beans"}]

    assert told(simple(units=units), sale(1240))[-1] == "Saved up towards 1 bean: 40 cents"
    owed = told(
        simple(units=units),
        sale(20),
        holdings=holding_of(Holding(unit="points", carry=-50)),
    )
    assert owed[-1] == "Still to make up for a sale that was undone: 30 cents"


def test_an_expiry_is_told() -> None:
    terms = terms_of(simple())
    reason = movement_reasons.lapse_reason(terms, Lapse(unit="points", units=5, allocations=()))

    assert sentences(reason) == ("−5 points", "Its time was over")


def test_no_reason_holds_a_text_that_somebody_typed() -> None:
    document = everything()
    document["units"][1] |= {"name_one": "SECRET bean", "name_many": "SECRET beans"}
    document["tiers"]["levels"][0]["name"] = "SECRET"
    card = Card(terms_of(document))

    for _sale in range(3):
        card.does(sale(30_000, at=NOON + timedelta(days=_sale), lines=(item("coffee", 300),)))

    assert units_of(card.answers[0], "coffee") == 1
    for answer in card.answers:
        assert "SECRET" not in json.dumps([answer.reason, answer.basis])


def test_the_welcome_bonus_of_a_held_card_counts_too() -> None:
    card = Card(terms_of(simple()))
    card.state = MemberState(holdings=holding_of(held("points", 3)))

    card.does(sale(100))

    assert card.balance() == 4
