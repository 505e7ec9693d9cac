from __future__ import annotations

import threading

import pytest

from signing.keyring import Keyring
from signing.passwords import (
    hash_password,
    hash_pin,
    password_complaint,
    pin_complaint,
    random_pin,
    verify_password,
    verify_pin,
)

KEYRING = Keyring(master={1: b"m" * 32}, derivation={1: b"d" * 32})
GOOD = "three odd words"


def test_a_password_verifies_and_another_does_not():
    stored = hash_password(GOOD)

    assert verify_password(stored, GOOD)
    assert not verify_password(stored, GOOD + "x")
    assert GOOD not in stored
    assert stored != hash_password(GOOD)


def test_the_same_password_in_another_unicode_form_verifies():
    assert verify_password(hash_password("cafe\u0301 zinnia"), "caf\u00e9 zinnia")


@pytest.mark.parametrize("stored", [None, "", "rubbish", "$argon2id$v=19$m=1"])
def test_an_unknown_account_or_damaged_hash_never_verifies(stored):
    assert not verify_password(stored, GOOD)


@pytest.mark.parametrize("text", ["", "x" * 100_000, "\ud800", "\x00"])
def test_odd_text_is_simply_wrong(text):
    assert not verify_password(hash_password(GOOD), text)


def test_a_password_is_not_cut_off_at_the_limit():
    stored = hash_password("x" * 128)

    assert verify_password(stored, "x" * 128)
    assert not verify_password(stored, "x" * 129)


@pytest.mark.parametrize(
    "text",
    [
        "short77",
        "x" * 129,
        "password",
        "Password1!",
        "P@ssw0rd2024",
        "12345678",
        "aaaaaaaaaa",
        "abababab",
        "Welcome123!",
        "QWERTYUIOP",
        "iloveyou99",
    ],
)
def test_a_guessable_password_is_refused(text):
    assert password_complaint(text)


@pytest.mark.parametrize("text", ["beanclub1", "Ada!BeanClub", "beancoada@", "ADALOVELACE1"])
def test_a_password_of_ones_own_names_is_refused(text):
    context = ["Bean Club", "beanco", "ada.lovelace@beanclub.example", "BeanClub"]

    assert password_complaint(text, context=context)


@pytest.mark.parametrize("text", [GOOD, "tr4mway-Lemur", "пароль-зебра", "x9!kQ2vB", "   a b c 7"])
def test_a_good_password_passes(text):
    assert password_complaint(text, context=["Bean Club", "a@b.c", ""]) is None


def test_a_pin_is_bound_to_key_merchant_and_person():
    stored = hash_pin(KEYRING, "7391", merchant_id=1, staff_id=2)
    other = Keyring(master={1: b"x" * 32}, derivation={1: b"d" * 32})

    assert verify_pin(KEYRING, stored, "7391", merchant_id=1, staff_id=2)
    assert not verify_pin(KEYRING, stored, "7392", merchant_id=1, staff_id=2)
    assert not verify_pin(KEYRING, stored, "7391", merchant_id=2, staff_id=2)
    assert not verify_pin(KEYRING, stored, "7391", merchant_id=1, staff_id=3)
    assert not verify_pin(other, stored, "7391", merchant_id=1, staff_id=2)


def test_a_pin_survives_a_newer_master_key_and_dies_with_its_own():
    stored = hash_pin(KEYRING, "7391", merchant_id=1, staff_id=2)
    rotated = Keyring(master={1: b"m" * 32, 2: b"n" * 32}, derivation={1: b"d" * 32})
    without = Keyring(master={2: b"n" * 32}, derivation={1: b"d" * 32})

    assert verify_pin(rotated, stored, "7391", merchant_id=1, staff_id=2)
    assert not verify_pin(without, stored, "7391", merchant_id=1, staff_id=2)


@pytest.mark.parametrize("stored", ["", "1:", "1:rubbish", "x:$argon2id$", "²:x", ":"])
def test_a_damaged_pin_hash_never_verifies(stored):
    assert not verify_pin(KEYRING, stored, "7391", merchant_id=1, staff_id=2)


@pytest.mark.parametrize(
    "pin",
    [
        *["", "123", "1234567", "12a4", "７３９１", "7391\n"],
        *["0000", "1111", "1234", "4321", "7890", "0987", "1212", "123123", "12121", "2580"],
        *["1987", "2024", "1004"],
    ],
)
def test_a_malformed_or_trivial_pin_is_refused(pin):
    assert pin_complaint(pin)


@pytest.mark.parametrize("pin", ["7391", "48205", "902714"])
def test_a_good_pin_passes(pin):
    assert pin_complaint(pin) is None


@pytest.mark.parametrize("length", [4, 6])
def test_a_random_pin_is_a_good_one(length):
    pins = [random_pin(length) for _ in range(50)]

    assert all(len(pin) == length and pin_complaint(pin) is None for pin in pins)


def test_many_sign_ins_at_once_all_get_an_answer():
    stored = hash_pin(KEYRING, "7391", merchant_id=1, staff_id=2)
    answers: list[bool] = []

    def sign_in() -> None:
        answers.append(verify_pin(KEYRING, stored, "7391", merchant_id=1, staff_id=2))

    threads = [threading.Thread(target=sign_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [True] * 8
