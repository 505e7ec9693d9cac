"""The rules in plain words: what an owner reads is what the engine does."""

from __future__ import annotations

from typing import Any

import pytest

from common.i18n import use_language
from ledger.explain import explain, explain_expiry, explain_rule, explain_unit
from ledger.programme_terms import Expiry, ExpiryKind, UnitKind, UnitTerms
from tests.support.terms_documents import everything, simple, terms_of


def said(rule: dict[str, Any], names: dict[str, str] | None = None) -> str:
    document = everything()
    terms = terms_of(document)
    changed = terms_of(
        {**document, "rules": [r for r in document["rules"] if r["code"] != rule["code"]] + [rule]}
    )
    return explain_rule(changed.rules[-1], terms, names)


def rules_of(code: str) -> dict[str, Any]:
    return next(rule for rule in everything()["rules"] if rule["code"] == code)


def test_the_simplest_programme_is_two_sentences_and_the_refund() -> None:
    assert explain(
        terms_of(simple(notice_days=0, counts={"tip": True, "discount": True, "gift_cards": True}))
    ) == (
        "1 point for every €1.00 spent.",
        "What is left over counts next time.",
        "When a purchase is refunded, what it earned is taken back.",
        "What is spent by then is owed, and paid by what you earn next.",
    )


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (
            rules_of("base") | {"units": 2, "min_sale_minor": 500},
            "2 points for every €10.00 spent, from €5.00.",
        ),
        (rules_of("back"), "3% of what you spend comes back as credit."),
        (rules_of("back") | {"basis_points": 250}, "2.5% of what you spend comes back as credit."),
        (rules_of("visit"), "1 visit for every visit, from €5.00."),
        (rules_of("coffee"), "1 coffee stamp for every item with coffee."),
        (rules_of("ten"), "A pack with yoga-10 is 10 classes, good for 180 days."),
        (rules_of("ten") | {"days": 0}, "A pack with yoga-10 is 10 classes."),
        (rules_of("tuesday"), "Points count 2 times, on Tuesday, from 14:00 to 17:00."),
        (
            rules_of("tuesday") | {"percent": 125, "when": {"weekdays": [7, 1, 3]}},
            "Points count 1.25 times, on Monday, Wednesday or Sunday.",
        ),
        (rules_of("own"), "Points count 3 times with our own brand, until January 31, 2027."),
        (
            rules_of("own") | {"when": {"first_day": "2026-12-01", "last_day": "2026-12-24"}},
            "Points count 3 times, from December 1, 2026 to December 24, 2026.",
        ),
        (
            rules_of("own") | {"when": {"first_day": "2026-12-01", "tiers": ["silver", "gold"]}},
            "Points count 3 times, from December 1, 2026 on, for Silver or Gold.",
        ),
        (rules_of("comeback"), "A purchase gives 20 points on the next purchase within 30 days."),
        (
            rules_of("comeback")
            | {
                "grant": {
                    "kind": "multiply_next",
                    "unit": "points",
                    "amount": 200,
                    "floor": {"minor": 900},
                }
            },
            "A purchase gives 2 times the Points on the next purchase (from €9.00).",
        ),
        (
            rules_of("comeback") | {"grant": {"kind": "percent_off_next", "amount": 10}},
            "A purchase gives 10% off the next purchase.",
        ),
        (
            rules_of("more"),
            (
                "A purchase of at least 110% of your average purchase gives €3.00 off the next "
                "purchase within 30 days."
            ),
        ),
        (
            rules_of("more") | {"floor": {"average": "shop", "percent": 105, "minor": 300}},
            (
                "A purchase of at least 105% of our average purchase and from €3.00 gives €3.00 off "
                "the next purchase within 30 days."
            ),
        ),
        (rules_of("first"), "A purchase gives 10 points, once, on the first purchase."),
        (rules_of("five"), "5 purchases in one month: 5 points."),
        (rules_of("five") | {"span": "ever"}, "5 purchases: 5 points."),
        (rules_of("five") | {"span": "days", "days": 10}, "5 purchases within 10 days: 5 points."),
        (
            rules_of("five")
            | {
                "action": "item",
                "when": {"match": {"categories": ["cake"]}},
                "min_sale_minor": 100,
            },
            "Challenge with cake: 5 items in one month: 5 points, from €1.00.",
        ),
        (rules_of("streak"), "A purchase in 4 weeks running: 5 points; then it starts anew."),
        (
            rules_of("streak") | {"span": "day"},
            "A purchase on 4 days running: 5 points; then it starts anew.",
        ),
        (
            rules_of("streak") | {"span": "month"},
            "A purchase in 4 months running: 5 points; then it starts anew.",
        ),
        (rules_of("all"), "A full set (1 coffee stamp, 1 stamp) gives 5 points."),
        (rules_of("hello"), "Welcome: 25 points, credited with your first purchase."),
    ],
)
def test_a_rule_is_one_sentence(rule: dict[str, Any], sentence: str) -> None:
    assert said(rule) == sentence


