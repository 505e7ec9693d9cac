from __future__ import annotations

import pytest

from common.errors import InvalidInput
from loyalty.contacts import (
    clean_name,
    fold_name,
    initials,
    masked_name,
    masked_number,
    normalise_email,
    normalise_phone,
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("  ada@example.com\t", "ada@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ａｄａ@example.com", "ada@example.com"),
        ("a.d.a+x@example.com", "a.d.a+x@example.com"),
    ],
)
def test_one_address_has_one_form(typed: str, kept: str) -> None:
    assert normalise_email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "@b.c",
        "ada@",
        "ada@b",
        "a b@c.de",
        "ada@@c.de",
        "ada@-c.de",
        "<ada@c.de>",
        "ada@c.de,eve@c.de",
        "a" * 65 + "@c.de",
        "ada@" + "c" * 300 + ".de",
        "ada@c..de",
        "\ud800@c.de",
    ],
)
def test_what_is_no_address_is_refused_by_field(typed: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        normalise_email(typed)

    assert refused.value.field == "email"


@pytest.mark.parametrize("typed", ["030 901820", "+49 30 901820", "0049 30 90 18 20", "030/901820"])
def test_one_number_has_one_form(typed: str) -> None:
    assert normalise_phone(typed, country="DE") == "+4930901820"


@pytest.mark.parametrize("typed", ["", "1", "abc", "+", "+999 1234567", "0" * 41, "☎"])
def test_what_is_no_phone_number_is_refused_by_field(typed: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        normalise_phone(typed, country="GB")

    assert refused.value.field == "phone"


def test_an_unknown_country_still_reads_a_full_number() -> None:
    assert normalise_phone("+4930901820", country="ZZ") == "+4930901820"


def test_a_name_is_one_line_without_controls() -> None:
    assert clean_name(" Ada\n\x00  Lovelace ") == "Ada Lovelace"
    with pytest.raises(InvalidInput):
        clean_name("A" * 61)


@pytest.mark.parametrize(
    ("name", "folded"),
    [("Zoë Müller", "zoe muller"), ("STRASSE", "strasse"), ("Straße", "strasse")],
)
def test_a_name_is_searched_without_case_and_accents(name: str, folded: str) -> None:
    assert fold_name(name) == folded


def test_a_till_shows_as_little_as_asks_is_that_you() -> None:
    assert masked_name("Ada King Lovelace") == "Ada L."
    assert masked_name("Ada") == "Ada"
    assert masked_name("") == ""
    assert initials("ada king lovelace") == "AL"
    assert initials("  ") == ""
    assert masked_number("7K2M9QXTR4") == "•••••••TR4"
