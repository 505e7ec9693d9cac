"""Google's answers, one by one and in batches: what cannot be read was not answered."""

from __future__ import annotations

import json

import pytest

from delivery.google_calls import Call, _batch_answers, _batch_body, judged
from delivery.outcomes import Outcome

KIND = "multipart/mixed; boundary=b"


def refusal(reason: str) -> bytes:
    return json.dumps({"error": {"code": 403, "errors": [{"reason": reason}]}}).encode()


def part(number: object, status: int, body: bytes, *, length: int | None = None) -> bytes:
    head = (
        f"--b\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>\r\n\r\n"
        f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n"


def outcomes(data: bytes, count: int) -> list[Outcome]:
    return [one.outcome for one in _batch_answers(KIND, data, count)]


def test_a_403_is_judged_by_its_reason_not_by_its_status() -> None:
    assert judged(403, refusal("quotaExceeded"), None).outcome is Outcome.THROTTLED
    assert judged(403, refusal("permissionDenied"), None).outcome is Outcome.BREAKER
    assert judged(403, b"", None).outcome is Outcome.BREAKER


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"<html>", b"[" * 5000])
def test_a_good_status_with_a_body_that_is_none_was_not_answered(data: bytes) -> None:
    assert judged(200, data, None).outcome is Outcome.TEMPORARY


def test_an_empty_object_is_an_answer() -> None:
    assert judged(200, b"{}", None).outcome is Outcome.DELIVERED


def test_answers_find_their_calls_in_any_order() -> None:
    data = part(1, 404, b"{}") + part(0, 200, b'{"id": "3388.a"}') + b"--b--"

    first, second = _batch_answers(KIND, data, 2)

    assert (first.outcome, first.resource) == (Outcome.DELIVERED, {"id": "3388.a"})
    assert second.outcome is Outcome.MISSING


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"--b--",
        b"no boundary at all",
        part("x", 200, b"{}") + b"--b--",
        part(7, 200, b"{}") + b"--b--",
        part(-1, 200, b"{}") + b"--b--",
        part("9" * 400, 200, b"{}") + b"--b--",
        part(0, 200, b'{"id": "cut', length=1000),
        b"--b\r\nContent-Type: application/http\r\nContent-ID: <response-0>\r\n\r\nHTTP/1.1\r\n--b--",
        b"--b\r\nContent-Type: application/http\r\nContent-ID: <response-0>\r\n\r\n--b--",
        b"\xff\xfe" * 100,
    ],
)
def test_a_damaged_batch_leaves_its_calls_unanswered(data: bytes) -> None:
    assert outcomes(data, 2) == [Outcome.TEMPORARY] * 2


def test_a_batch_that_ends_too_early_keeps_what_came() -> None:
    data = part(0, 200, b'{"id": "a"}') + part(1, 200, b'{"id": "b"}')[:60]

    assert outcomes(data, 3) == [Outcome.DELIVERED, Outcome.TEMPORARY, Outcome.TEMPORARY]


def test_a_batch_carries_bytes_beyond_ascii_with_their_length() -> None:
    body = _batch_body(
        "/v1", [Call(method="PATCH", address="loyaltyObject/3388.a", body={"a": "ü"})]
    )

    assert b"PATCH /v1/loyaltyObject/3388.a HTTP/1.1\r\n" in body
    assert b"Content-Length: 14\r\n" in body
    assert body.endswith(b"--regulars_batch--\r\n")
