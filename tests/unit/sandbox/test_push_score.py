from __future__ import annotations

import pytest

from sandbox.push_score import DEFAULT_THRESHOLDS, PushScore


def after(pushes: list[float], *, passes: int = 1) -> PushScore:
    score = PushScore()
    for moment in pushes:
        score.push(1000.0 + moment, passes=passes)
    return score


def test_the_first_push_is_free() -> None:
    assert after([0]).score == 0


@pytest.mark.parametrize(
    ("pushes", "expected"),
    [([0, 0], 1.0), ([0, 0, 0], 2.0), ([0, 3600], 0.125), ([0, 7200], 0.0), ([0, 0, 14400], 0.0)],
)
def test_quick_pushes_add_and_slow_ones_take_away(pushes: list[float], expected: float) -> None:
    assert after(pushes).score == pytest.approx(expected)


def test_many_passes_of_a_type_shorten_the_interval_to_half_an_hour_at_least() -> None:
    assert after([0, 900], passes=4).score == pytest.approx(0.125)
    assert after([0, 900], passes=400).score == pytest.approx(0.125)


@pytest.mark.parametrize(
    ("score", "wait_s"), [(0.0, 0), (3.0, 0), (3.1, 120), (6.1, 600), (10.1, 3600)]
)
def test_a_high_score_delays_the_next_question(score: float, wait_s: float) -> None:
    punished = PushScore(score=score, last_asked_s=50.0)

    assert punished.may_ask_at(DEFAULT_THRESHOLDS) == 50.0 + wait_s
    assert punished.may_ask_at(()) == 50.0
