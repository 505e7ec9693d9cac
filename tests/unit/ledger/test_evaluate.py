"""The order of rules: what counts, what wins, what is capped, what is owed first."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from common.errors import InvalidInput, LimitReached
from ledger.activity import Line
from ledger.evaluate import evaluate, needs
from ledger.member_state import Holding, MemberState, Promise
from ledger.programme_terms import GrantKind, LimitKind
from tests.support.card_builders import (
    NOON,
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


@pytest.mark.parametrize(
    ("kind", "state", "units", "cut"),
    [
        ("units_per_scan", {}, 4, 6),
        ("units_per_day", {}, 4, 6),
        ("units_per_day", {"units_today": {"points": 3}}, 1, 9),
        ("units_per_day", {"units_today": {"points": 9}}, 0, 10),
        ("shop_units_per_day", {}, 4, 6),
        ("shop_units_per_day", {"shop_units_today": {"points": 2}}, 2, 8),
        ("shop_units_per_day", {"shop_units_today": {"points": 9}}, 0, 10),
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


def test_of_two_caps_that_tie_the_first_is_named() -> None:
    def named(*kinds: str) -> list[str]:
        limits = [{"kind": kind, "unit": "points", "most": 5} for kind in kinds]
        answer = evaluate(terms_of(simple(limits=limits)), MemberState(), sale(1000), NOON)
        return [str(hit.kind) for hit in answer.credits[0].caps]

    assert named("units_per_scan", "units_per_day") == ["units_per_scan"]
    assert named("units_per_day", "units_per_scan") == ["units_per_day"]
    loose = [
        {"kind": "units_per_scan", "unit": "points", "most": 3},
        {"kind": "shop_units_per_day", "unit": "points", "most": 8},
    ]
    assert points(simple(limits=loose)) == 3


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


def welcomed(debt: int, pending_days: int) -> list[tuple[int, bool]]:
    """The lots of a first sale of one point with a welcome of 25: amount, and whether it waits."""
    terms = terms_of(
        simple(units=[{"code": "points", "kind": "points", "pending_days": pending_days}])
    )
    hello = Promise(
        id=1,
        rule="hello",
        kind=GrantKind.UNITS,
        amount=25,
        granted_at=NOON,
        terms_version=1,
        unit="points",
        welcome=True,
    )
    state = MemberState(promises=(hello,), holdings=holding_of(Holding(unit="points", debt=debt)))
    credit = evaluate(terms, state, sale(100), NOON).credits[0]
    assert credit.debt_paid == debt
    return [(one.amount, one.available_from > NOON) for one in credit.lots]


def test_a_welcome_can_be_spent_at_once_and_pays_debt_last() -> None:
    assert welcomed(0, pending_days=0) == [(26, False)]
    assert welcomed(0, pending_days=14) == [(1, True), (25, False)]
    assert welcomed(1, pending_days=14) == [(25, False)]
    assert welcomed(4, pending_days=14) == [(22, False)]
    assert welcomed(4, pending_days=0) == [(22, False)]


def test_a_pack_does_not_wait() -> None:
    pack = {
        "kind": "pack",
        "code": "ten",
        "unit": "yoga",
        "units": 10,
        "when": {"match": {"items": ["yoga-10"]}},
    }
    units = [{"code": "yoga", "kind": "classes", "pending_days": 14}]
    bought = sale(100, lines=(item("", 100, item="yoga-10"),))

    answer = evaluate(terms_of(simple(pack, units=units)), MemberState(), bought, NOON)

    assert [one.available_from for one in answer.credits[0].lots] == [NOON]


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
        ({"gross_minor": "5"}, "amount"),
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
    evaluate(terms_of(simple()), MemberState(), sale(10**12), NOON)

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
    assert plain.promises
    again = {"kind": "bonus", "code": "any", "grant": {"kind": "percent_off_next", "amount": 5}}
    assert not needs(terms_of(simple(EURO, again))).progress
    assert needs(terms_of(simple(EURO, again | {"once": True}))).progress
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


def test_a_card_is_full_at_the_limit_and_not_before() -> None:
    most = 1_000_000_000_000
    full = {"holdings": holding_of(Holding(unit="points", balance=most - 9))}
    fits = {"holdings": holding_of(Holding(unit="points", balance=most - 10))}

    assert points(simple(EURO), **fits) == 10
    with pytest.raises(LimitReached) as caught:
        points(simple(EURO), **full)
    assert caught.value.limit == "balance"


def test_a_welcome_lives_as_long_as_its_unit() -> None:
    units = [{"code": "points", "kind": "points", "expiry": {"kind": "days", "days": 30}}]
    units[0]["pending_days"] = 2
    hello = Promise(
        id=1,
        rule="hello",
        kind=GrantKind.UNITS,
        amount=7,
        granted_at=NOON - timedelta(days=1),
        terms_version=1,
        unit="points",
        welcome=True,
    )
    state = MemberState(promises=(hello,))

    answer = evaluate(terms_of(simple(EURO, units=units)), state, sale(100), NOON)

    waits, at_once = answer.credits[0].lots
    assert (waits.amount, at_once.amount) == (1, 7)
    assert waits.expires_at == at_once.expires_at
    assert at_once.available_from == NOON < waits.available_from


def test_a_tier_by_units_looks_at_its_own_unit() -> None:
    units = [{"code": "points", "kind": "points"}, *STAMPS]
    tiers = {
        "basis": "units",
        "unit": "stamps",
        "levels": [{"code": "silver", "name": "Silver", "threshold": 2}],
    }
    terms = terms_of(simple(EURO, STAMP, units=units, tiers=tiers))

    answer = evaluate(terms, MemberState(tier_total=1), sale(1000), NOON)

    assert (answer.tier_total, answer.tier_after) == (2, "silver")


@pytest.mark.parametrize(
    ("rule", "needed"),
    [
        (EURO, ()),
        ({**EURO, "when": {"first_purchase": True}}, ("purchases",)),
        (
            {
                "kind": "bonus",
                "code": "more",
                "once": True,
                "grant": {"kind": "units", "unit": "points", "amount": 1},
            },
            ("progress",),
        ),
        (
            {
                "kind": "bonus",
                "code": "more",
                "floor": {"average": "shop"},
                "grant": {"kind": "units", "unit": "points", "amount": 1},
            },
            ("averages",),
        ),
        (
            {
                "kind": "set",
                "code": "all",
                "parts": [{"unit": "points", "need": 2}],
                "grant": {"kind": "units", "unit": "points", "amount": 1},
            },
            ("progress",),
        ),
        (
            {
                "kind": "welcome",
                "code": "hello",
                "grant": {
                    "kind": "fixed_off_next",
                    "amount": 100,
                    "floor": {"average": "shop"},
                },
            },
            ("averages",),
        ),
    ],
)
def test_only_what_the_terms_look_at_is_loaded(rule: dict[str, Any], needed: Any) -> None:
    rules = (rule,) if rule["code"] == "base" else (EURO, rule)
    found = needs(terms_of(simple(*rules)))

    assert [
        name for name in ("averages", "progress", "purchases") if getattr(found, name)
    ] == sorted(needed)
