"""Push to Apple's servers: HTTP/2 by curl, a multi handle per identity, connections that stay open.

The push says only "come and ask"; its body is empty JSON. Not here: which phone and when
(worker.py, pace.py), what an answer means (outcomes.py).
Rules:
- the client certificate is the pass type's own; curl takes it from memory and never shares a
  connection between two certificates;
- what hangs holds up its own identity's pushes and no other's; a stream that hangs ends by its
  time-out alone, and after one new pushes go over new connections, for that one may be half dead;
- GOAWAY, reset streams and cut connections are temporary; a refused certificate is not;
- no proxy from the environment, no redirect, no other protocol, no large answer.

Source: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

from __future__ import annotations

import json
import math
import select
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, Final
from urllib.parse import quote

import pycurl

from common.clock import EPOCH, Clock
from delivery.outcomes import Answer, Outcome, apns_outcome
from delivery.retry import read_retry_after
from delivery.settings import DeliverySettings

ANSWER_BYTES_MAX: Final = 4096
CONNECTIONS_MAX: Final = 4
"""Connections of one identity that are kept."""
LINES_MAX: Final = 64
"""Identities with open connections; the one used longest ago makes room."""
IDLE_CONNECTION_S: Final = 3600
PING_AFTER_S: Final = 60
PING_EVERY_S: Final = 20
PAYLOAD: Final = b"{}"
STOP_WAIT_S: Final = 3.0
_SELECT_S: Final = 0.1
_HTTP_2: Final = 3
_GONE: Final = 410
# Failures that another try cannot mend: the certificate, its key, or whom we trust.
_CREDENTIAL_ERRORS: Final = frozenset(
    {
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CACERT,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_ISSUER_ERROR,
        pycurl.E_SSL_PINNEDPUBKEYNOTMATCH,
    }
)
# What the other side says in a TLS alert about our certificate.
_CERTIFICATE_ALERTS: Final = (
    "unknown ca",
    "bad certificate",
    "certificate expired",
    "certificate revoked",
    "certificate unknown",
    "unsupported certificate",
    "certificate required",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One push: where to, and as whom. Neither token nor identity shows in a repr.

    `identity` is the certificate with its key, or the team's bearer token in their place.
    """

    push_token: str = field(repr=False)
    topic: str
    identity: tuple[bytes, bytes] | str = field(repr=False)


