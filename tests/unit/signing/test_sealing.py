from __future__ import annotations

import pytest

from common.errors import SealBroken
from signing.keyring import Keyring
from signing.sealing import blind_index, seal, sealed_version, unseal

KEYRING = Keyring(master={1: b"m" * 32}, derivation={1: b"d" * 32})
ROTATED = Keyring(master={1: b"m" * 32, 2: b"n" * 32}, derivation={1: b"d" * 32, 2: b"e" * 32})
PLAIN = b"ada@example.com"


def test_a_sealed_value_opens_again_and_hides_its_text():
    blob = seal(KEYRING, PLAIN, merchant_id=1, column="email")

    assert unseal(KEYRING, blob, merchant_id=1, column="email") == PLAIN
    assert PLAIN not in blob
    assert blob != seal(KEYRING, PLAIN, merchant_id=1, column="email")


def test_an_empty_value_can_be_sealed():
    blob = seal(KEYRING, b"", merchant_id=1, column="email")

    assert unseal(KEYRING, blob, merchant_id=1, column="email") == b""


@pytest.mark.parametrize(("merchant_id", "column"), [(2, "email"), (1, "phone")])
def test_a_blob_moved_to_another_place_does_not_open(merchant_id, column):
    blob = seal(KEYRING, PLAIN, merchant_id=1, column="email")

    with pytest.raises(SealBroken):
        unseal(KEYRING, blob, merchant_id=merchant_id, column=column)


def test_every_flipped_byte_breaks_the_seal():
    blob = seal(KEYRING, PLAIN, merchant_id=1, column="email")

    for place in range(len(blob)):
        damaged = bytearray(blob)
        damaged[place] ^= 1
        with pytest.raises(SealBroken):
            unseal(KEYRING, bytes(damaged), merchant_id=1, column="email")


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x01\x00\x01" + b"x" * 27])
def test_a_truncated_blob_is_refused(blob):
    with pytest.raises(SealBroken, match="damaged"):
        unseal(KEYRING, blob, merchant_id=1, column="email")


def test_old_secrets_open_after_a_new_key_and_new_ones_use_it():
    old = seal(KEYRING, PLAIN, merchant_id=1, column="email")
    new = seal(ROTATED, PLAIN, merchant_id=1, column="email")

    assert unseal(ROTATED, old, merchant_id=1, column="email") == PLAIN
    assert (sealed_version(old), sealed_version(new)) == (1, 2)
    with pytest.raises(SealBroken, match="master key 2"):
        unseal(KEYRING, new, merchant_id=1, column="email")


def test_a_column_with_the_separator_is_a_programming_error():
    with pytest.raises(ValueError, match="column"):
        seal(KEYRING, PLAIN, merchant_id=1, column="a|b")


def test_a_blind_index_is_equal_only_for_the_same_value_merchant_and_column():
    index = blind_index(KEYRING, "ada@example.com", merchant_id=1, column="email")

    assert len(index) == 32
    assert index == blind_index(KEYRING, "ada@example.com", merchant_id=1, column="email")
    assert index != blind_index(KEYRING, "bob@example.com", merchant_id=1, column="email")
    assert index != blind_index(KEYRING, "ada@example.com", merchant_id=2, column="email")
    assert index != blind_index(KEYRING, "ada@example.com", merchant_id=1, column="phone")


def test_a_newer_key_leaves_the_blind_index_alone_unless_asked():
    index = blind_index(KEYRING, "ada", merchant_id=1, column="email")

    assert blind_index(ROTATED, "ada", merchant_id=1, column="email") == index
    assert blind_index(ROTATED, "ada", merchant_id=1, column="email", version=2) != index
