"""The product's database, giving the turn away around every transaction.

A process may die at any of these points: before a transaction, before its commit, and after it,
when what was asked is in the books and nobody was told. Writers that share a commit do so here as
in the product; only their waiting is simulated.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, event

from common.errors import Unavailable
from storage.engine import Database, DatabaseSettings
from storage.group_commit import GroupCommit
from storage.locks import FairLock
from tests.simulation.floor import Floor, Place

Result = TypeVar("Result")


class Engines:
    """The engines of one process after the other: what they have compiled is kept, and no more."""

    def __init__(self, url: str) -> None:
        made = Database(DatabaseSettings(url=url))
        self.writing, self.reading = made.engine, made._readers
        self.owner: SimulatedDatabase | None = None
        event.listen(self.writing, "commit", self._tell_owner)

    def dispose(self) -> None:
        self.writing.dispose()
        self.reading.dispose()

    def _tell_owner(self, _connection: Connection) -> None:
        if self.owner is not None:
            self.owner.before_commit()


class Disk:
    """One database file, and the engines that open it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self._engines: list[Engines] = []

    def hold(self, template: Path) -> None:
        """Put a copy of the template in the file's place."""
        for engines in self._engines:
            engines.owner = None
            engines.dispose()
        for ending in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        shutil.copyfile(template, self.path)

    def open(self, *, floor: Floor, place: Place) -> SimulatedDatabase:
        """The file as a new process opens it."""
        free = [each for each in self._engines if each.owner is None or each.owner.is_dead]
        if not free:
            free = [Engines(self.url)]
            self._engines += free
        database = SimulatedDatabase(self.url, floor=floor, place=place, engines=free[0])
        free[0].owner = database
        return database


class SimulatedDatabase(Database):
    """One process's database; `refuses` is how often the disk says no, or says so too late."""

    def __init__(self, url: str, *, floor: Floor, place: Place, engines: Engines) -> None:
        super().__init__(DatabaseSettings(url=url))
        self.engine, self._readers = engines.writing, engines.reading
        self._floor = floor
        self._place = place
        self._turn = SimulatedTurn(floor, place)
        self._groups = SimulatedGroups(self._turn, self._group_transaction)
        self.refuses = 0.0

    @property
    def is_dead(self) -> bool:
        return self._place.is_dead

    def close(self) -> None:
        """The engines are the disk's."""

    @contextmanager
    def connection(self, *, writing: bool) -> Iterator[Connection]:
        if not self._is_nested:
            self._floor.pause(self._place)
        if not writing:
            with super().connection(writing=False) as connection:
                yield connection
            return
        with super().connection(writing=True) as connection:
            yield connection
        self._after_commit()

    def write(self, action: Callable[[Connection], Result], *, shares: bool = False) -> Result:
        def slowly(connection: Connection) -> Result:
            self._floor.pause(self._place)  # others come and wait behind this one
            return action(connection)

        self._floor.pause(self._place)
        result = super().write(slowly, shares=shares)
        self._after_commit()
        return result

    @contextmanager
    def _file_turn(self) -> Iterator[None]:
        """The one place for a writer among all processes, which SQLite's file lock is."""
        self._floor.take_pen(self._place)
        try:
            yield
        finally:
            self._floor.lay_down_pen(self._place)

    @property
    def _is_nested(self) -> bool:
        return bool(getattr(self._here, "writing", False))

    def before_commit(self) -> None:
        """Called in the middle of the commit: the process may die here, or the disk be full."""
        self._floor.pause(self._place)
        self._maybe_refuse("the disk is full")

    def _after_commit(self) -> None:
        self._floor.commits += 1
        self._floor.pause(self._place, "committed")
        self._maybe_refuse("the disk answers too late")

    def _maybe_refuse(self, why: str) -> None:
        if self.refuses and self._floor.chance.random() < self.refuses:
            self._floor.note(why)
            raise Unavailable


@dataclass(eq=False, slots=True)
class _Ticket:
    shares: bool
    is_called: bool = False


class SimulatedTurn(FairLock):
    """The fair lock of a process; whoever waits gives the turn on the floor away."""

    def __init__(self, floor: Floor, place: Place) -> None:
        super().__init__()
        self._floor, self._place = floor, place
        self._queue: deque[_Ticket] = deque()

    def acquire(self, *, timeout_s: float, shares: bool = False) -> bool:
        if not self._held:
            self._held = True
            return True
        ticket = _Ticket(shares)
        self._queue.append(ticket)
        try:
            self._floor.wait_until(self._place, "", lambda: ticket.is_called, most_s=timeout_s)
        except BaseException:
            if self._step_out(ticket):
                self.release()
            raise
        return self._step_out(ticket)

    def hand_to_sharer(self) -> bool:
        if not self._queue or not self._queue[0].shares:
            return False
        self._queue.popleft().is_called = True
        return True

    def release(self) -> None:
        try:
            self.before_release()
        finally:
            if self._queue:
                self._queue.popleft().is_called = True
            else:
                self._held = False

    def _step_out(self, ticket: _Ticket) -> bool:
        if not ticket.is_called:
            self._queue.remove(ticket)
        return ticket.is_called


class SimulatedGroups(GroupCommit):
    """Groups whose members wait for their common commit on the floor."""

    _turn: SimulatedTurn

    def _begin(self) -> object:  # type: ignore[override]
        group = super()._begin()
        group._ended = _News(self._turn)  # type: ignore[assignment]
        return group


class _News:
    """That a group ended, as its members hear of it."""

    def __init__(self, turn: SimulatedTurn) -> None:
        self._floor, self._place = turn._floor, turn._place
        self._is_out = False

    def set(self) -> None:
        self._is_out = True

    def wait(self, timeout_s: float) -> bool:
        if self._is_out:
            return True
        return self._floor.wait_until(
            self._place, "shares a commit", lambda: self._is_out, most_s=timeout_s
        )
