"""Push to Apple's servers: HTTP/2 by curl, one multi handle, connections that stay open.

The push says only "come and ask"; its body is empty JSON. Not here: which phone and when
(worker.py, pace.py), what an answer means (outcomes.py).
Rules:
- the client certificate is the pass type's own; curl takes it from memory and never shares a
  connection between two certificates;
- a stream that hangs ends by its time-out alone; after one, the whole handle is replaced, because
  its connection may be half dead;
- GOAWAY, reset streams and cut connections are temporary; a refused certificate is not;
- no proxy from the environment, no redirect, no other protocol, no large answer.

Source: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping, Sequence
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
CONNECTIONS_MAX: Final = 64
IDLE_CONNECTION_S: Final = 3600
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
    """Sends pushes; one per worker, used by one thread."""

    def __init__(self, settings: DeliverySettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._multi = _new_multi()
        self._suspect = False

    def send(self, pushes: Sequence[Push], *, stop: threading.Event) -> list[Answer]:
        """Send all at once over shared connections; the answers stand in the same order.

        Once `stop` is set, answers are waited for `STOP_WAIT_S` longer and no more.
        """
        if self._suspect:
            self._replace()
        calls = [self._call(push) for push in pushes]
        for call in calls:
            self._multi.add_handle(call.handle)
        self._perform(calls, stop)
        for call in calls:
            self._multi.remove_handle(call.handle)
            call.handle.close()
        return [call.answer for call in calls]

    def close(self) -> None:
        """Close every connection."""
        self._multi.close()

    def _replace(self) -> None:
        self._multi.close()
        self._multi = _new_multi()
        self._suspect = False

    def _perform(self, calls: Sequence[_Call], stop: threading.Event) -> None:
        by_handle = {id(call.handle): call for call in calls}
        waiting = len(calls)
        end_s = math.inf
        while waiting and self._clock.monotonic_s() < end_s:
            self._multi.perform()
            waiting -= self._collect(by_handle)
            if stop.is_set():
                end_s = min(end_s, self._clock.monotonic_s() + STOP_WAIT_S)
            if waiting:
                self._multi.select(_SELECT_S)

    def _collect(self, by_handle: Mapping[int, _Call]) -> int:
        """Take what has ended; returns how many."""
        ended, left = 0, 1
        while left:
            left, done, failed = self._multi.info_read()
            for handle in done:
                by_handle[id(handle)].finish()
            for handle, code, text in failed:
                by_handle[id(handle)].fail(code, text)
                self._suspect |= code == pycurl.E_OPERATION_TIMEDOUT
            ended += len(done) + len(failed)
        return ended

    def _call(self, push: Push) -> _Call:
        settings = self._settings
        handle = pycurl.Curl()
        call = _Call(handle)
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
            pycurl.TCP_KEEPALIVE: 1,
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


class _Call:
    """A push under way: its handle, and the answer once it is there."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
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


def _new_multi() -> Any:
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
    multi.setopt(pycurl.M_MAXCONNECTS, CONNECTIONS_MAX)
    return multi


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
