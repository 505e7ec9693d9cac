from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from passes.wallet_model import (
    CurrencyField,
    DateField,
    NumberField,
    Pass,
    StoreCard,
    TextField,
    relevant_moment,
)

MOMENT = datetime(2027, 1, 31, 18, tzinfo=UTC)


def a_pass(card=None):
    return Pass(card or StoreCard(), pass_type_identifier="pass.x", team_identifier="T")


def test_empty_members_are_left_out():
    assert TextField("a", "b").json_dict() == {"key": "a", "value": "b"}


def test_an_empty_list_of_detectors_is_kept_because_it_means_none():
    assert TextField("a", "b", detectors=()).json_dict()["dataDetectorTypes"] == []


def test_zero_is_a_value():
    assert NumberField("a", 0).json_dict()["value"] == 0


@pytest.mark.parametrize("value", ["12", True, None])
def test_a_number_field_takes_numbers_only(value):
    with pytest.raises(TypeError):
        NumberField("a", value)


def test_an_amount_carries_its_currency():
    field = CurrencyField("a", 12.5, "Gift", currency="EUR").json_dict()

    assert field == {"key": "a", "value": 12.5, "label": "Gift", "currencyCode": "EUR"}


def test_a_date_has_both_styles_and_an_offset():
    field = DateField("a", MOMENT).json_dict()

    assert field["value"] == "2027-01-31T18:00:00+00:00"
    assert {"dateStyle", "timeStyle"} <= field.keys()
    assert field["ignoresTimeZone"] is True


def test_a_naive_date_is_refused():
    with pytest.raises(ValueError):
        DateField("a", datetime(2027, 1, 31))  # noqa: DTZ001 - naive on purpose


def test_what_the_library_writes_and_wallet_forgot_is_left_out():
    document = a_pass().json_dict()

    assert not document.keys() & {"suppressStripShine", "barcode", "exprirationDate"}
    assert document["passTypeIdentifier"] == "pass.x"


def test_a_moment_is_spelt_for_ios_18_and_for_later_ones():
    assert relevant_moment(MOMENT) == {
        "date": "2027-01-31T18:00:00+00:00",
        "relevantDate": "2027-01-31T18:00:00+00:00",
    }


def test_a_stretch_of_time_has_a_start_and_an_end():
    assert relevant_moment(MOMENT, MOMENT + timedelta(hours=2)) == {
        "startDate": "2027-01-31T18:00:00+00:00",
        "endDate": "2027-01-31T20:00:00+00:00",
    }


def test_the_librarys_own_packing_is_closed_off():
    with pytest.raises(NotImplementedError):
        a_pass().create("cert", "key", "wwdr", "password")
