"""One address in front of another, whose way can go dead without a word: no end, no reset, no answer.

The kernel on this side goes on acknowledging, as a firewall or a frozen machine does. Connections
made after that are carried as before.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

PIECE_BYTES = 65536


class Relay:
    """Use as a context manager; `accepted` counts connections."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.accepted = 0
        self._dead: set[int] = set()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, name="relay", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        # Closing alone does not wake a thread that accepts or reads.
        for one in (self._socket, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._thread.join(5)

    def go_dead(self) -> None:
        """From now on nothing is carried over the connections that are open."""
        self._dead |= set(range(self.accepted))

    def _accept(self) -> None:
        while True:
            try:
                caller, _address = self._socket.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target), timeout=30)
            self._open += [caller, server]
            number, self.accepted = self.accepted, self.accepted + 1
            for source, drain in ((caller, server), (server, caller)):
                threading.Thread(
                    target=self._pour, args=(number, source, drain), daemon=True
                ).start()

    def _pour(self, number: int, source: socket.socket, drain: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                if number not in self._dead:
                    drain.sendall(piece)
        if number not in self._dead:
            with suppress(OSError):
                drain.shutdown(socket.SHUT_WR)
