"""When root keys are fetched, and which of an answer's keys count."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from delivery.google_keys import KEYS_MAX, REFRESH_EVERY, TRY_EVERY, is_time, usable_keys
from storage.google_keys import StoredKeys
from tests.support.callback_signer import NOW, NOW_MS, Google

SECOND = timedelta(seconds=1)


def document(*keys: object) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def test_nothing_fetched_yet_is_time():
    assert is_time(StoredKeys(), NOW)


def test_fresh_keys_are_not_fetched_again():
    stored = StoredKeys(fetched_at=NOW - REFRESH_EVERY + SECOND, tried_at=NOW - TRY_EVERY)

    assert not is_time(stored, NOW)
    assert is_time(stored, NOW + SECOND)


def test_a_failed_try_waits_although_nothing_is_there():
    assert not is_time(StoredKeys(tried_at=NOW - TRY_EVERY + SECOND), NOW)
    assert is_time(StoredKeys(tried_at=NOW - TRY_EVERY), NOW)


def test_newer_keys_are_fetched_when_wanted_but_never_in_a_burst():
    at = NOW - TRY_EVERY + SECOND
    stored = StoredKeys(fetched_at=at, tried_at=at, wanted_at=NOW)

    assert not is_time(stored, NOW)
    assert is_time(stored, NOW + SECOND)


def test_a_wish_from_before_the_last_fetch_is_fulfilled():
    at = NOW - TRY_EVERY

    assert not is_time(StoredKeys(fetched_at=at, tried_at=at, wanted_at=at - SECOND), NOW)


def test_moments_of_a_wrong_clock_do_not_stop_fetching():
    ahead = NOW + timedelta(days=365)

    assert is_time(StoredKeys(fetched_at=ahead, tried_at=ahead), NOW)


def test_keys_of_another_protocol_expired_or_without_end_do_not_count():
    good = Google().keys()[0]
    bad = [
        good | {"protocolVersion": "ECv2"},
        good | {"keyExpiration": str(NOW_MS)},
        good | {"keyExpiration": "soon"},
        good | {"keyExpiration": "9" * 5000},
        {name: value for name, value in good.items() if name != "keyExpiration"},
        good | {"keyValue": 7},
        "rubbish",
    ]

    assert usable_keys(document(*bad, good), NOW) == [good]


def test_no_more_keys_are_kept_than_are_tried():
    assert len(usable_keys(document(*Google().keys() * 40), NOW)) == KEYS_MAX


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"[]", b'{"keys":{}}', b"\xff", b"[" * 100_000, b"null"]
)
def test_what_is_no_key_document_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        usable_keys(data, NOW)
