"""Codes by time, by the test vectors of RFC 6238 appendix B (SHA-1, eight digits)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from signing.totp import SLACK_STEPS, STEP_S, code_at, step_of

SECRET = b"12345678901234567890"
NOW = datetime(2026, 11, 22, 12, 0, 10, tzinfo=UTC)
STEP = int(NOW.timestamp()) // STEP_S


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_standards_own_examples(second, code):
    assert code_at(SECRET, second // STEP_S) == code
    assert step_of(SECRET, code, now=datetime.fromtimestamp(second, tz=UTC)) == second // STEP_S


@pytest.mark.parametrize("off", range(-SLACK_STEPS, SLACK_STEPS + 1))
def test_a_clock_that_differs_a_little_is_taken_and_its_step_told(off):
    assert step_of(SECRET, code_at(SECRET, STEP + off), now=NOW) == STEP + off


@pytest.mark.parametrize("off", [-SLACK_STEPS - 1, SLACK_STEPS + 1, 2880])
def test_a_code_from_another_time_is_none(off):
    assert step_of(SECRET, code_at(SECRET, STEP + off), now=NOW) is None


@pytest.mark.parametrize(
    "code", ["", "1234567", "123456789", "１２３４５６７８", "12 34567", "abcdefgh"]
)
def test_what_is_no_code_is_none(code):
    assert step_of(SECRET, code, now=NOW) is None


def test_the_first_minutes_of_1970_are_no_fault():
    start = datetime(1970, 1, 1, tzinfo=UTC)

    assert step_of(SECRET, code_at(SECRET, 0), now=start + timedelta(seconds=1)) == 0