def test_items_are_called_by_their_names() -> None:
    assert said(rules_of("coffee"), {"coffee": "any hot drink"}) == (
        "1 coffee stamp for every item with any hot drink."
    )


@pytest.mark.parametrize(
    ("kind", "days", "months", "sentence"),
    [
        ("never", 0, 0, ""),
        ("days", 1, 0, "Points expire 1 day after they were earned."),
        ("idle", 90, 0, "Points expire after 90 days without a purchase."),
        ("month_end", 0, 0, "Points expire at the end of the month they were earned in."),
        (
            "month_end",
            0,
            2,
            "Points expire 2 months after the end of the month they were earned in.",
        ),
        ("year_end", 0, 0, "Points expire at the end of the year they were earned in."),
        ("year_end", 0, 1, "Points expire 1 month after the end of the year they were earned in."),
    ],
)
def test_an_end_is_one_sentence(kind: str, days: int, months: int, sentence: str) -> None:
    expiry = Expiry(kind=ExpiryKind(kind), days=days, months=months)

    assert explain_expiry(UnitTerms(code="points", kind=UnitKind.POINTS, expiry=expiry)) == sentence


def test_the_whole_card_is_told() -> None:
    told = explain(terms_of(everything() | {"spent_reward": "restore"}))

    for sentence in (
        "After 9 coffee stamps the next is free.",
        "Not counted: tax, tips, discounts, gift cards bought, tobacco.",
        "Silver from €500.00 within 365 days: 5% off every purchase.",
        "Gold from €1,500.00 within 365 days: 10% off every purchase; everything counts 1.5 times.",
        "A tier is kept for 30 days after it is no longer reached.",
        "€1.00 off a purchase for 10 points, from 50 points.",
        "Points can be used from 14 days after the purchase.",
        "At most 100 points a day.",
        "A card earns at most 3 times a day.",
        "A card earns again after 15 minutes.",
        "A reward spent on a refunded purchase comes back.",
        "A change to your disadvantage is announced 30 days ahead.",
    ):
        assert sentence in told


def test_tiers_by_units_and_years_and_limits_of_amounts() -> None:
    document = simple(
        tiers={
            "basis": "units",
            "unit": "points",
            "window": "year",
            "levels": [{"code": "top", "name": "Top", "threshold": 1}],
        },
        limits=[
            {"kind": "units_per_scan", "unit": "points", "most": 9},
            {"kind": "amount_per_scan", "most": 5000},
            {"kind": "sale_max", "most": 90_000},
            {"kind": "shop_units_per_day", "unit": "points", "most": 1000},
        ],
        payments=[{"unit": "points", "units": 1, "minor": 1, "max_percent": 50}],
    )
    told = explain(terms_of(document))

    assert "Top from 1 point in a calendar year." in told
    assert "At most 9 points at once." in told
    assert "At most €50.00 of a purchase counts." in told
    assert "€0.01 off a purchase for 1 point, up to 50% of it." in told
    # What the shop keeps to itself is not printed.
    assert not any("900" in sentence or "1000" in sentence for sentence in told)


def test_a_unit_tells_its_row_its_wait_and_its_end() -> None:
    terms = terms_of(everything())

    assert explain_unit(terms.unit("coffee"), terms) == (
        "Coffee stamps. After 9 coffee stamps the next is free."
    )
    assert explain_unit(terms.unit("points"), terms) == (
        "Points. Points can be used from 14 days after the purchase. "
        "Points expire 365 days after they were earned."
    )


def test_another_language_writes_dates_and_money_its_own_way() -> None:
    terms = terms_of(everything())

    with use_language("de"):
        told = " ".join(explain(terms))

    assert "1.500,00\N{NO-BREAK SPACE}€" in told
    assert "31. Januar 2027" in told
