"""What changes between two versions, and what of it is worse for members."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.programme_terms import ProgrammeTerms
from ledger.terms_diff import diff, effective_at
from tests.support.card_builders import NOON
from tests.support.terms_documents import everything, terms_of

GRANT = {"kind": "units", "unit": "points", "amount": 5}
POINT = {"kind": "units", "unit": "points", "amount": 10}


def with_change(path: str, value: object) -> ProgrammeTerms:
    """All terms with one place changed; `...` removes it."""
    whole: Any = copy.deepcopy(everything())
    place = whole
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    if value is ...:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return terms_of(whole, version=2)


@pytest.mark.parametrize(
    ("path", "worse", "better"),
    [
        ("units.0.expiry.days", 364, 366),
        ("units.0.expiry", {"kind": "idle", "days": 900}, {"kind": "never"}),
        ("units.3.expiry.months", 2, 4),
        ("units.0.pending_days", 15, 13),
        ("units.0.rounding", "nearest", "up"),
        ("units.1.goal", 10, 8),
        ("units.5.pause_days", 29, 31),
        ("counts.tax", None, True),
        ("counts.exclude.categories", ["tobacco", "papers"], []),
        ("rules.0.spend_minor", 1001, 999),
        ("rules.0.min_sale_minor", 1, None),
        ("rules.0.units", None, 2),
        ("rules.1.basis_points", 299, 301),
        ("rules.2.units", None, 2),
        ("rules.2.min_sale_minor", 501, 499),
        ("rules.3.when.match.categories", ["tea"], ["coffee", "tea"]),
        ("rules.4.when.match", None, {}),
        ("rules.5.units", 9, 11),
        ("rules.5.days", 179, 0),
        ("rules.6.percent", 199, 201),
        ("rules.6.when.weekdays", [3], [2, 3]),
        ("rules.7.when.weekdays", [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7]),
        ("rules.6.when.from_minute", 841, 839),
        ("rules.6.when.until_minute", 1019, 1021),
        ("rules.6.when.first_day", "2027-01-01", None),
        ("rules.6.when.last_day", "2027-01-01", None),
        ("rules.6.when.tiers", ["gold"], None),
        ("rules.6.when.first_purchase", True, None),
        ("rules.7.when.last_day", "2027-01-30", "2027-02-01"),
        ("rules.7.when.match", {"categories": ["x"]}, {}),
        ("rules.8.grant.amount", 19, 21),
        ("rules.8.grant.days", 29, 0),
        ("rules.8.grant", {"kind": "percent_off_next", "amount": 99}, None),
        ("rules.9.floor.percent", 111, 109),
        ("rules.9.floor.average", "shop", None),
        ("rules.9.floor.minor", 1, None),
        ("rules.9.floor", None, {}),
        ("rules.10.once", None, False),
        ("rules.8.once", True, None),
        ("rules.11.levels.0.goal", 6, 4),
        ("rules.11.levels.0.grant.amount", 4, 6),
        ("rules.11.span", "week", None),
        ("rules.11.levels.1", None, {"goal": 6, "grant": GRANT}),
        ("rules.12.repeat", False, None),
        ("rules.11.repeat", None, True),
        ("rules.13.parts.0.need", 2, None),
        ("rules.13.grant.amount", 4, 6),
        ("rules.14.grant.amount", 24, 26),
        ("rules.14.kind", None, None),
        ("rules.15", None, {"kind": "bonus", "code": "new", "grant": GRANT}),
        ("rules.9", ..., None),
        ("tiers.levels.0.threshold", 50_001, 49_999),
        ("tiers.levels.1.benefit_percent", 9, 11),
        ("tiers.levels.1.percent", 149, 151),
        ("tiers.levels.1", ..., None),
        ("tiers.grace_days", 29, 31),
        ("tiers.days", 364, 366),
        ("tiers", ..., None),
        ("limits.0.most", 99, 101),
        ("limits.2.most", 16, 14),
        ("limits.4", {"kind": "amount_per_scan", "most": 90_000}, None),
        ("limits.1", None, ...),
        ("payments.0.minor", 99, 101),
        ("payments.0.min_units", 51, 49),
        ("payments.0.max_percent", 99, None),
        ("payments.0", ..., None),
        ("spent_reward", "keep", "restore"),
        ("debt", None, "forgive"),
        ("restore_days", 13, 15),
        ("notice_days", 29, 31),
        ("warn_days", [29], [31]),
        ("currency", None, None),
    ],
)
def test_worse_is_told_from_better(path: str, worse: object, better: object) -> None:
    old = terms_of(everything())
    for value, is_worse in ((worse, True), (better, False)):
        if value is None:
            continue
        found = diff(old, with_change(path, value))
        assert [change.worse for change in found] == [is_worse] * len(found)
        assert found
        assert all(change.sentence for change in found)


def test_the_same_terms_have_no_difference() -> None:
    assert diff(terms_of(everything()), terms_of(everything(), version=9)) == ()


def test_a_change_is_told_with_both_sentences() -> None:
    (change,) = diff(terms_of(everything()), with_change("rules.0.spend_minor", 2000))

    assert (change.path, change.worse) == ("rules.base", True)
    assert change.sentence == (
        "Was: 1 point for every €10.00 spent. Now: 1 point for every €20.00 spent."
    )


def test_a_larger_step_is_no_loss_while_the_rest_is_carried() -> None:
    carried = with_change("rules.0", {**everything()["rules"][0], "spend_minor": 2000, "units": 2})

    assert [change.worse for change in diff(terms_of(everything()), carried)] == [False]

    def rounded(spend_minor: int, units: int) -> ProgrammeTerms:
        document = everything()
        document["units"][0]["rounding"] = "down"
        document["rules"][0] |= {"spend_minor": spend_minor, "units": units}
        return terms_of(document)

    assert [change.worse for change in diff(rounded(1000, 1), rounded(2000, 2))] == [True]
    assert [change.worse for change in diff(rounded(1000, 1), rounded(1000, 2))] == [False]


def test_another_kind_of_rule_under_the_same_name_is_worse() -> None:
    other = {"kind": "bonus", "code": "hello", "grant": POINT}

    assert [c.worse for c in diff(terms_of(everything()), with_change("rules.14", other))] == [True]


def test_what_is_better_holds_at_once() -> None:
    better = with_change("rules.0.units", 2)

    assert effective_at(terms_of(everything()), better, NOON) == NOON


def test_what_is_worse_waits_for_the_notice_that_was_promised() -> None:
    worse = with_change("notice_days", 0)

    # 30 days from 24 November, at midnight in Vienna.
    assert effective_at(terms_of(everything()), worse, NOON) == datetime(
        2026, 12, 23, 23, tzinfo=UTC
    )
    assert effective_at(with_change("notice_days", 0), with_change("debt", "owe"), NOON) == NOON
    assert effective_at(worse, with_change("rules.0.spend_minor", 2000), NOON) == NOON
