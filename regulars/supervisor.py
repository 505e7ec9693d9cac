"""Keeps the processes of `regulars serve` alive: sandbox, web and worker.

A part that ends by itself is started again after a growing pause. SIGTERM and SIGINT end every
part within `DRAIN_S`: each gets SIGTERM, finishes what it holds, and is killed only if it is late.
Not here: what a part does.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from common.clock import Clock
from common.errors import Conflict

LOCK_FILE: Final = "serve.lock"
DRAIN_S: Final = 10.0
KILL_S: Final = 0.5
"""What is left of that for a part that has to be killed."""
LOOK_S: Final = 0.25
PAUSE_MAX_S: Final = 30.0
STEADY_S: Final = 60.0


@dataclass(slots=True, kw_only=True)
class Part:
    """One process: its name and the arguments of this interpreter that run it."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    failures: int = 0
    again_s: float = 0.0


class Supervisor:
    """Starts parts, starts them again, and ends them together."""

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        clock: Clock,
        note: Callable[[str], None],
        drain_s: float = DRAIN_S,
    ) -> None:
        self._drain_s = drain_s
        self._parts = list(parts)
        self._clock = clock
        self._note = note
        self._stop = threading.Event()

    def run(
        self,
        *,
        ready: Callable[[], bool] = lambda: True,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        """Watch the parts until SIGTERM or SIGINT; then end them all.

        `tell` is called once, as soon as `ready` is true.
        """
        signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        signal.signal(signal.SIGINT, lambda *_: self._stop.set())
        try:
            for part in self._parts:
                self._start(part)
            told = False
            while not self._stop.wait(LOOK_S):
                for part in self._parts:
                    self._look_after(part)
                if not told and ready():
                    told = True
                    tell()
        finally:
            self._end_all()

    def _start(self, part: Part) -> None:
        part.process = subprocess.Popen(
            [sys.executable, *part.arguments],
            env={**os.environ, **part.environment},
            # A group of its own: Ctrl-C reaches the supervisor, which ends the parts in order.
            start_new_session=True,
        )
        part.started_s = self._clock.monotonic_s()

    def _look_after(self, part: Part) -> None:
        now_s = self._clock.monotonic_s()
        if part.process is not None and part.process.poll() is not None:
            steady = now_s - part.started_s > STEADY_S
            part.failures = 1 if steady else part.failures + 1
            pause_s = restart_pause_s(part.failures)
            part.again_s = now_s + pause_s
            self._note(
                f"{part.name} ended with code {part.process.returncode}; again in {pause_s:.0f} s."
            )
            part.process = None
        if part.process is None and now_s >= part.again_s:
            self._start(part)

    def _end_all(self) -> None:
        running = [p.process for p in self._parts if p.process and p.process.poll() is None]
        for process in running:
            process.terminate()
        deadline_s = self._clock.monotonic_s() + self._drain_s - KILL_S
        late = []
        for process in running:
            try:
                process.wait(max(0.0, deadline_s - self._clock.monotonic_s()))
            except subprocess.TimeoutExpired:
                late.append(process)
        # All at once: each of them was asked long ago.
        for process in late:
            process.kill()
        for process in late:
            process.wait()


def restart_pause_s(failures: int) -> float:
    """Seconds before the next start after so many quick ends: 0, 1, 2, 4 … 30."""
    return 0.0 if failures <= 1 else min(PAUSE_MAX_S, 2.0 ** (failures - 2))


def end_with_parent(stop: Callable[[], None]) -> None:
    """Call `stop` when the process that started this one is gone, even by kill -9."""
    parent = os.getppid()

    def watch() -> None:
        gone = threading.Event()
        while os.getppid() == parent:
            gone.wait(1.0)
        stop()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the data folder, so that two supervisors never fight over one file.

    Raises:
        Conflict: another process of this machine holds it.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Conflict(f"`regulars serve` is running on {data} already.") from error
        yield
