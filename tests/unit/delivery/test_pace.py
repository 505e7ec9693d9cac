"""The pace of pushes: at once while the score is low, then at the edge of a window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.pace import PhoneScore, decide, score_after, window_s
from delivery.settings import PaceSettings

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PACE = PaceSettings()


def pushed(score: float, seconds_ago: float) -> PhoneScore:
    return PhoneScore(score=score, pushed_at=NOW - timedelta(seconds=seconds_ago))


def test_the_first_push_goes_at_once() -> None:
    decision = decide(PhoneScore(score=0.0, pushed_at=None), now=NOW, cards=1, settings=PACE)

    assert decision.now
    assert decision.score_after == 1.0


def test_earn_redeem_and_undo_go_at_once_and_the_fourth_waits() -> None:
    phone, moment, immediate = PhoneScore(score=0.0, pushed_at=None), NOW, []
    for _push in range(4):
        decision = decide(phone, now=moment, cards=1, settings=PACE)
        immediate.append(decision.now)
        phone = PhoneScore(score=decision.score_after, pushed_at=moment)
        moment += timedelta(seconds=20)

    assert immediate == [True, True, True, False]


def test_a_waiting_push_goes_at_the_trailing_edge_of_its_window() -> None:
    decision = decide(pushed(3.0, 30), now=NOW, cards=1, settings=PACE)

    assert decision.due_at == NOW + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("score", "seconds"), [(0.0, 0), (3.0, 0), (3.1, 120), (6.5, 600), (11.0, 3600), (13.0, 7200)]
)
def test_windows_grow_with_the_score(score: float, seconds: float) -> None:
    assert window_s(score, PACE) == seconds


def test_a_day_of_rest_forgives_everything() -> None:
    assert score_after(pushed(5.0, 86_400), now=NOW, cards=1, settings=PACE) == 0.0


def test_more_cards_of_a_type_shorten_the_rest_a_phone_wants() -> None:
    one = score_after(pushed(2.0, 1700), now=NOW, cards=1, settings=PACE)
    four = score_after(pushed(2.0, 1700), now=NOW, cards=4, settings=PACE)

    assert four < one


def test_a_clock_that_went_back_does_not_look_like_a_rest() -> None:
    ahead = PhoneScore(score=2.9, pushed_at=NOW + timedelta(days=2))

    decision = decide(ahead, now=NOW, cards=1, settings=PACE)

    assert decision.score_after == pytest.approx(3.9)
    assert decision.due_at is not None
    assert decision.due_at <= NOW + timedelta(seconds=120)


@given(
    score=st.floats(0, 50, allow_nan=False),
    ago=st.floats(0, 200_000, allow_nan=False),
    cards=st.integers(1, 20),
)
def test_no_wait_is_longer_than_the_longest_window(score: float, ago: float, cards: int) -> None:
    decision = decide(pushed(score, ago), now=NOW, cards=cards, settings=PACE)

    assert decision.score_after >= 0
    if decision.due_at is not None:
        assert NOW < decision.due_at <= NOW + timedelta(seconds=PACE.rest_s)


@given(gaps=st.lists(st.floats(0, 400, allow_nan=False), min_size=1, max_size=40))
def test_a_paced_phone_is_never_pushed_into_ios_holding_back(gaps: list[float]) -> None:
    """iOS as the sandbox keeps it: past a threshold it asks late; we push no earlier than that."""
    thresholds = ((3.0, 120.0), (6.0, 600.0), (10.0, 3600.0))
    phone, moment = PhoneScore(score=0.0, pushed_at=None), NOW
    for gap in gaps:
        moment += timedelta(seconds=gap)
        decision = decide(phone, now=moment, cards=1, settings=PACE)
        if decision.due_at is not None:
            moment = decision.due_at
            decision = decide(phone, now=moment, cards=1, settings=PACE)
        assert decision.now
        held = max((s for limit, s in thresholds if decision.score_after > limit), default=0.0)
        since = float("inf")
        if phone.pushed_at is not None:
            since = (moment - phone.pushed_at).total_seconds()
        assert since >= held
        phone = PhoneScore(score=decision.score_after, pushed_at=moment)
