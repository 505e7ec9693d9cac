"""A registration ends only when it can be told that the token is bad and not we are wrong."""

from __future__ import annotations

import pytest

from delivery.bad_tokens import ALARM_AT, TRIES_MIN, BadTokens
from delivery.outcomes import Answer, Outcome

BAD = Answer(outcome=Outcome.GONE, reason="BadDeviceToken")
GONE = Answer(outcome=Outcome.GONE, reason="Unregistered")
ACCEPTED = Answer(outcome=Outcome.DELIVERED)


def judged(tokens: BadTokens, answer: Answer, *, attempts: int = 0, merchant: int = 1) -> Outcome:
    return tokens.judge(merchant, answer, attempts=attempts).outcome


def test_a_bad_token_is_believed_once_a_push_was_accepted() -> None:
    tokens = BadTokens()

    assert judged(tokens, BAD) is Outcome.TEMPORARY
    assert judged(tokens, ACCEPTED) is Outcome.DELIVERED
    assert judged(tokens, BAD) is Outcome.GONE


def test_a_lonely_bad_token_is_believed_after_many_tries() -> None:
    tokens = BadTokens()

    assert judged(tokens, BAD, attempts=TRIES_MIN - 2) is Outcome.TEMPORARY
    assert judged(tokens, BAD, attempts=TRIES_MIN - 1) is Outcome.GONE


def test_many_bad_tokens_without_one_accepted_stop_the_channel_and_end_nothing() -> None:
    tokens = BadTokens()

    found = [judged(tokens, BAD) for _push in range(ALARM_AT * 3)]

    assert Outcome.GONE not in found
    assert found[ALARM_AT:] == [Outcome.BREAKER] * ALARM_AT * 2
    assert tokens.judge(1, BAD, attempts=0).reason == "BadDeviceToken"


def test_one_merchants_bad_tokens_say_nothing_of_anothers() -> None:
    tokens = BadTokens()
    for _push in range(ALARM_AT * 2):
        judged(tokens, BAD)
    judged(tokens, ACCEPTED, merchant=2)

    assert judged(tokens, BAD, merchant=2) is Outcome.GONE


@pytest.mark.parametrize(
    "answer", [GONE, Answer(outcome=Outcome.TEMPORARY, reason="BadDeviceToken")]
)
def test_other_answers_pass_as_they_are(answer: Answer) -> None:
    assert BadTokens().judge(1, answer, attempts=0) is answer
