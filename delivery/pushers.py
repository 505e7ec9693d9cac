"""What sends pushes: the client to Apple, which keeps many on the way, or a recording one.

Not here: the client itself (apns.py).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from delivery.apns import Push
from delivery.outcomes import Answer


class Pusher(Protocol):
    """What sends pushes and waits: a recording one in a test."""

    def send(self, pushes: Sequence[Push], *, stop: threading.Event) -> list[Answer]: ...

    def close(self) -> None: ...


class FlowingPusher(Protocol):
    """What keeps pushes on the way: the client to Apple."""

    def begin(self, pushes: Sequence[Push]) -> None: ...

    def collect(self, wait_s: float) -> list[tuple[Push, Answer]]: ...

    def close(self) -> None: ...


class AtOnce:
    """A pusher that waits, as one that keeps pushes on the way."""

    def __init__(self, pusher: Pusher, *, stop: threading.Event) -> None:
        self._pusher = pusher
        self._stop = stop
        self._ended: list[tuple[Push, Answer]] = []

    def begin(self, pushes: Sequence[Push]) -> None:
        if pushes:
            answers = self._pusher.send(pushes, stop=self._stop)
            self._ended += zip(pushes, answers, strict=True)

    def collect(self, wait_s: float) -> list[tuple[Push, Answer]]:  # noqa: ARG002
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        self._pusher.close()
