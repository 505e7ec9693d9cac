"""Google's batch address: many calls in one request, each answered by itself.

The body is multipart/mixed; every part is one HTTP request (`application/http`) and comes back under
its Content-ID with `response-` in front. Each call counts towards the rate by itself: what Google
does there is not documented, so the sandbox takes the stricter reading.
Source: Google API documentation, "Sending batch requests"; discovery document (`batchPath`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP

from flask import Response, current_app, request

PARTS_MAX = 1000
PREFIX = "/walletobjects/v1/"
METHODS = {"GET", "POST", "PUT", "PATCH"}
BOUNDARY = "batch_sandbox"


class BadBatch(ValueError):
    """A body that is no batch; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request inside a batch."""

    content_id: str
    method: str
    target: str
    body: bytes


def answer_batch() -> Response:
    """Carry out every call of the body in order, as if each had come by itself."""
    try:
        calls = list(read_batch(request.headers.get("Content-Type", ""), request.get_data()))
    except BadBatch as error:
        words = f"Failed to parse batch request, error: {error}"
        refusal = {"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}}
        return Response(json.dumps(refusal), 400, mimetype="application/json")
    authorization, base = request.headers.get("Authorization", ""), request.host_url
    parts = [_part(call, _carried_out(call, authorization, base)) for call in calls]
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return Response(body, content_type=f"multipart/mixed; boundary={BOUNDARY}")


def read_batch(content_type: str, body: bytes) -> Iterator[Call]:
    """The calls of a batch; BadBatch for what is none."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if message.get_content_type() != "multipart/mixed" or not message.is_multipart():
        raise BadBatch("the content type must be multipart/mixed with a boundary")
    parts = list(message.iter_parts())
    if not 0 < len(parts) <= PARTS_MAX:
        raise BadBatch(f"a batch holds 1 to {PARTS_MAX} calls")
    for part in parts:
        inner = part.get_payload(decode=True)
        if part.get_content_type() != "application/http" or not isinstance(inner, bytes):
            raise BadBatch("every part must be application/http")
        yield _read_call(part.get("Content-ID", ""), inner)


def _read_call(content_id: str, inner: bytes) -> Call:
    line, _newline, rest = inner.lstrip(b"\r\n").partition(b"\n")
    words = line.decode("latin-1").split()
    if len(words) < 2 or words[0] not in METHODS or not words[1].startswith(PREFIX):
        raise BadBatch(f"every part begins with METHOD {PREFIX}...")
    message = BytesParser(policy=HTTP).parsebytes(rest)
    payload = message.get_payload(decode=True)
    body = payload if isinstance(payload, bytes) else b""
    return Call(content_id=content_id, method=words[0], target=words[1], body=body)


def _carried_out(call: Call, authorization: str, base: str) -> Response:
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    with current_app.test_request_context(
        call.target, base_url=base, method=call.method, data=call.body, headers=headers
    ):
        return current_app.full_dispatch_request()


def _part(call: Call, answer: Response) -> bytes:
    body = answer.get_data()
    named = call.content_id.strip("<>")
    lines = [
        f"--{BOUNDARY}",
        "Content-Type: application/http",
        f"Content-ID: <response-{named}>",
        "",
        f"HTTP/1.1 {answer.status}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {answer.headers.get('Content-Length', len(body))}",
    ]
    if "Retry-After" in answer.headers:
        lines.append(f"Retry-After: {answer.headers['Retry-After']}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body + b"\r\n"
