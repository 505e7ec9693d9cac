from __future__ import annotations

import pytest

from loyalty.publish import address_complaint


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://cards.example.com", "https://"),
        ("https://localhost", "internet"),
        ("https://localhost:8443", "internet"),
        ("https://intranet", "internet"),
        ("https://shop.local", "internet"),
        ("https://192.168.1.5", "not a number"),
        ("https://203.0.113.9:8443", "not a number"),
    ],
)
def test_phones_must_be_able_to_call_the_address(address: str, words: str) -> None:
    assert words in (address_complaint(address) or "")


@pytest.mark.parametrize("address", ["https://cards.example.com", "https://a.b.example:8443"])
def test_a_public_https_name_is_fine(address: str) -> None:
    assert address_complaint(address) is None
