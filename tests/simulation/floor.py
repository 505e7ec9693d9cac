"""One thread runs at a time, and a seed draws which: processes that race, freeze and die, alike
each time the seed is the same.

An actor is a thread of a simulated process. It gives the turn away in `pause`, which the simulated
database calls around every transaction; nowhere else does anything happen beside it. Time passes
only here. Not here: what actors do.
"""

from __future__ import annotations

import hashlib
import math
import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from common.clock import EPOCH
from common.errors import Unavailable

LOCK_WAIT_S = 5.0
STEP_MAX_S = 0.02
LINES_KEPT = 20000


class Killed(BaseException):
    """The process that runs this is gone."""


class Stuck(AssertionError):
    """Nobody can go on."""


@dataclass(eq=False, kw_only=True)
class Place:
    """What can be killed or frozen as one: a process, or a person with a phone."""

    name: str
    is_dead: bool = False
    frozen_until_s: float = 0.0


@dataclass(eq=False, kw_only=True)
class Actor:
    """One flow of control; it waits until `wakes_s`, and until `ready` says so.

    `at` is the process that its request runs in, when it is not its own.
    """

    name: str
    place: Place
    at: Place
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    wakes_s: float = 0.0
    ready: Callable[[], bool] | None = None
    gives_up_s: float = math.inf
    is_done: bool = False
    thread: threading.Thread | None = None


