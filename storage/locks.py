"""Locks around SQLite's one writer: a fair one inside a process, a file lock across processes.

Not done here: deciding when they are needed (engine).
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from common.errors import Unavailable

_POLL_S: Final = 0.005


class _Turn(threading.Event):
    """A waiter; `shares` tells whether it may go on with what the one before it left open."""

    def __init__(self, *, shares: bool) -> None:
        super().__init__()
        self.shares = shares


class FairLock:
    """A lock that serves waiters in the order they came.

    `before_release` runs, with the lock still held, each time it is let go in the plain way;
    `hand_to_sharer` passes it on without that.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[_Turn] = deque()
        self._held = False
        self.before_release: Callable[[], None] = _nothing

    @contextmanager
    def held(self, *, timeout_s: float) -> Iterator[None]:
        """Hold the lock for a block.

        Raises:
            Unavailable: it did not become free within `timeout_s`.
        """
        if not self.acquire(timeout_s=timeout_s):
            raise Unavailable
        try:
            yield
        finally:
            self.release()

    def acquire(self, *, timeout_s: float, shares: bool = False) -> bool:
        """True when the lock is ours; False when `timeout_s` went by."""
        with self._guard:
            if not self._held:
                self._held = True
                return True
            turn = _Turn(shares=shares)
            self._waiting.append(turn)
        try:
            if turn.wait(timeout_s):
                return True
        except BaseException:
            # An interrupted waiter must neither stay in the queue nor keep what it was handed.
            if self._leave(turn):
                self.release()
            raise
        return self._leave(turn)

    def hand_to_sharer(self) -> bool:
        """Hand over to whoever waits longest if it shares; False when the lock is still ours."""
        with self._guard:
            if not self._waiting or not self._waiting[0].shares:
                return False
            self._waiting.popleft().set()
            return True

    def release(self) -> None:
        """Hand over to whoever waits longest."""
        try:
            self.before_release()
        finally:
            with self._guard:
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._held = False

    def _leave(self, turn: _Turn) -> bool:
        """Step out of the queue; True when the turn had come in between."""
        with self._guard:
            if turn.is_set():
                return True
            self._waiting.remove(turn)
            return False


def _nothing() -> None:
    """What a lock does before it is let go, until somebody says otherwise."""


class FileLock:
    """A lock between processes, gone with the process that held it.

    One thread of a process at a time: hold a FairLock around it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def held(self, *, timeout_s: float) -> Iterator[None]:
        """Hold the lock for a block.

        Raises:
            Unavailable: another process kept it for `timeout_s`, or the file cannot be made.
        """
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable from error
        try:
            _wait_for(handle, deadline=time.monotonic() + timeout_s)
            yield
        finally:
            os.close(handle)


def _wait_for(handle: int, *, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise Unavailable from error
            time.sleep(_POLL_S)
        else:
            return
