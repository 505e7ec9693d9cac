from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.apple import pass_document
from passes.content import Place
from passes.design import Texts
from passes.strings import pass_strings, strings_key
from tests.support.cards import a_content, a_design, a_stamp_card, an_apple_identity

ARABIC = Texts(
    programme_name="نادي القهوة",
    balance_label="النقاط",
    reward_label="المكافأة",
    back_text="نحمّص كل اثنين.",
    nearby_text="قهوتك في %",
)
GERMAN = Texts(balance_label="Punkte", reward_label='Die "Nächste"\nPrämie', member_label="Gast")
LINE = re.compile(r'"((?:[^"\\]|\\.)*)" = "((?:[^"\\]|\\.)*)";\n')
PLAIN = {"\\n": "\n", "\\r": "\r", "\\t": "\t", '\\"': '"', "\\\\": "\\"}


def read(data):
    """As a phone reads the file: the byte order mark, then line by line, unescaped."""
    assert data[:2] == b"\xfe\xff"
    text = data[2:].decode("utf-16-be")
    assert LINE.sub("", text) == ""
    return {
        unescaped(key): unescaped(value)
        for key, value in (match.groups() for match in LINE.finditer(text))
    }


def unescaped(text):
    return re.sub(r"\\.", lambda match: PLAIN[match[0]], text)


def tables(design, content):
    return {path.split(".")[0]: read(data) for path, data in pass_strings(design, content).items()}


def test_a_design_in_one_language_needs_no_translations():
    assert pass_strings(a_design(), a_content()) == {}


def test_each_language_the_owner_wrote_in_has_a_file_with_the_same_keys():
    found = tables(a_design(translations={"de": GERMAN, "ar": ARABIC}), a_content())

    assert set(found) == {"en", "de", "ar"}
    assert found["en"].keys() == found["de"].keys() == found["ar"].keys()
    assert found["de"]["Points"] == "Punkte"
    assert found["de"]["Next reward"] == 'Die "Nächste"\nPrämie'
    assert found["ar"]["Bean Club"] == "نادي القهوة"
    assert found["ar"]["Roasted on Mondays."] == "نحمّص كل اثنين."
    assert found["en"]["Points"] == "Points"


def test_keys_are_the_very_texts_of_the_members_pass():
    design = a_design(translations={"de": GERMAN}, nearby_text="Coffee at %")
    content = a_content(language="de", places=(Place(name="Mitte", latitude=1, longitude=1),))

    keys = tables(design, content)["en"]

    document = pass_document(design, content, an_apple_identity())
    assert document["storeCard"]["headerFields"][0]["label"] == "Punkte"
    assert keys["Punkte"] == "Points"
    assert document["locations"][0]["relevantText"] in keys
    assert document["description"] in keys


def test_a_text_that_would_need_two_translations_has_none():
    design = a_design(balance_label="Same", reward_label="Same", translations={"de": GERMAN})

    found = tables(design, a_content())

    assert "Same" not in found["de"]
    assert "Same" not in found["en"]


def test_a_missing_translation_falls_back_to_the_owners_own_text():
    found = tables(a_design(translations={"de": GERMAN}), a_content())

    assert found["de"]["Bean Club"] == "Bean Club"


def test_a_regional_language_finds_the_plain_one():
    assert a_design(translations={"de": GERMAN}).texts("de-AT").balance_label == "Punkte"


def test_one_point_and_many_have_their_own_sets():
    design = a_design(translations={"de": GERMAN})

    one, many = (strings_key(design, a_content(balance=balance)) for balance in (1, 2))

    assert one != many
    assert many == strings_key(design, a_content(balance=3))
    assert "You now have %@ points" in tables(design, a_content(balance=2))["de"]


@pytest.mark.parametrize("language", ["ar", "he"])
def test_stamps_and_telephone_keep_their_order_from_right_to_left(language):
    card = pass_document(a_design(), a_stamp_card(language=language), an_apple_identity())

    fields = {f["key"]: f["value"] for zone in card["storeCard"].values() for f in zone}
    assert fields["stamps"] == "\u20663 / 9\u2069"
    assert fields["phone"] == "\u2066+44 20 7946 0000\u2069"


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1))
def test_any_text_survives_the_escaping(text):
    design = a_design(translations={"de": Texts(back_text=text)})

    found = tables(design, a_content())["de"]

    assert text in found.values() or not text.strip()
