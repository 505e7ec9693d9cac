"""A message of Stripe's is believed by a fresh signature of its own endpoint alone."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from signing.stripe_messages import is_from_stripe

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET, BODY = "whsec_example", b'{"id":"evt_1"}'


def signed(moment: datetime = NOW, secret: str = SECRET, body: bytes = BODY) -> str:
    seconds = str(int(moment.timestamp()))
    digest = hmac.digest(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256)
    return f"t={seconds},v1={digest.hex()}"


def test_a_fresh_signature_fits_beside_others() -> None:
    header = signed().replace(",v1=", ",v0=00,v1=" + "0" * 64 + ",v1=")

    assert is_from_stripe(SECRET, header, BODY, now=NOW)


@pytest.mark.parametrize("late_s", [-300, 0, 300])
def test_five_minutes_either_way_are_fresh(late_s: int) -> None:
    assert is_from_stripe(SECRET, signed(), BODY, now=NOW + timedelta(seconds=late_s))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "v1=00",
        signed(NOW - timedelta(seconds=301)),
        signed(NOW + timedelta(seconds=301)),
        signed(secret="whsec_other"),
        signed(body=b"{}"),
        signed().replace("t=", "t=1,t="),
        signed().replace(",v1=", ",v0="),
        "t=" + "9" * 30 + ",v1=00",
        signed() + "," * 3000,
        "t=\N{SUPERSCRIPT TWO},v1=\N{SNOWMAN}",
    ],
)
def test_everything_else_is_nobodys(header: str) -> None:
    assert not is_from_stripe(SECRET, header, BODY, now=NOW)


def test_an_endpoint_without_a_secret_believes_nothing() -> None:
    assert not is_from_stripe("", signed(secret=""), BODY, now=NOW)
