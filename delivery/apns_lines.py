"""What a push client keeps open: the connections of one identity, and the requests on them.

Not here: which identities and when (apns.py), what an answer means (outcomes.py).
"""

from __future__ import annotations

import json
import math
import select
from collections.abc import Sequence
from datetime import datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import pycurl

from common.clock import EPOCH
from delivery.outcomes import Answer, Outcome, apns_outcome
from delivery.retry import read_retry_after

if TYPE_CHECKING:
    from delivery.apns import Push

ANSWER_BYTES_MAX: Final = 4096
CONNECTIONS_MAX: Final = 4
"""Connections of one identity that are kept."""
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


class Line:
    """The connections of one identity: what hangs here holds up nobody else.

    `pushed_s` and `asked_s` tell when somebody pushed last, and when anything went out last.
    """

    def __init__(self) -> None:
        self.calls: dict[int, Call] = {}
        self.suspect = False
        self.pushed_s = self.asked_s = 0.0
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAXCONNECTS, CONNECTIONS_MAX)

    @property
    def pushes(self) -> int:
        """Pushes without an answer yet."""
        return sum(call.push is not None for call in self.calls.values())

    @property
    def is_asked(self) -> bool:
        """Whether the question for a sign of life has no answer yet."""
        return any(call.push is None for call in self.calls.values())

    def add(self, call: Call) -> None:
        """Start a request."""
        self.calls[id(call.handle)] = call
        self._multi.add_handle(call.handle)

    def collect(self) -> list[Call]:
        """Move everything on and take out what has ended."""
        if not self.calls:
            return []
        self._multi.perform()
        ended, left = [], 1
        while left:
            left, done, failed = self._multi.info_read()
            for handle in done:
                call = self.calls[id(handle)]
                call.finish()
                # A connection whose certificate is refused stays refused: a mended one needs another.
                self.suspect |= call.answer.outcome is Outcome.BREAKER
                ended.append(self._take(handle))
            for handle, code, text in failed:
                call = self.calls[id(handle)]
                call.fail(code, text)
                # Its connection may be half dead: no new push goes there.
                self.suspect |= code == pycurl.E_OPERATION_TIMEDOUT or call.push is None
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

    def _take(self, handle: Any) -> Call:
        call = self.calls.pop(id(handle))
        self._multi.remove_handle(handle)
        handle.close()
        return call


class Call:
    """A request under way: its handle, and the answer once it is there.

    Without a push it is the question whether the connection lives: any answer is a yes.
    """

    def __init__(self, handle: Any, push: Push | None) -> None:
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


def wait_for(lines: Sequence[Line], wait_s: float) -> None:
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
