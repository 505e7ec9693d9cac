from __future__ import annotations

from datetime import UTC, datetime

import pytest

from passes.wallet_model import CurrencyField, DateField, NumberField, Pass, StoreCard, TextField

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


def test_a_naive_date_is_refused():
    with pytest.raises(ValueError):
        DateField("a", datetime(2027, 1, 31))  # noqa: DTZ001 - naive on purpose


def test_alignment_is_dropped_where_wallet_refuses_it():
    card = StoreCard()
    for zone in ("primaryFields", "backFields", "headerFields"):
        getattr(card, zone).append(TextField(zone, "x", alignment="PKTextAlignmentRight"))

    zones = card.json_dict()

    assert "textAlignment" not in zones["primaryFields"][0]
    assert "textAlignment" not in zones["backFields"][0]
    assert zones["headerFields"][0]["textAlignment"] == "PKTextAlignmentRight"


def test_the_members_the_library_lacks_are_written():
    wallet_pass = a_pass()
    wallet_pass.sharingProhibited = True
    wallet_pass.userInfo = {"shop": 1}
    wallet_pass.maxDistance = 300
    wallet_pass.relevant_moments = [MOMENT]
    wallet_pass.expires_at = MOMENT

    document = wallet_pass.json_dict()

    assert document["sharingProhibited"] is True
    assert document["userInfo"] == {"shop": 1}
    assert document["maxDistance"] == 300
    assert document["expirationDate"] == "2027-01-31T18:00:00+00:00"
    assert document["relevantDates"] == [
        {"date": "2027-01-31T18:00:00+00:00", "relevantDate": "2027-01-31T18:00:00+00:00"}
    ]
    assert not document.keys() & {"suppressStripShine", "barcode", "exprirationDate"}


def test_the_librarys_own_packing_is_closed_off():
    with pytest.raises(NotImplementedError):
        a_pass().create("cert", "key", "wwdr", "password")
