"""Push to Apple's servers: HTTP/2 by curl, a multi handle per identity, connections that stay open.

The push says only "come and ask"; its body is empty JSON. Not here: which phone and when
(worker.py, pace.py), what an answer means (outcomes.py), the requests on their way (apns_lines.py).
Rules:
- the client certificate is the pass type's own; curl takes it from memory and never shares a
  connection between two certificates;
- what hangs holds up its own identity's pushes and no other's; a stream that hangs ends by its
  time-out alone, and after one new pushes go over new connections, for that one may be half dead;
- a connection that was idle for an hour is asked for a sign of life (ADR 0012), so that one that
  died in silence is found out by the question and not by the next push;
- GOAWAY, reset streams and cut connections are temporary; a refused certificate is not;
- no proxy from the environment, no redirect, no other protocol, no large answer.

Source: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import pycurl

from common.clock import EPOCH, Clock
from delivery.apns_lines import Call, Line, wait_for
from delivery.outcomes import Answer, Outcome
from delivery.settings import DeliverySettings

LINES_MAX: Final = 64
"""Identities with open connections; the one used longest ago makes room."""
ASK_AFTER_S: Final = 3600.0
"""A connection idle for so long is asked whether it lives; Apple wants it no more often."""
CLOSE_AFTER_S: Final = 12 * 3600.0
"""Nobody pushed over it for so long: it is not kept open any longer."""
PING_AFTER_S: Final = 60
PING_EVERY_S: Final = 20
PINGS_MAX: Final = 3
PAYLOAD: Final = b"{}"
STOP_WAIT_S: Final = 3.0
_SELECT_S: Final = 0.1


Identity: TypeAlias = tuple[bytes, bytes] | str
"""The pass type's certificate with its key, or the team's bearer token in their place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One push: where to, and as whom. Neither token nor identity shows in a repr."""

    push_token: str = field(repr=False)
    topic: str
    identity: Identity = field(repr=False)


class PushClient:
    """Sends pushes; one per worker, used by one thread.

    `begin` and `collect` keep any number on the way; `send` is both for a few.
    """

    def __init__(self, settings: DeliverySettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._lines: dict[Identity, Line] = {}
        self._retired: list[Line] = []

    @property
    def on_the_way(self) -> int:
        """Pushes without an answer yet."""
        return sum(line.pushes for line in self._all_lines())

    @property
    def is_asking(self) -> bool:
        """Whether a question for a sign of life has no answer yet."""
        return any(line.is_asked for line in self._all_lines())

    def begin(self, pushes: Sequence[Push]) -> None:
        """Start these; their answers come out of `collect`."""
        for push in pushes:
            line = self._line(push)
            line.add(self._call(push))
            line.pushed_s = line.asked_s = self._clock.monotonic_s()

    def collect(self, wait_s: float) -> list[tuple[Push, Answer]]:
        """What has ended, as soon as anything has, at most `wait_s` later.

        Idle connections are looked after here, so an idle worker calls it now and then as well.
        """
        self._look_after_idle()
        end_s = self._clock.monotonic_s() + wait_s
        while True:
            ended = [call for line in self._all_lines() for call in line.collect()]
            answers = [(call.push, call.answer) for call in ended if call.push is not None]
            left_s = end_s - self._clock.monotonic_s()
            if answers or left_s <= 0 or not self.on_the_way:
                self._close_retired()
                return answers
            wait_for(self._all_lines(), min(left_s, _SELECT_S))

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

    def _line(self, push: Push) -> Line:
        """The line of the push's identity; one that hung is left to end by itself.

        Neither does a push wait for an answer to the question whether its connection lives.
        """
        line = self._lines.pop(push.identity, None)
        if line is not None and (line.suspect or line.is_asked):
            self._retired.append(line)
            line = None
        # Used last, closed last.
        self._lines[push.identity] = line = line or Line()
        if len(self._lines) > LINES_MAX:
            self._retired.append(self._lines.pop(next(iter(self._lines))))
        return line

    def _look_after_idle(self) -> None:
        now_s = self._clock.monotonic_s()
        for identity, line in list(self._lines.items()):
            if line.calls or (now_s - line.asked_s < ASK_AFTER_S and not line.suspect):
                continue
            # A bearer token is renewed within the hour: nobody will push as this one again.
            renewed = isinstance(identity, str)
            if line.suspect or renewed or now_s - line.pushed_s >= CLOSE_AFTER_S:
                line.close()
                del self._lines[identity]
                continue
            line.asked_s = now_s
            line.add(self._question(identity))

    def _all_lines(self) -> list[Line]:
        return [*self._lines.values(), *self._retired]

    def _close_retired(self) -> None:
        for line in [one for one in self._retired if not one.calls]:
            line.close()
            self._retired.remove(line)

    def _call(self, push: Push) -> Call:
        settings = self._settings
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
        call = Call(pycurl.Curl(), push)
        self._furnish(
            call,
            push.identity,
            {
                pycurl.URL: f"{settings.apns_url}/3/device/{quote(push.push_token, safe='')}",
                pycurl.POST: 1,
                pycurl.POSTFIELDS: PAYLOAD,
                pycurl.HTTPHEADER: headers,
            },
        )
        return call

    def _question(self, identity: Identity) -> Call:
        """A request that names no phone, which any living server refuses at once."""
        call = Call(pycurl.Curl(), None)
        self._furnish(
            call, identity, {pycurl.URL: f"{self._settings.apns_url}/", pycurl.HTTPGET: 1}
        )
        return call

    def _furnish(self, call: Call, identity: Identity, request: dict[int, Any]) -> None:
        """Give a call its request, and what all requests have in common."""
        settings = self._settings
        options: dict[int, Any] = {
            **request,
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_2TLS,
            pycurl.PIPEWAIT: 1,
            **_client_certificate(identity),
            pycurl.SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
            pycurl.SSL_VERIFYPEER: 1,
            pycurl.SSL_VERIFYHOST: 2,
            pycurl.PROTOCOLS: pycurl.PROTO_HTTPS,
            pycurl.FOLLOWLOCATION: 0,
            pycurl.PROXY: "",
            pycurl.NOPROXY: "*",
            pycurl.NOSIGNAL: 1,
            # TCP's own pings keep the way through a router open, and find a network that is gone.
            pycurl.TCP_KEEPALIVE: 1,
            pycurl.TCP_KEEPIDLE: PING_AFTER_S,
            pycurl.TCP_KEEPINTVL: PING_EVERY_S,
            pycurl.SOCKOPTFUNCTION: _give_up_soon,
            pycurl.MAXAGE_CONN: int(ASK_AFTER_S * 2),
            pycurl.CONNECTTIMEOUT_MS: int(settings.connect_timeout_s * 1000),
            pycurl.TIMEOUT_MS: int(settings.request_timeout_s * 1000),
            pycurl.WRITEFUNCTION: call.take_body,
            pycurl.HEADERFUNCTION: call.take_header,
        }
        if settings.apns_ca_file is not None:
            options[pycurl.CAINFO] = str(settings.apns_ca_file)
        for option, value in options.items():
            call.handle.setopt(option, value)


def _give_up_soon(descriptor: int, _purpose: int) -> int:
    """The count of unanswered pings, for which curl has no option here."""
    with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as same:
        same.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PINGS_MAX)
    return int(pycurl.SOCKOPT_OK)


def _client_certificate(identity: Identity) -> dict[int, Any]:
    if isinstance(identity, str):
        return {}
    certificate, key = identity
    return {
        pycurl.SSLCERT_BLOB: certificate,
        pycurl.SSLCERTTYPE: "PEM",
        pycurl.SSLKEY_BLOB: key,
        pycurl.SSLKEYTYPE: "PEM",
    }
