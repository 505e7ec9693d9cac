"""A mail server's replies: what is ours stops the channel, what is the receiver's ends one mail."""

from __future__ import annotations

import pytest

from delivery.mail_outcomes import Step, mail_outcome, mail_reason
from delivery.outcomes import Outcome


@pytest.mark.parametrize(
    ("step", "code", "text", "outcome"),
    [
        (Step.CONNECT, 0, b"", Outcome.TEMPORARY),
        (Step.CONNECT, 554, b"go away", Outcome.TEMPORARY),
        (Step.LOGIN, 535, b"5.7.8 wrong", Outcome.BREAKER),
        (Step.LOGIN, 454, b"4.7.0 later", Outcome.TEMPORARY),
        (Step.LOGIN, 599, b"", Outcome.BREAKER),
        (Step.SENDER, 550, b"not your address", Outcome.BREAKER),
        (Step.SENDER, 451, b"", Outcome.TEMPORARY),
        (Step.RECEIVER, 450, b"4.7.1 greylisted", Outcome.TEMPORARY),
        (Step.RECEIVER, 550, b"5.1.1 no such user", Outcome.PERMANENT),
        (Step.RECEIVER, 552, b"5.2.2 full", Outcome.TEMPORARY),
        (Step.RECEIVER, 530, b"5.7.0 log in first", Outcome.BREAKER),
        (Step.DATA, 554, b"5.7.1 spam", Outcome.PERMANENT),
        (Step.DATA, 250, b"queued", Outcome.DELIVERED),
        (Step.DATA, 599, b"", Outcome.PERMANENT),
        (Step.DATA, 499, b"", Outcome.TEMPORARY),
        (Step.DATA, 0, b"", Outcome.TEMPORARY),
    ],
)
def test_each_reply_has_one_meaning(step, code, text, outcome) -> None:
    assert mail_outcome(step, code, text) is outcome


def test_a_reason_never_quotes_the_servers_sentence() -> None:
    assert mail_reason(Step.RECEIVER, 550, b"5.1.1 <ada@example.com> unknown") == (
        "receiver 550 5.1.1"
    )
    assert mail_reason(Step.DATA, 0) == "data broken"
