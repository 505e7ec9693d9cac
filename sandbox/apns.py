"""A push server that behaves as Apple's does towards passes: HTTP/2 over TLS, by certificate or token.

One thread per connection, which alone reads and writes it. A client certificate that does not chain
to `apple-root.pem` fails the handshake; without one each request must bear a team's token, and only
one may be on its way until the first was accepted. The answers to requests are decided in `apns_answers.py`.
Source: Apple, "Sending notification requests to APNs" and "Handling notification responses".
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import tempfile
import threading
from pathlib import Path
from typing import Any

from cryptography import x509
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from sandbox.apns_answers import PAYLOAD_BYTES_MAX, Answer, PushDesk, PushRequest
from sandbox.events import EventLog
from sandbox.home import Home

CONNECTIONS_MAX = 200
READ_BYTES = 65_536
HANDSHAKE_TIMEOUT_S = 10.0
DEFAULT_STREAMS = 100


class CutConnection(Exception):
    """The connection is to be closed at once, as a fault or after GOAWAY."""


class ApnsServer:
    def __init__(self, *, home: Home, desk: PushDesk, events: EventLog) -> None:
        self.max_concurrent_streams = DEFAULT_STREAMS
        self.port = 0
        self._home, self._desk, self._events = home, desk, events
        self._listener: socket.socket | None = None
        self._context: tuple[object, ssl.SSLContext] | None = None
        self._slots = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._open: set[ssl.SSLSocket] = set()

    def start(self, host: str, port: int) -> None:
        self._home.apns_authority()
        self._listener = socket.create_server((host, port), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="apns", daemon=True).start()

    def close(self) -> None:
        for each in [self._listener, *list(self._open)]:
            if each is not None:
                with contextlib.suppress(OSError):
                    each.close()

    def _accept(self) -> None:
        listener = self._listener
        while listener is not None:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            if not self._slots.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        try:
            raw.settimeout(HANDSHAKE_TIMEOUT_S)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._tls().wrap_socket(raw, server_side=True) as secured:
                secured.settimeout(None)
                self._open.add(secured)
                try:
                    _Connection(secured, self).run()
                finally:
                    self._open.discard(secured)
        except ssl.SSLError as error:
            self._events.add("apns.handshake_refused", reason=_handshake_words(error, self._home))
        except (OSError, CutConnection):
            pass
        finally:
            with contextlib.suppress(OSError):
                raw.close()
            self._slots.release()

    def _tls(self) -> ssl.SSLContext:
        """The TLS side, made anew when the trusted root changed."""
        stamp = self._home.apple_root_stamp()
        if self._context is None or self._context[0] != stamp:
            self._context = (stamp, _tls_context(self._home))
        return self._context[1]

    @property
    def desk(self) -> PushDesk:
        return self._desk


class _Connection:
    """One client connection and its streams."""

    def __init__(self, secured: ssl.SSLSocket, server: ApnsServer) -> None:
        self._socket = secured
        self._desk = server.desk
        self._streams: dict[int, PushRequest] = {}
        shown = secured.getpeercert(True)
        self._certificate = x509.load_der_x509_certificate(shown) if shown else None
        self._http = H2Connection(H2Configuration(client_side=False))
        self._http.initiate_connection()
        self._streams_max = server.max_concurrent_streams
        self._is_open = self._certificate is not None
        self._allow_streams(self._streams_max if self._is_open else 1)
        self._last_answered = 0

    def _allow_streams(self, count: int) -> None:
        self._http.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: count})

    def run(self) -> None:
        self._flush()
        while data := self._socket.recv(READ_BYTES):
            try:
                events = self._http.receive_data(data)
            except ProtocolError:
                self._flush()
                return
            for event in events:
                self._handle(event)
            self._flush()

    def _handle(self, event: Any) -> None:
        if isinstance(event, RequestReceived):
            headers = {_text(name): _text(value) for name, value in event.headers}
            repeated = len(headers) != len(event.headers)
            self._streams[event.stream_id] = PushRequest(
                headers=headers, certificate=self._certificate, repeated_header=repeated
            )
        elif isinstance(event, DataReceived):
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            request = self._streams.get(event.stream_id)
            if request is not None and len(request.body) <= PAYLOAD_BYTES_MAX:
                request.body += event.data
        elif isinstance(event, StreamEnded):
            request = self._streams.pop(event.stream_id, None)
            if request is not None:
                self._answer(event.stream_id, request)
        elif isinstance(event, StreamReset):
            self._streams.pop(event.stream_id, None)

    def _answer(self, stream_id: int, request: PushRequest) -> None:
        answer = self._desk.take(request)
        if answer.hang:
            return
        if answer.drop:
            raise CutConnection
        if answer.goaway:
            self._go_away()
        if answer.status == 200 and not self._is_open:
            self._is_open = True
            self._allow_streams(self._streams_max)
        self._last_answered = stream_id
        self._send(stream_id, answer)

    def _go_away(self) -> None:
        # The present stream is above last_stream_id, so the client may safely repeat it.
        reason = json.dumps({"reason": "Shutdown"}).encode()
        self._http.close_connection(ErrorCodes.NO_ERROR, reason, self._last_answered)
        self._flush()
        raise CutConnection

    def _send(self, stream_id: int, answer: Answer) -> None:
        body = json.dumps(answer.body).encode() if answer.body else b""
        headers = [(":status", str(answer.status)), ("apns-id", answer.apns_id)]
        if answer.retry_after is not None:
            headers.append(("retry-after", str(answer.retry_after)))
        if body:
            headers.append(("content-type", "application/json"))
        with contextlib.suppress(ProtocolError):  # The client may have reset the stream.
            self._http.send_headers(stream_id, headers, end_stream=not body)
            if body:
                self._http.send_data(stream_id, body, end_stream=True)

    def _flush(self) -> None:
        data = self._http.data_to_send()
        if data:
            self._socket.sendall(data)


def _text(header: bytes | str) -> str:
    return header.decode("utf-8", "replace") if isinstance(header, bytes) else header


def _tls_context(home: Home) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    context.verify_mode = ssl.CERT_OPTIONAL
    home.apns_authority().issue_cert("localhost", "127.0.0.1", "::1").configure_cert(context)
    trusted = home.apple_certificates()
    if trusted:
        # OpenSSL reads trust from a file that cannot change under it.
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "root.pem"
            copy.write_bytes(home.apple_root_path.read_bytes())
            context.load_verify_locations(cafile=copy)
    return context


def _handshake_words(error: ssl.SSLError, home: Home) -> str:
    if not home.apple_certificates():
        return "no apple-root.pem in the sandbox's folder, so no client certificate is trusted"
    return str(getattr(error, "verify_message", "") or error.reason or error)[:200]
