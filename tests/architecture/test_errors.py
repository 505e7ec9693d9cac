"""Every error has a code of its own, a status, and a sentence that a person can read."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus

import pytest

from common.errors import WalletError
from tests.architecture.house import import_everything


def every_error() -> list[type[WalletError]]:
    import_everything()
    found, waiting = [], [WalletError]
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        found.append(error)
    return sorted(found, key=lambda one: (one.__module__, one.__qualname__))


ERRORS = [one for one in every_error() if not one.__module__.startswith("tests")]


def test_no_two_errors_share_a_code():
    codes = Counter(error.code for error in ERRORS)
    shared = {
        code: [f"{e.__module__}.{e.__name__}" for e in ERRORS if e.code == code]
        for code, times in codes.items()
        if times > 1
    }

    assert shared == {}


@pytest.mark.parametrize("error", ERRORS, ids=lambda one: f"{one.__module__}.{one.__name__}")
def test_an_error_states_code_status_and_sentence(error):
    assert "code" in vars(error), "give it a code of its own"
    assert error.code == error.code.lower().replace("-", "_").strip()
    assert HTTPStatus(error.status).value >= HTTPStatus.BAD_REQUEST
    sentence = (error.__doc__ or "").strip().splitlines()[0]
    assert sentence.endswith((".", "!", "?"))
