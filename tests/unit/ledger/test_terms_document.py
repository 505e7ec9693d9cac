"""Documents of terms: read, written, refused with the place of the fault."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InvalidInputs
from ledger.accounts import Account
from ledger.evaluate import evaluate
from ledger.limits import LIMITS
from ledger.member_state import MemberState
from ledger.operations import plan_earn
from ledger.terms import PointsTerms, StampTerms
from ledger.terms_document import is_format_2, read_terms, upgrade, write_terms
from tests.support.card_builders import NOON, held, holding_of, sale, units_of, visit
from tests.support.terms_documents import ZONE, everything, simple, terms_of


def faults(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidInputs) as caught:
        terms_of(document)
    return {error["field"]: error["message"] for error in caught.value.errors}


def changed(path: str, value: object, document: dict[str, Any] | None = None) -> dict[str, Any]:
    """A whole document with one place changed; a value of `...` removes it."""
    whole = copy.deepcopy(document or everything())
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = whole
    for step in steps:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    if value is ...:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return whole


def test_a_document_is_read_and_written_the_same() -> None:
    terms = terms_of(everything(), version=7)

    written = write_terms(terms)

    assert is_format_2(written)
    assert read_terms(written, version=7, time_zone=ZONE) == terms
    assert written == write_terms(read_terms(written, version=7, time_zone=ZONE))


def test_defaults_are_not_written() -> None:
    assert write_terms(terms_of(simple())) == simple()


def test_the_first_format_is_told_apart() -> None:
    assert not is_format_2({"rule": "visit", "goal": 9})


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("format", 3, "format"),
        ("currency", "eur", "currency"),
        ("currency", "ZZZ", "currency"),
        ("currency", ..., "currency"),
        ("surprise", 1, "surprise"),
        ("units", [], "units"),
        ("rules", [], "rules"),
        ("rules", "all", "rules"),
        ("rules.0.spend_minor", 0, "rules.0.spend_minor"),
        ("rules.0.spend_minor", -1, "rules.0.spend_minor"),
        ("rules.0.spend_minor", 1.5, "rules.0.spend_minor"),
        ("rules.0.spend_minor", 10.0, "rules.0.spend_minor"),
        ("rules.0.spend_minor", "10", "rules.0.spend_minor"),
        ("rules.0.spend_minor", True, "rules.0.spend_minor"),
        ("rules.0.spend_minor", None, "rules.0.spend_minor"),
        ("rules.0.spend_minor", 10**30, "rules.0.spend_minor"),
        ("rules.0.spend_minor", float("nan"), "rules.0.spend_minor"),
        ("rules.0.kind", "magic", "rules.0.kind"),
        ("rules.0.kind", ..., "rules.0.kind"),
        ("rules.0.code", "No Spaces", "rules.0.code"),
        ("rules.0.code", "x" * 25, "rules.0.code"),
        ("rules.3.when.weekdays", [8], "rules.3.when.weekdays.0"),
        ("rules.3.when.first_day", "tomorrow", "rules.3.when.first_day"),
        ("rules.6.percent", 100, "rules.6.percent"),
        ("units.0.name_one", "\x00", "units.0.name_one"),
        ("units.0.expiry.kind", "soon", "units.0.expiry.kind"),
        ("units.1.goal", 1, "units.1.goal"),
        ("tiers.levels", [], "tiers.levels"),
        ("limits.0.most", 0, "limits.0.most"),
        ("warn_days", [0], "warn_days.0"),
    ],
)
def test_a_wrong_shape_is_refused_at_its_place(path: str, value: object, place: str) -> None:
    assert place in faults(changed(path, value))


BONUS = {
    "kind": "bonus",
    "code": "extra",
    "grant": {"kind": "units", "unit": "points", "amount": 1},
}
LEVEL = {"goal": 4, "grant": {"kind": "units", "unit": "points", "amount": 1}}


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("units.1.code", "points", "units.1.code"),
        ("units.3.code", "USD", "units.3.code"),
        ("units.0.code", "EUR", "units.0.code"),
        ("units.1.name_many", "", "units.1.name_one"),
        ("units.0.goal", 9, "units.0.goal"),
        ("units.0.pause_days", 9, "units.0.pause_days"),
        ("units.0.expiry.days", 0, "units.0.expiry.days"),
        ("units.0.expiry.months", 1, "units.0.expiry.months"),
        ("units.0.expiry", {"kind": "never", "days": 3}, "units.0.expiry.days"),
        ("units.0.expiry", {"kind": "days", "days": 13}, "units.0.pending_days"),
        ("units.0.expiry", {"kind": "month_end"}, "units.0.pending_days"),
        ("rules.1.code", "base", "rules.1.code"),
        ("rules.0.unit", "gold", "rules.0.unit"),
        ("rules.0.unit", "visits", "rules.0.unit"),
        ("rules.2.unit", "yoga", "rules.2.unit"),
        (
            "rules.15",
            {"kind": "spend", "code": "two", "unit": "points", "spend_minor": 1, "units": 1},
            "rules.15.unit",
        ),
        ("rules.5.when", {}, "rules.5.when.match"),
        ("rules.6.unit", "yoga", "rules.6.unit"),
        ("rules.6.when.until_minute", 840, "rules.6.when.until_minute"),
        ("rules.7.when.first_day", "2027-02-01", "rules.7.when.last_day"),
        ("rules.6.when.tiers", ["bronze"], "rules.6.when.tiers"),
        ("rules.6.when.weekdays", [2, 2], "rules.6.when.weekdays"),
        ("rules.3.when.match.categories", ["tobacco"], "rules.3.when.match.categories"),
        ("rules.8.grant.unit", "gold", "rules.8.grant.unit"),
        ("rules.9.grant.unit", "points", "rules.9.grant.unit"),
        (
            "rules.8.grant",
            {"kind": "multiply_next", "unit": "points", "amount": 100},
            "rules.8.grant.amount",
        ),
        (
            "rules.8.grant",
            {"kind": "multiply_next", "unit": "yoga", "amount": 200},
            "rules.8.grant.unit",
        ),
        ("rules.8.grant", {"kind": "percent_off_next", "amount": 101}, "rules.8.grant.amount"),
        ("rules.10.grant.days", 3, "rules.10.grant.floor"),
        ("rules.10.grant.floor", {"minor": 5}, "rules.10.grant.floor"),
        ("rules.10.grant.floor", {"average": "shop"}, "rules.10.grant.floor"),
        ("rules.10.floor", {"average": "member"}, "rules.10.floor.average"),
        ("rules.11.levels", [LEVEL, LEVEL], "rules.11.levels"),
        ("rules.11.days", 3, "rules.11.days"),
        ("rules.11.span", "days", "rules.11.days"),
        ("rules.11.span", "day", "rules.11.levels.0.goal"),
        ("rules.12.span", "ever", "rules.12.span"),
        ("rules.13.parts.1.unit", "coffee", "rules.13.parts.1.unit"),
        ("rules.13.parts.1.unit", "yoga", "rules.13.parts.1.unit"),
        ("rules.13.parts.1.unit", "none", "rules.13.parts.1.unit"),
        (
            "rules.15",
            {
                "kind": "welcome",
                "code": "again",
                "grant": {"kind": "percent_off_next", "amount": 5},
            },
            "rules.15",
        ),
        ("rules.14.grant.floor", {"average": "member"}, "rules.14.grant.floor.average"),
        ("tiers.levels.1.code", "silver", "tiers.levels"),
        ("tiers.levels.1.threshold", 50_000, "tiers.levels.1.threshold"),
        ("tiers.levels.1.benefit_percent", 4, "tiers.levels.1.benefit_percent"),
        ("tiers.levels.0.percent", 200, "tiers.levels.1.percent"),
        ("tiers.basis", "units", "tiers.unit"),
        ("tiers.unit", "points", "tiers.unit"),
        ("tiers.days", 0, "tiers.days"),
        ("tiers.window", "ever", "tiers.grace_days"),
        ("limits.1", {"kind": "units_per_day", "unit": "points", "most": 9}, "limits.1.kind"),
        ("limits.0.unit", "gold", "limits.0.unit"),
        ("limits.0.unit", "yoga", "limits.0.unit"),
        ("limits.1.unit", "points", "limits.1.unit"),
        ("limits.4", {"kind": "units_per_scan", "unit": "points", "most": 101}, "limits.4.most"),
        ("limits.3.most", 499, "rules.2.min_sale_minor"),
        ("payments.0.unit", "gold", "payments.0.unit"),
        ("payments.0.unit", "yoga", "payments.0.unit"),
        ("payments.1", {"unit": "points", "units": 1, "minor": 1}, "payments.1.unit"),
        ("payments.1", {"unit": "EUR", "units": 1, "minor": 2}, "payments.1.minor"),
        ("payments.0.minor", 10_000, "payments.0.minor"),
    ],
)
def test_a_contradiction_is_refused_at_its_place(path: str, value: object, place: str) -> None:
    found = faults(changed(path, value))

    assert place in found
    assert found[place].endswith(".")


def test_a_step_larger_than_any_sale_is_refused_without_a_carry() -> None:
    limited = simple(limits=[{"kind": "sale_max", "most": 99}])

    terms_of(limited)
    limited["units"][0]["rounding"] = "down"

    assert "rules.0.spend_minor" in faults(limited)


@pytest.mark.parametrize(
    "parts",
    [
        {"levels": [{**LEVEL, "goal": 3}]},
        {"action": "item"},
        {"streak": True},
        {"span": "week"},
    ],
)
def test_a_challenge_of_a_day_fits_the_scans_of_a_day(parts: dict[str, Any]) -> None:
    dare = {"kind": "challenge", "code": "dare", "span": "day", "levels": [LEVEL]}
    limits = [{"kind": "minutes_between", "most": 1}, {"kind": "earns_per_day", "most": 3}]
    spend = simple()["rules"][0]

    terms_of(simple(spend, {**dare, **parts}, limits=limits))
    assert "rules.1.levels.0.goal" in faults(simple(spend, dare, limits=limits))
    terms_of(simple(spend, dare, limits=limits[:1]))


@pytest.mark.parametrize(
    ("payment", "is_fine"),
    [
        ({"unit": "points", "units": 10, "minor": 999}, True),
        ({"unit": "points", "units": 10, "minor": 1000}, False),
        ({"unit": "EUR", "units": 1, "minor": 1}, True),
        ({"unit": "stars", "units": 1, "minor": 10_000}, True),
    ],
)
def test_a_payment_is_worth_less_than_what_earned_it(
    payment: dict[str, Any], is_fine: bool
) -> None:
    units = [
        {"code": "points", "kind": "points"},
        {"code": "EUR", "kind": "cashback"},
        {"code": "stars", "kind": "points"},
    ]
    rules = (
        {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1},
        {"kind": "cashback", "code": "back", "unit": "EUR", "basis_points": 9999},
    )
    document = simple(*rules, units=units, payments=[payment])

    if is_fine:
        terms_of(document)
    else:
        assert list(faults(document)) == ["payments.0.minor"]
    whole = {**rules[1], "basis_points": 10_000}
    money = [{"unit": "EUR", "units": 1, "minor": 1}]
    assert "payments.0.minor" in faults(simple(rules[0], whole, units=units, payments=money))


def test_a_scan_may_give_as_much_as_a_day_and_a_step_be_as_large_as_a_sale() -> None:
    limits = [
        {"kind": "units_per_scan", "unit": "points", "most": 5},
        {"kind": "units_per_day", "unit": "points", "most": 5},
        {"kind": "shop_units_per_day", "unit": "points", "most": 9},
        {"kind": "sale_max", "most": 100},
    ]
    units = [{"code": "points", "kind": "points", "rounding": "down"}]

    terms_of(simple(units=units, limits=limits))


def test_a_unit_that_carries_does_not_carry_for_another() -> None:
    units = [
        {"code": "stars", "kind": "points"},
        {"code": "points", "kind": "points", "rounding": "down"},
    ]
    document = simple(units=units, limits=[{"kind": "sale_max", "most": 99}])

    assert list(faults(document)) == ["rules.0.spend_minor"]


def test_all_faults_are_told_at_once() -> None:
    document = changed("rules.0.unit", "gold", changed("units.1.code", "points"))

    assert {"rules.0.unit", "units.1.code"} <= set(faults(document))


def test_a_huge_document_is_refused() -> None:
    assert "terms" in faults({**simple(), "note": "x" * 300_000})


def test_what_is_no_json_is_refused() -> None:
    assert "terms" in faults({**simple(), "note": object()})


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["format", "currency", "units", "rules", "tiers", "limits", "counts"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
            max_leaves=10,
        ),
    )
)
def test_no_document_brings_the_reader_down(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputs):
        terms_of({**document, "surprise": 1})


@settings(deadline=None)
@given(
    spend=st.integers(1, 5000),
    points=st.integers(1, 20),
    carry=st.integers(-500, 5000),
    amount=st.integers(1, 100_000),
)
def test_points_of_the_first_format_stay_the_same(
    spend: int, points: int, carry: int, amount: int
) -> None:
    old = PointsTerms(version=4, currency="EUR", spend_minor=spend, points=points)
    account = Account(
        id=1, programme_id=1, member_id=1, unit="points", balance=0, carry=carry, revision=0
    )
    draft = plan_earn(
        account,
        old,
        contra_id=2,
        amount_minor=amount,
        visits=None,
        sale_max_minor=10**9,
        limits=LIMITS,
        now=NOON,
    )

    terms = upgrade(old, currency="EUR", time_zone=ZONE)
    state = MemberState(holdings=holding_of(held("points", 0, carry=carry)))
    answer = evaluate(terms, state, sale(amount, tip_minor=amount // 3), NOON)

    assert units_of(answer) == draft.units
    credit = answer.credit("points")
    assert (credit.carry_change if credit else 0) == draft.carry_change
    assert read_terms(write_terms(terms), version=4, time_zone=ZONE) == terms


def test_stamps_of_the_first_format_stay_the_same() -> None:
    terms = upgrade(StampTerms(version=2, goal=9), currency="EUR", time_zone=ZONE)

    answer = evaluate(terms, MemberState(), visit(visits=3), NOON)

    assert units_of(answer, "stamps") == 3
    assert terms.units[0].goal == 9


def test_a_welcome_may_have_an_end_and_a_least_purchase() -> None:
    document = changed("rules.14.grant", {**BONUS["grant"], "days": 30, "floor": {"minor": 500}})

    welcome = terms_of(document).rules[14]

    assert write_terms(terms_of(document))["rules"][14]["grant"]["days"] == 30
    assert welcome == terms_of(document).rules[14]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("rules.0.min_sale_minor", 100_000),
        ("units.0.expiry", {"kind": "days", "days": 14}),
        ("units.0.expiry", {"kind": "month_end", "months": 1}),
        ("rules.8.grant", {"kind": "multiply_next", "unit": "points", "amount": 101}),
        ("rules.8.grant", {"kind": "percent_off_next", "amount": 100}),
        ("rules.3.when.match", {"categories": ["tobacco", "tea"]}),
        ("rules.3.when.match", {"categories": ["tobacco"], "own_brand": True}),
        ("rules.6.when.tiers", ["silver", "gold"]),
        ("rules.7.when.first_day", "2027-01-31"),
        ("limits.4", {"kind": "units_per_scan", "unit": "points", "most": 100}),
        ("limits.3.most", 500),
        ("payments.0.minor", 9999),
        ("tiers.levels.1.threshold", 50_001),
        ("tiers.levels.1.benefit_percent", 5),
        ("rules.11.levels.0.goal", 1),
    ],
)
def test_what_is_just_possible_is_let_through(path: str, value: object) -> None:
    terms_of(changed(path, value))