class PushClient:
    """Sends pushes; one per worker, used by one thread.

    `begin` and `collect` keep any number on the way; `send` is both for a few.
    """

    def __init__(self, settings: DeliverySettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._lines: dict[object, _Line] = {}
        self._retired: list[_Line] = []

    @property
    def on_the_way(self) -> int:
        """Pushes without an answer yet."""
        return sum(len(line.calls) for line in self._all_lines())

    def begin(self, pushes: Sequence[Push]) -> None:
        """Start these; their answers come out of `collect`."""
        for push in pushes:
            self._line(push).add(self._call(push))

    def collect(self, wait_s: float) -> list[tuple[Push, Answer]]:
        """What has ended, as soon as anything has, at most `wait_s` later."""
        end_s = self._clock.monotonic_s() + wait_s
        while True:
            ended = [call for line in self._all_lines() for call in line.collect()]
            left_s = end_s - self._clock.monotonic_s()
            if ended or left_s <= 0 or not self.on_the_way:
                self._close_retired()
                return [(call.push, call.answer) for call in ended]
            _wait_for(self._all_lines(), min(left_s, _SELECT_S))

    def send(self, pushes: Sequence[Push], *, stop: threading.Event) -> list[Answer]:
        """Send all at once and wait; the answers stand in the same order.

        Once `stop` is set, answers are waited for `STOP_WAIT_S` longer and no more.
        """
        self.begin(pushes)
        answers: dict[int, Answer] = {}
        end_s = math.inf
        while len(answers) < len(pushes) and self._clock.monotonic_s() < end_s:
            answers |= {id(push): answer for push, answer in self.collect(_SELECT_S)}
            if stop.is_set():
                end_s = min(end_s, self._clock.monotonic_s() + STOP_WAIT_S)
        not_sent = Answer(outcome=Outcome.TEMPORARY, reason="not_sent")
        return [answers.get(id(push), not_sent) for push in pushes]

    def close(self) -> None:
        """Close every connection; what has no answer gets none."""
        for line in self._all_lines():
            line.close()
        self._lines.clear()
        self._retired.clear()

    def _line(self, push: Push) -> _Line:
        """The line of the push's identity; one that hung is left to end by itself."""
        line = self._lines.pop(push.identity, None)
        if line is not None and line.suspect:
            self._retired.append(line)
            line = None
        # Used last, closed last.
        self._lines[push.identity] = line = line or _Line()
        if len(self._lines) > LINES_MAX:
            self._retired.append(self._lines.pop(next(iter(self._lines))))
        return line

    def _all_lines(self) -> list[_Line]:
        return [*self._lines.values(), *self._retired]

    def _close_retired(self) -> None:
        for line in [one for one in self._retired if not one.calls]:
            line.close()
            self._retired.remove(line)

    def _call(self, push: Push) -> _Call:
        settings = self._settings
        handle = pycurl.Curl()
        call = _Call(handle, push)
        expires = self._clock.now() + settings.apns_expiration
        headers = [
            f"apns-topic: {push.topic}",
            f"apns-expiration: {int((expires - EPOCH).total_seconds())}",
            "content-type: application/json",
            "expect:",
        ]
        if settings.apns_priority is not None:
            headers.append(f"apns-priority: {settings.apns_priority}")
        if isinstance(push.identity, str):
            headers.append(f"authorization: bearer {push.identity}")
        options: dict[int, Any] = {
            pycurl.URL: f"{settings.apns_url}/3/device/{quote(push.push_token, safe='')}",
            pycurl.POST: 1,
            pycurl.POSTFIELDS: PAYLOAD,
            pycurl.HTTPHEADER: headers,
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_2TLS,
            pycurl.PIPEWAIT: 1,
            **_client_certificate(push.identity),
            pycurl.SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
            pycurl.SSL_VERIFYPEER: 1,
            pycurl.SSL_VERIFYHOST: 2,
            pycurl.PROTOCOLS: pycurl.PROTO_HTTPS,
            pycurl.FOLLOWLOCATION: 0,
            pycurl.PROXY: "",
            pycurl.NOPROXY: "*",
            pycurl.NOSIGNAL: 1,
            # curl's HTTP/2 ping cannot be reached from Python: TCP's own keeps the way open and
            # finds a dead one before the next push does.
            pycurl.TCP_KEEPALIVE: 1,
            pycurl.TCP_KEEPIDLE: PING_AFTER_S,
            pycurl.TCP_KEEPINTVL: PING_EVERY_S,
            pycurl.MAXAGE_CONN: IDLE_CONNECTION_S,
            pycurl.CONNECTTIMEOUT_MS: int(settings.connect_timeout_s * 1000),
            pycurl.TIMEOUT_MS: int(settings.request_timeout_s * 1000),
            pycurl.WRITEFUNCTION: call.take_body,
            pycurl.HEADERFUNCTION: call.take_header,
        }
        if settings.apns_ca_file is not None:
            options[pycurl.CAINFO] = str(settings.apns_ca_file)
        for option, value in options.items():
            handle.setopt(option, value)
        return call


class _Line:
    """The connections of one identity: what hangs here holds up nobody else."""

    def __init__(self) -> None:
        self.calls: dict[int, _Call] = {}
        self.suspect = False
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAXCONNECTS, CONNECTIONS_MAX)

    def add(self, call: _Call) -> None:
        """Start a push."""
        self.calls[id(call.handle)] = call
        self._multi.add_handle(call.handle)

    def collect(self) -> list[_Call]:
        """Move everything on and take out what has ended."""
        if not self.calls:
            return []
        self._multi.perform()
        ended, left = [], 1
        while left:
            left, done, failed = self._multi.info_read()
            for handle in done:
                self.calls[id(handle)].finish()
                ended.append(self._take(handle))
            for handle, code, text in failed:
                self.calls[id(handle)].fail(code, text)
                # Its connection may be half dead: no new push goes there.
                self.suspect |= code == pycurl.E_OPERATION_TIMEDOUT
                ended.append(self._take(handle))
        return ended

    def sockets(self) -> tuple[list[int], list[int]]:
        """What it reads from and writes to."""
        reads, writes, _errors = self._multi.fdset()
        return reads, writes

    @property
    def timeout_s(self) -> float:
        """How long curl bears to be left alone; infinite when it does not mind."""
        left_ms = self._multi.timeout()
        return math.inf if left_ms < 0 else left_ms / 1000

    def close(self) -> None:
        """Close the connections."""
        for call in list(self.calls.values()):
            self._take(call.handle)
        self._multi.close()

    def _take(self, handle: Any) -> _Call:
        call = self.calls.pop(id(handle))
        self._multi.remove_handle(handle)
        handle.close()
        return call


