from __future__ import annotations

import re

import pytest

from common import crockford
from signing.keyring import Keyring
from signing.tokens import (
    apple_authentication_token,
    barcode_token,
    card_link_token,
    check_member_number,
    equal,
    join_code,
    member_number,
    random_session_token,
    random_token,
    token_hash,
)

KEYRING = Keyring(master={1: b"m" * 32}, derivation={1: b"d" * 32})
ROTATED = Keyring(master={1: b"m" * 32}, derivation={1: b"d" * 32, 2: b"e" * 32})
NUMBER = "123456789" + crockford.check_symbol("123456789")


def test_derived_tokens_have_their_shape_and_stay_the_same():
    apple = apple_authentication_token(KEYRING, serial_number="s-1")
    barcode = barcode_token(KEYRING, merchant_id=1, pass_id=2, generation=0)
    link = card_link_token(KEYRING, merchant_id=1, member_id=2, generation=0)

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", apple)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", barcode)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", link)
    assert barcode == barcode_token(KEYRING, merchant_id=1, pass_id=2, generation=0)


def test_every_fact_changes_the_token():
    tokens = {
        barcode_token(KEYRING, merchant_id=1, pass_id=2, generation=0),
        barcode_token(KEYRING, merchant_id=2, pass_id=2, generation=0),
        barcode_token(KEYRING, merchant_id=1, pass_id=3, generation=0),
        barcode_token(KEYRING, merchant_id=1, pass_id=2, generation=1),
        barcode_token(KEYRING, merchant_id=12, pass_id=0, generation=0),
        barcode_token(KEYRING, merchant_id=1, pass_id=20, generation=0),
        card_link_token(KEYRING, merchant_id=1, member_id=2, generation=0),
    }

    assert len(tokens) == 7


def test_a_newer_derivation_key_changes_no_card_that_is_out():
    old = apple_authentication_token(KEYRING, serial_number="s-1")

    assert apple_authentication_token(ROTATED, serial_number="s-1") == old
    assert apple_authentication_token(ROTATED, serial_number="s-1", version=2) != old


def test_the_hash_folds_what_people_and_scanners_change():
    token = barcode_token(KEYRING, merchant_id=1, pass_id=2, generation=0)

    assert token_hash(f" {token.lower()[:5]}-{token[5:]} ") == token_hash(token)
    assert token_hash("0o1iL") == token_hash("00111")
    assert len(token_hash("\ud800 é")) == 32


def test_random_tokens_have_their_length_and_differ():
    for draw, length in ((random_token, 26), (random_session_token, 52), (join_code, 8)):
        drawn = {draw() for _ in range(50)}
        assert len(drawn) == 50
        assert all(re.fullmatch(rf"[0-9A-HJKMNP-TV-Z]{{{length}}}", one) for one in drawn)


def test_member_numbers_type_easily_and_check():
    for _ in range(300):
        number = member_number()
        assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{10}", number)
        assert check_member_number(number) == number


def test_a_typed_member_number_is_normalised():
    zeros = "000011111" + crockford.check_symbol("000011111")

    assert check_member_number(f" {NUMBER[:3]}-{NUMBER[3:6]} {NUMBER[6:]} ") == NUMBER
    assert check_member_number("OooOIiLl1" + zeros[-1].lower()) == zeros


def test_every_wrong_character_and_every_swap_is_found():
    number = member_number()

    for place in range(10):
        for symbol in set(crockford.ALPHABET) - {number[place]}:
            assert check_member_number(number[:place] + symbol + number[place + 1 :]) is None
    for place in range(8):
        left, right = number[place], number[place + 1]
        if left != right:
            swapped = number[:place] + right + left + number[place + 2 :]
            assert check_member_number(swapped) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        NUMBER[:-1],
        NUMBER + "0",
        "é" * 10,
        "1" * 5000,
        "12345678\u0669\u0660",
        "*~$=U*~$=U",
    ],
)
def test_what_is_no_member_number_is_none(text):
    assert check_member_number(text) is None


def test_a_number_whose_check_character_would_be_a_sign_is_never_given():
    signs = {crockford.check_symbol(crockford.encode(n, length=9)) for n in range(37)}

    assert signs - set(crockford.ALPHABET) == set("*~$=U")
    assert check_member_number("00000000Z~") is None


def test_equal_compares_any_text():
    assert equal("token", b"token")
    assert equal("é", "é")
    assert not equal("é", "e")
    assert not equal("token", "token2")
    assert not equal("\ud800", "")
