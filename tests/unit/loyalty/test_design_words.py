from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from common.errors import InvalidInputs
from loyalty.design_words import WORDS, is_word, with_words, words_of
from passes.apple_options import ActionKind, PassStyle
from passes.design import StampShape, Texts, check_design, from_document, to_document
from tests.support.cards import a_design

BERLIN = ZoneInfo("Europe/Berlin")
FULL = {
    "stamp_shape": "star",
    "expires_on": "2027-06-30",
    "language": "en",
    "languages": "de, ar",
    "style": "generic",
    "code": "code128",
    "max_distance_m": "250",
    "moments": "2027-01-31 18:00\n2027-02-01 22:00 - 02:00",
    "sharing": "yes",
    "store_ids": "1234567890",
    "app_launch_url": "bean://card",
    "action_1_kind": "shop",
    "action_1_url": "https://bean.example/shop",
    "action_2_kind": "call",
    "action_2_url": "tel:+442079460000",
    "nfc_public_key": "",
    "user_info": '{"shop": 1}',
    "nearby_text": "Coffee at %",
    "balance_label.de": "Punkte",
    "programme_name.ar": "نادي",
}


def changed(**words):
    return with_words(a_design(), {**FULL, **words}, zone=BERLIN)


def test_a_form_becomes_a_design_that_can_be_kept():
    design = changed()

    check_design(design)
    assert design.stamp_shape is StampShape.STAR
    assert design.expires_at == datetime(2027, 6, 30, 21, 59, 59, tzinfo=UTC)
    assert design.apple.style is PassStyle.GENERIC
    assert design.apple.sharing_prohibited is False
    assert design.apple.moments[0].start == datetime(2027, 1, 31, 17, tzinfo=UTC)
    assert design.apple.moments[1].end == datetime(2027, 2, 2, 1, tzinfo=UTC)
    assert [one.kind for one in design.apple.actions] == [ActionKind.SHOP, ActionKind.CALL]
    assert design.translations == {
        "de": Texts(balance_label="Punkte"),
        "ar": Texts(programme_name="نادي"),
    }


def test_the_form_shows_what_was_kept_and_keeps_what_it_shows():
    design = changed()

    words = words_of(design, zone=BERLIN)

    assert set(WORDS) <= words.keys()
    assert with_words(design, words, zone=BERLIN) == design
    assert words["moments"] == FULL["moments"]


def test_a_design_survives_being_stored():
    assert from_document(to_document(changed())) == changed()


def test_words_that_were_not_sent_keep_their_value():
    design = changed()

    assert with_words(design, {"programme_name": "New"}, zone=BERLIN).apple == design.apple


def test_a_language_taken_off_the_list_loses_its_texts():
    assert set(changed(languages="de").translations) == {"de"}


def test_a_change_of_what_stamps_show_lets_them_be_drawn_anew():
    drawn = a_design(stamp_images=({}, {}))

    assert with_words(drawn, {"background_colour": "#000000"}, zone=BERLIN).stamp_images == ()
    assert with_words(drawn, {"back_text": "Hello"}, zone=BERLIN).stamp_images == ({}, {})


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("stamp_shape", "elephant"),
        ("expires_on", "tomorrow"),
        ("expires_on", "2027-02-30"),
        ("style", "eventTicket"),
        ("code", "ean13"),
        ("max_distance_m", "-1"),
        ("max_distance_m", "1e9"),
        ("max_distance_m", "200000"),
        ("moments", "2027-01-31"),
        ("moments", "2027-13-31 18:00"),
        ("moments", "\n".join(["2027-01-31 18:00"] * 11)),
        ("store_ids", "bean"),
        ("app_launch_url", "javascript:alert(1)"),
        ("action_1_kind", "dance"),
        ("action_1_url", "http://bean.example"),
        ("action_2_url", "https://bean.example"),
        ("nfc_public_key", "not a key"),
        ("user_info", "[1]"),
        ("user_info", '{"a": NaN}'),
        ("user_info", "{" * 5000),
        ("nearby_text", "x" * 121),
        ("balance_label.de", "x" * 16),
    ],
)
def test_what_wallet_would_not_take_is_told_at_its_field(field, text):
    with pytest.raises(InvalidInputs) as refused:
        check_design(changed(**{field: text}))

    assert field in {one["field"] for one in refused.value.errors}


def test_a_language_that_is_none_is_refused():
    with pytest.raises(InvalidInputs) as refused:
        check_design(changed(languages="../../etc"))

    assert {one["field"] for one in refused.value.errors} == {"translations"}


def test_fields_of_a_form_are_told_from_others():
    assert is_word("stamp_shape")
    assert is_word("balance_label.pt-BR")
    assert not is_word("csrf_token")
    assert not is_word("images.de")
