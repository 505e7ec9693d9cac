"""Fields of the rules' forms: what is typed becomes a document, and comes back as it was typed."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import MultiDict

from common.errors import InvalidInputs
from ledger.terms_document import read_terms, write_terms
from loyalty.starters import starters
from web.console.rule_catalogue import kind_fields, kinds
from web.console.rule_entries import (
    Section,
    default_units,
    entries,
    entry,
    with_changed,
    with_new,
    without,
)
from web.console.rule_parts import Facts
from web.console.term_fields import field_at, is_asked, read_piece, shown_values

FACTS = Facts(
    currency="EUR",
    units={
        "points": (("points", "points"),),
        "stamps": (("coffee", "coffee stamps"), ("cake", "cake stamps")),
        "cashback": (("EUR", "credit"),),
        "classes": (("yoga", "yoga classes"),),
    },
    tiers=(("silver", "Silver"),),
)


def sent(values: dict[str, object]) -> MultiDict[str, str]:
    return MultiDict({name: str(value) for name, value in values.items()})


@pytest.mark.parametrize("starter", starters("EUR"), ids=lambda one: one.code)
def test_every_entry_of_every_starter_comes_back_from_its_form(starter) -> None:
    document = dict(starter.document)
    for section in Section:
        for one in entries(document, section):
            fields = kind_fields(section, one.kind, _facts(document))
            shown = shown_values(fields, one.piece, currency="EUR")
            typed = sent({name: value for name, value in shown.items() if value})

            changed, _path = with_changed(document, one, read_piece(fields, typed, currency="EUR"))

            assert _plain(changed) == _plain(document)


def _facts(document) -> Facts:
    units: dict[str, tuple[tuple[str, str], ...]] = {}
    for unit in document["units"]:
        units[unit["kind"]] = (*units.get(unit["kind"], ()), (unit["code"], unit["code"]))
    return Facts(currency="EUR", units=units)


def _plain(document):
    return write_terms(read_terms(document, version=1, time_zone="Europe/Dublin"))


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD", "INR"])
def test_starters_are_good_terms_in_any_currency(currency) -> None:
    for one in starters(currency):
        terms = read_terms(one.document, version=1, time_zone="Asia/Tokyo")

        known = {unit.code for unit in terms.units}
        assert {reward.unit for reward in one.rewards} <= known, one.code


def test_a_field_that_is_not_asked_is_not_read() -> None:
    fields = kind_fields(Section.RULES, "bonus", FACTS)
    typed = MultiDict(
        {"gives": "fixed_off_next", "less": "3.00", "count": "x", "off": "900", "good": "30"}
    )

    piece = read_piece(fields, typed, currency="EUR")

    assert piece["grant"] == {"kind": "fixed_off_next", "amount": 300, "days": 30}


def test_complaints_name_every_field_that_was_typed_wrong() -> None:
    fields = kind_fields(Section.RULES, "spend", FACTS)
    typed = MultiDict({"spend": "ten", "units": "-1", "from": "25:00", "first_day": "tomorrow"})

    with pytest.raises(InvalidInputs) as caught:
        read_piece(fields, typed, currency="EUR")

    assert [one["field"] for one in caught.value.errors] == ["spend", "units", "from", "first_day"]


@pytest.mark.parametrize(
    ("typed", "minutes"), [("00:00", 1440), ("24:00", 1440), ("9:30", 570), ("17:00", 1020)]
)
def test_midnight_as_an_end_is_the_end_of_the_day(typed, minutes) -> None:
    fields = kind_fields(Section.RULES, "multiplier", FACTS)

    piece = read_piece(fields, MultiDict({"until": typed}), currency="EUR")

    assert piece["when"]["until_minute"] == minutes


def test_a_complaint_about_a_place_finds_the_field_that_is_asked() -> None:
    fields = kind_fields(Section.RULES, "bonus", FACTS)

    assert field_at(fields, ("grant", "amount"), {"gives": "percent_off_next"}) == "off"
    assert field_at(fields, ("grant", "amount"), {"gives": "fixed_off_next"}) == "less"
    assert field_at(fields, ("grant", "floor", "minor"), {"gives": "units"}) == "gives"
    assert field_at(fields, ("nowhere",), {}) == ""


def test_every_kind_has_a_form_with_names_of_its_own() -> None:
    for section in Section:
        for kind in kinds(section):
            fields = kind_fields(section, kind, FACTS)
            names = [one.name for one in fields]

            assert len(names) == len(set(names)), kind
            for one in fields:
                assert one.shown_when is None or one.shown_when[0] in names
                assert is_asked(one, {}) == (one.shown_when is None)


def test_a_rule_brings_the_unit_that_the_card_lacks() -> None:
    document = {"format": 2, "currency": "EUR", "units": [], "rules": []}

    changed, path = with_new(
        document, Section.RULES, "spend", {"unit": "points", "spend_minor": 100, "units": 1}
    )

    assert changed["units"] == [default_units("EUR")["points"]]
    assert path == ("rules", 0)
    assert changed["rules"][0]["code"] == "spend"
    assert document["units"] == []


def test_a_second_rule_of_a_kind_gets_a_code_of_its_own() -> None:
    document = {"format": 2, "currency": "EUR", "rules": [{"kind": "bonus", "code": "bonus"}]}

    changed, _path = with_new(document, Section.RULES, "bonus", {"grant": {}})

    assert [rule["code"] for rule in changed["rules"]] == ["bonus", "bonus_2"]
    assert entry(changed, Section.RULES, "bonus_2").path == ("rules", 1)
    assert len(without(changed, entry(changed, Section.RULES, "bonus"))["rules"]) == 1


def test_a_tier_that_is_renamed_keeps_its_code_and_an_emptied_one_goes() -> None:
    document = {"format": 2, "currency": "EUR"}
    levels = [
        {"name": "Argent", "threshold": 100, "code": "silver"},
        {"name": "Or", "threshold": 200},
        {"code": "platinum"},
    ]

    changed, _path = with_new(document, Section.TIERS, "tiers", {"levels": levels})

    assert [level["code"] for level in changed["tiers"]["levels"]] == ["silver", "or"]
