"""A server that answers as no provider should: nonsense, far too much, a byte now and then, nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LARGE = 64 * 1024 * 1024
CHUNK = b"x" * 65536

MANNERS = ("html", "not json", "wrong json", "huge", "no http", "cut", "drip", "silent")


class BadServer:
    """Answers every connection in one manner, over plain HTTP; counts them."""

    def __init__(self, manner: str) -> None:
        self._manner = manner
        self._ended = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked = 0

    def run(self) -> None:
        with suppress(OSError):
            while not self._ended.is_set():
                connection, _address = self._socket.accept()
                self.asked += 1
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            for piece in self._pieces():
                connection.sendall(piece)

    def _pieces(self) -> Iterator[bytes]:
        match self._manner:
            case "html":
                yield _http(b"<html><h1>Welcome to our hotel's network</h1></html>")
            case "not json":
                yield _http(b"\xff\xfe{{{" + b"[" * 20_000)
            case "wrong json":
                yield _http(b'["loyaltyPoints", null, 7]')
            case "huge":
                yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE
                for _piece in range(LARGE // len(CHUNK)):
                    yield CHUNK
            case "no http":
                yield b"SSH-2.0-OpenSSH_9.2p1\r\n" * 50
            case "cut":
                yield b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n{"
            case "drip":
                yield b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"
                while not self._ended.wait(0.3):
                    yield b" "
            case _:
                self._ended.wait(60)


def _http(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@contextmanager
def bad_server(manner: str) -> Iterator[BadServer]:
    """A server of that manner until the block ends."""
    server = BadServer(manner)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(5)
