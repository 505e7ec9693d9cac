"""Retries: full jitter, capped, Retry-After wins, and an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.retry import (
    CAP_S,
    RETRY_AFTER_MAX_S,
    TRIES_MAX,
    bound_s,
    decide,
    read_retry_after,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@given(attempts=st.integers(0, TRIES_MAX - 2), drawn=st.floats(0, 1, exclude_max=True))
def test_a_wait_lies_between_nothing_and_the_cap(attempts: int, drawn: float) -> None:
    due_at = decide(now=NOW, attempts=attempts, draw=lambda: drawn).due_at

    assert due_at is not None
    assert NOW <= due_at <= NOW + timedelta(seconds=CAP_S)


@given(attempts=st.integers(0, 10_000))
def test_bounds_never_shrink_and_end_at_the_cap(attempts: int) -> None:
    assert bound_s(attempts) <= bound_s(attempts + 1) <= CAP_S == bound_s(10_000)


def test_what_the_provider_asks_for_wins_over_the_draw() -> None:
    due_at = decide(now=NOW, attempts=9, draw=lambda: 0.0, retry_after_s=30).due_at

    assert due_at == NOW + timedelta(seconds=30)


def test_an_absurd_request_is_cut() -> None:
    due_at = decide(now=NOW, attempts=0, draw=lambda: 0.0, retry_after_s=1e12).due_at

    assert due_at == NOW + timedelta(seconds=RETRY_AFTER_MAX_S)


def test_the_last_try_parks() -> None:
    assert decide(now=NOW, attempts=TRIES_MAX - 1, draw=lambda: 0.5).parks
    assert not decide(now=NOW, attempts=TRIES_MAX - 2, draw=lambda: 0.5).parks


def test_the_tries_span_days() -> None:
    spread_s = sum(bound_s(n) / 2 for n in range(TRIES_MAX))

    assert timedelta(days=1) < timedelta(seconds=spread_s) < timedelta(days=7)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5.0),
        (" 7 ", 7.0),
        (None, None),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("Sun, 22 Nov 2026 12:00:00 GMT", None),
        ("٣", None),
        ("9" * 400, 999_999_999.0),
    ],
)
def test_retry_after_reads_seconds_and_nothing_else(
    text: str | None, seconds: float | None
) -> None:
    assert read_retry_after(text) == seconds
