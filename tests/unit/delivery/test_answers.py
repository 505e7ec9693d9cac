"""Bodies of providers are read with suspicion: nonsense says nothing and breaks nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import apns_lines, google_letters
from delivery.apns import Push
from passes.google_parts import digest_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_410_tells_since_when_the_token_is_dead() -> None:
    body = b'{"reason":"Unregistered","timestamp":1795348800000}'

    assert apns_lines._read_body(body) == ("Unregistered", datetime(2026, 11, 22, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"reason":7,"timestamp":"soon"}',
        b'{"timestamp":true}',
        b'{"timestamp":1e400}',
        b'{"timestamp":99999999999999999999}',
        b"[" * 4000,
        b"\xff\xfe",
    ],
)
def test_a_strange_body_of_the_push_service_says_nothing(body: bytes) -> None:
    assert apns_lines._read_body(body) == ("", None)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("OpenSSL SSL_connect: tlsv1 alert unknown ca", True),
        ("OpenSSL SSL_read: sslv3 alert certificate expired, errno 0", True),
        ("OpenSSL SSL_read: tlsv13 alert certificate required", True),
        ("Connection reset by peer", False),
        ("tlsv1 alert internal error", False),
        ("certificate unknown to this test", False),
    ],
)
def test_only_an_alert_about_our_certificate_counts_as_refused(text: str, refused: bool) -> None:
    assert apns_lines._is_certificate_alert(text) is refused


def test_a_push_shows_neither_token_nor_key() -> None:
    push = Push(push_token="5ec2e7", topic="pass.x", identity=(b"CERT", b"5ec2e7-key"))

    assert "5ec2e7" not in repr(push)


@given(stamps=st.one_of(st.none(), st.text(), st.lists(st.integers() | st.text(), max_size=5)))
def test_only_notifications_of_the_last_day_count(stamps: object) -> None:
    assert google_letters.recent(stamps, NOW) == []


def test_the_same_document_has_the_same_digest_in_any_order() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})