class _Call:
    """A push under way: its handle, and the answer once it is there."""

    def __init__(self, handle: Any, push: Push) -> None:
        self.handle = handle
        self.push = push
        self.answer = Answer(outcome=Outcome.TEMPORARY, reason="not_sent")
        self._body = BytesIO()
        self._retry_after: str | None = None

    def take_body(self, data: bytes) -> int:
        """Keep a piece of the answer; a short count makes curl give up."""
        if self._body.tell() + len(data) > ANSWER_BYTES_MAX:
            return 0
        return self._body.write(data)

    def take_header(self, line: bytes) -> None:
        name, _colon, value = line.decode("latin-1").partition(":")
        if name.strip().lower() == "retry-after":
            self._retry_after = value.strip()

    def finish(self) -> None:
        status = int(self.handle.getinfo(pycurl.RESPONSE_CODE))
        if self.handle.getinfo(pycurl.INFO_HTTP_VERSION) != _HTTP_2:
            self.answer = Answer(outcome=Outcome.TEMPORARY, reason="not_http2")
            return
        reason, since = _read_body(self._body.getvalue())
        self.answer = Answer(
            outcome=apns_outcome(status, reason),
            reason=reason or f"http_{status}",
            retry_after_s=read_retry_after(self._retry_after),
            gone_since=since if status == _GONE else None,
        )

    def fail(self, code: int, text: str) -> None:
        refused = code in _CREDENTIAL_ERRORS or _is_certificate_alert(text)
        self.answer = Answer(
            outcome=Outcome.BREAKER if refused else Outcome.TEMPORARY,
            reason="certificate_refused" if refused else f"curl_{code}",
        )


def _client_certificate(identity: tuple[bytes, bytes] | str) -> dict[int, Any]:
    if isinstance(identity, str):
        return {}
    certificate, key = identity
    return {
        pycurl.SSLCERT_BLOB: certificate,
        pycurl.SSLCERTTYPE: "PEM",
        pycurl.SSLKEY_BLOB: key,
        pycurl.SSLKEYTYPE: "PEM",
    }


def _wait_for(lines: Sequence[_Line], wait_s: float) -> None:
    """Until a socket of any line is ready, or one wants to be moved on."""
    ready = select.poll()
    for line in lines:
        if line.calls:
            wait_s = min(wait_s, line.timeout_s)
            reads, writes = line.sockets()
            for socket in {*reads, *writes}:
                events = (select.POLLIN if socket in reads else 0) | (
                    select.POLLOUT if socket in writes else 0
                )
                ready.register(socket, events)
    # At least a millisecond: a name that is being looked up has no socket yet.
    ready.poll(max(1, int(wait_s * 1000)))


def _is_certificate_alert(text: str) -> bool:
    folded = text.lower()
    return "alert" in folded and any(alert in folded for alert in _CERTIFICATE_ALERTS)


def _read_body(data: bytes) -> tuple[str, datetime | None]:
    """The reason and the moment a token died; a body that is no JSON says nothing."""
    try:
        found = json.loads(data) if data else {}
    except (ValueError, RecursionError):
        return "", None
    if not isinstance(found, dict):
        return "", None
    reason, stamp = found.get("reason"), found.get("timestamp")
    return (reason[:80] if isinstance(reason, str) else ""), _moment(stamp)


def _moment(stamp: object) -> datetime | None:
    if not isinstance(stamp, int) or isinstance(stamp, bool):
        return None
    try:
        return EPOCH + timedelta(milliseconds=stamp)
    except OverflowError:
        return None
