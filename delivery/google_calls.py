"""One request to Google, or many in one: bytes out, judged answers back.

Not here: which account and when (google_client.py). Rules: answers are capped, no redirect is
followed, every call has a time-out; an answer is judged by status and by Google's own reason, for
403 alone says nothing. A batch's answers are matched by Content-ID; a call whose answer is missing
or damaged counts as unanswered and is sent again, which absolute states allow.

Source: https://developers.google.com/wallet/reference/rest and the discovery document's batchPath
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from typing import Any, Final
from urllib.parse import urlsplit

from google.auth.transport.requests import AuthorizedSession
from requests import ReadTimeout, Response

from common.clock import Clock
from delivery.outcomes import Answer, Outcome, google_outcome
from delivery.retry import read_retry_after

ANSWER_BYTES_MAX: Final = 256 * 1024
BOUNDARY: Final = "regulars_batch"
REASON_MAX: Final = 80
MESSAGE_MAX: Final = 400
JSON_TYPE: Final = "application/json; charset=utf-8"
_OK: Final = 200

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: `address` is below the API's own address."""

    method: str
    address: str
    body: Document | None = None


def send(
    session: AuthorizedSession, api_url: str, call: Call, *, timeout_s: float, clock: Clock
) -> Answer:
    """Send one request and judge its answer; connection errors are the caller's."""
    with session.request(  # type: ignore[no-untyped-call]
        call.method,
        f"{api_url}/{call.address}",
        data=None if call.body is None else _encoded(call.body),
        headers={"Content-Type": JSON_TYPE},
        timeout=timeout_s,
        allow_redirects=False,
        stream=True,
    ) as response:
        data = _read_in_time(response, ANSWER_BYTES_MAX, timeout_s=timeout_s, clock=clock)
        return judged(response.status_code, data, response.headers.get("Retry-After"))


def send_batch(
    session: AuthorizedSession,
    api_url: str,
    calls: Sequence[Call],
    *,
    timeout_s: float,
    clock: Clock,
) -> list[Answer] | None:
    """Send many requests as one, answers in their order; None where no batch is offered."""
    parts = urlsplit(api_url)
    with session.request(  # type: ignore[no-untyped-call]
        "POST",
        f"{parts.scheme}://{parts.netloc}/batch",
        data=_batch_body(parts.path, calls),
        headers={"Content-Type": f"multipart/mixed; boundary={BOUNDARY}"},
        timeout=timeout_s,
        allow_redirects=False,
        stream=True,
    ) as response:
        data = _read_in_time(
            response, ANSWER_BYTES_MAX * len(calls), timeout_s=timeout_s, clock=clock
        )
        if response.status_code in {301, 302, 307, 308, 404, 405, 410, 501}:
            return None
        if response.status_code != _OK:
            retry_after = response.headers.get("Retry-After")
            return [judged(response.status_code, data, retry_after)] * len(calls)
        return _batch_answers(response.headers.get("Content-Type", ""), data, len(calls))


def _read_in_time(response: Response, limit: int, *, timeout_s: float, clock: Clock) -> bytes:
    """The answer's body up to `limit` bytes; one that only drips is given up.

    The session's time-out is one for each piece: a byte a second would keep a thread for hours.
    """
    ends_s = clock.monotonic_s() + timeout_s
    found = bytearray()
    while len(found) < limit:
        piece: bytes = response.raw.read1(limit - len(found), decode_content=True)
        if not piece:
            break
        found += piece
        if clock.monotonic_s() > ends_s:
            raise ReadTimeout("the answer only drips")
    return bytes(found)


def judged(status: int, data: bytes, retry_after: str | None) -> Answer:
    """What an answer means; a good one carries the resource as Google now holds it."""
    document = _object(data)
    if status == _OK and document is None:
        # Half an answer, or a page of some proxy: what was done is not known.
        return Answer(outcome=Outcome.TEMPORARY, reason="unreadable_answer")
    if status == _OK:
        return Answer(outcome=Outcome.DELIVERED, reason="http_200", resource=document)
    reason = _reason(document or {})
    return Answer(
        outcome=google_outcome(status, reason),
        reason=reason or f"http_{status}",
        message=_message(document or {}),
        retry_after_s=read_retry_after(retry_after),
    )


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _reason(document: Document) -> str:
    """`error.errors[0].reason` of Google's body, else its status word; empty when it has none."""
    try:
        error = document["error"]
        listed = error.get("errors") or [{}]
        found = listed[0].get("reason") or error.get("status") or ""
    except (KeyError, IndexError, TypeError, AttributeError):
        return ""
    return found[:REASON_MAX] if isinstance(found, str) else ""


def _message(document: Document) -> str:
    error = document.get("error")
    found = error.get("message") if isinstance(error, Mapping) else None
    return found[:MESSAGE_MAX] if isinstance(found, str) else ""


def _encoded(body: Document) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _batch_body(path: str, calls: Sequence[Call]) -> bytes:
    parts = []
    for number, call in enumerate(calls):
        body = b"" if call.body is None else _encoded(call.body)
        head = (
            f"--{BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\n"
            f"{call.method} {path}/{call.address} HTTP/1.1\r\nContent-Type: {JSON_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        parts.append(head.encode() + body + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def _batch_answers(content_type: str, data: bytes, count: int) -> list[Answer]:
    answers = [Answer(outcome=Outcome.TEMPORARY, reason="batch_unanswered")] * count
    for number, answer in _read_parts(content_type, data):
        if number < count:
            answers[number] = answer
    return answers


def _read_parts(content_type: str, data: bytes) -> Iterator[tuple[int, Answer]]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser().parsebytes(head + data)
    parts = message.get_payload() if message.is_multipart() else []
    for part in parts if isinstance(parts, list) else []:
        if not isinstance(part, Message):
            continue
        number = part.get("Content-ID", "").strip("<> ").removeprefix("response-")
        answer = _read_part(part)
        if number.isascii() and number.isdigit() and answer is not None:
            yield int(number[:9]), answer


def _read_part(part: Message) -> Answer | None:
    inner = part.get_payload(decode=True)
    if not isinstance(inner, bytes):
        return None
    line, _newline, rest = inner.lstrip(b"\r\n").partition(b"\n")
    words = line.split()
    if len(words) < 2 or not words[1].isdigit():  # noqa: PLR2004 - protocol and status
        return None
    message = BytesParser().parsebytes(rest)
    body = message.get_payload(decode=True)
    if not isinstance(body, bytes):
        return None
    return judged(int(words[1][:4]), body, message.get("Retry-After"))
