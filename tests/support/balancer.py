"""One address in front of several web processes, as a proxy would stand there: plain TCP, in turns.

A connection to a process that is gone goes to the next one; what dies in the middle of an answer
dies for the caller too.
"""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

PIECE_BYTES = 65536


class Balancer:
    """Use as a context manager; `url` is the one address."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = list(ports)
        self._turn = itertools.count()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, name="balancer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        # Closing alone does not wake a thread that accepts.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                caller, _address = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        server = self._connect()
        if server is None:
            caller.close()
            return
        back = threading.Thread(target=_pour, args=(server, caller), daemon=True)
        back.start()
        _pour(caller, server)
        back.join()
        caller.close()
        server.close()

    def _connect(self) -> socket.socket | None:
        first = next(self._turn)
        for step in range(len(self._ports)):
            port = self._ports[(first + step) % len(self._ports)]
            with suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), timeout=30)
        return None


def _pour(source: socket.socket, drain: socket.socket) -> None:
    """Carry bytes one way until the source has no more."""
    with suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            drain.sendall(piece)
    with suppress(OSError):
        drain.shutdown(socket.SHUT_WR)
