from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from signing.second_factor import enrolment_address, matching_step, new_secret

NOW = datetime(2026, 11, 22, 12, 0, 10, tzinfo=UTC)


def test_a_code_of_now_and_of_a_neighbour_is_known_with_its_step() -> None:
    secret = new_secret()
    present = int(NOW.timestamp()) // 30

    for shift in (-1, 0, 1):
        code = pyotp.TOTP(secret).at(NOW + timedelta(seconds=30 * shift))
        assert matching_step(secret, code, now=NOW) == present + shift


def test_an_older_code_and_another_secrets_code_are_not() -> None:
    secret = new_secret()

    assert matching_step(secret, pyotp.TOTP(secret).at(NOW - timedelta(minutes=2)), now=NOW) is None


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "-12345", "1" * 10_000]
)
def test_what_is_no_code_is_never_one(code: str) -> None:
    assert matching_step(new_secret(), code, now=NOW) is None


def test_the_address_carries_name_and_issuer() -> None:
    address = enrolment_address("A" * 32, name="olga@example.com", issuer="Regulars")

    assert address.startswith("otpauth://totp/Regulars:olga%40example.com?secret=AAAA")