class Floor:
    """The actors, their time, and who holds SQLite's one place for a writer."""

    def __init__(self, seed: int, *, start: datetime) -> None:
        self.chance = random.Random(seed)
        self.now_s = 0.0
        self.ahead_s = 0.0
        self.jumped_s = -math.inf
        self.steps = 0
        self.writer: Place | None = None
        self.commits = 0
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._start_s = (start - EPOCH).total_seconds()
        self._digest = hashlib.sha256()
        self._main = Actor(name="main", place=(here := Place(name="main")), at=here)
        self._actors = [self._main]
        self._current = self._main
        self._failure: BaseException | None = None
        self.watch: Callable[[], None] | None = None
        """Looks at the world at every turn; what it raises ends the run."""

    # --- time ------------------------------------------------------------------------------------

    def wall_s(self) -> float:
        """What the machine's clock shows: seconds since 1970, with its jumps."""
        return self._start_s + self.now_s + self.ahead_s

    def jump(self, seconds: float) -> None:
        """The machine's clock jumps; time itself does not."""
        self.ahead_s += seconds
        self.jumped_s = self.now_s
        self.note(f"clock jumps {seconds:+.0f} s")

    # --- what happened ---------------------------------------------------------------------------

    def note(self, line: str) -> None:
        """Remember what happened: for the reader of a failure, and to compare two runs."""
        told = f"{self.now_s:10.2f} {self._current.name:<12} {line}"
        self._digest.update(told.encode())
        self.lines.append(told)

    @property
    def digest(self) -> str:
        """Equal for equal runs."""
        return self._digest.hexdigest()[:16]

    # --- actors ----------------------------------------------------------------------------------

    def spawn(self, name: str, place: Place, work: Callable[[], Any]) -> None:
        """Begin another actor; it runs when its turn comes."""
        actor = Actor(name=name, place=place, at=place, wakes_s=self.now_s)
        actor.thread = threading.Thread(
            target=self._run, args=(actor, work), name=name, daemon=True
        )
        self._actors.append(actor)
        actor.thread.start()

    def run(self, seconds: float) -> None:
        """Let the others work for so long.

        Raises:
            BaseException: what an actor failed with.
        """
        self._main.wakes_s = self.now_s + seconds
        self._give_turn_away(self._main)
        if self._failure is not None:
            raise self._failure

    def fail(self, why: str) -> None:
        """End the run from wherever it was seen; nobody can catch it on the way."""
        self._failure = self._failure or AssertionError(why)

    def end(self) -> None:
        """Kill everybody and wait for their threads."""
        self.watch = None
        for actor in self._actors[1:]:
            actor.place.is_dead = True
        self._main.wakes_s = self.now_s
        while any(not actor.is_done for actor in self._actors[1:]):
            self._failure = None
            self._give_turn_away(self._main)
        for actor in self._actors[1:]:
            if actor.thread is not None:
                actor.thread.join(10)

    def pause(self, place: Place, what: str = "", *, seconds: float = 0.0) -> None:
        """Give the turn away; it comes back after `seconds` at the soonest.

        Raises:
            Killed: the process died meanwhile, or long before.
        """
        self._wait(place, what, seconds=seconds)

    def wait_until(
        self, place: Place, what: str, ready: Callable[[], bool], *, most_s: float
    ) -> bool:
        """Wait until `ready`, at most `most_s` seconds; False when they went by."""
        self._wait(place, what, ready=ready, gives_up_s=self.now_s + most_s)
        return ready()

    def take_pen(self, place: Place) -> None:
        """Become the one writer.

        Raises:
            Unavailable: another process wrote for too long.
        """
        if self.writer is None:
            self.writer = place
            return
        if not self.wait_until(place, "", lambda: self.writer is None, most_s=LOCK_WAIT_S):
            self.note("waited too long to write")
            raise Unavailable
        self.writer = place

    def lay_down_pen(self, place: Place) -> None:
        if self.writer is place:
            self.writer = None

    # --- inside ----------------------------------------------------------------------------------

    def _wait(
        self,
        place: Place,
        what: str,
        *,
        seconds: float = 0.0,
        ready: Callable[[], bool] | None = None,
        gives_up_s: float = math.inf,
    ) -> None:
        if place.is_dead:
            raise Killed
        actor = self._current
        actor.at = place
        actor.wakes_s, actor.ready, actor.gives_up_s = self.now_s + seconds, ready, gives_up_s
        if what:
            self.note(what)
        self._give_turn_away(actor)
        if place.is_dead:
            raise Killed

    def _give_turn_away(self, actor: Actor) -> None:
        chosen = self._choose()
        if chosen is not actor:
            chosen.turn.release()
            actor.turn.acquire()
        self._current = actor

    def _choose(self) -> Actor:
        self.steps += 1
        if self.watch is not None and self._failure is None:
            self._look()
        if self._failure is not None:
            return self._main
        living = [actor for actor in self._actors if not actor.is_done]
        for actor in living:
            if actor.place.is_dead or actor.at.is_dead:
                return actor  # the dead let go of everything at once
        self.now_s += self.chance.random() * STEP_MAX_S
        awake = [actor for actor in living if self._is_awake(actor)]
        while not awake:
            soonest = min(self._wakes_s(actor) for actor in living)
            if math.isinf(soonest):
                raise Stuck(f"nobody can go on: {[actor.name for actor in living]}")
            self.now_s = max(self.now_s, soonest)
            awake = [actor for actor in living if self._is_awake(actor)]
        return self.chance.choice(awake)

    def _look(self) -> None:
        assert self.watch is not None
        try:
            self.watch()
        except AssertionError as error:
            self._failure = error

    def _wakes_s(self, actor: Actor) -> float:
        """When time alone wakes this actor."""
        base_s = max(actor.wakes_s, actor.place.frozen_until_s, actor.at.frozen_until_s)
        return base_s if base_s > self.now_s or actor.ready is None else actor.gives_up_s

    def _is_awake(self, actor: Actor) -> bool:
        if max(actor.wakes_s, actor.place.frozen_until_s, actor.at.frozen_until_s) > self.now_s:
            return False
        return actor.ready is None or self.now_s >= actor.gives_up_s or actor.ready()

    def _run(self, actor: Actor, work: Callable[[], Any]) -> None:
        actor.turn.acquire()
        self._current = actor
        try:
            if not actor.place.is_dead:
                work()
        except Killed:
            pass
        except BaseException as error:
            self._failure = self._failure or error
        actor.is_done = True
        self._choose().turn.release()


class SimulatedClock:
    """The machine's clock as one process sees it."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def now(self) -> datetime:
        return EPOCH + timedelta(microseconds=int(self._floor.wall_s() * 1_000_000))

    def monotonic_s(self) -> float:
        return self._floor.now_s
