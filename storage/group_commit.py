"""Several writers share one commit on SQLite, so that the last of many tills waits less.

A commit is half the cost of an earn, and SQLite has one writer. So a writer that others wait
behind does not commit: it hands its open transaction to the next one, and the last commits for
all. Nobody gets an answer before that commit. Not here: whose turn it is (locks).

Rules:
- Each member runs in its own thread, one after another, and sees what those before it wrote.
- A member that fails and wrote nothing harms nobody; its error is told once the others' work, which
  it may have been judged by, is committed. One that fails after it wrote undoes the whole
  transaction, and the others run again, each alone: an action must bear that.
- A group takes at most `MEMBERS_MAX` and only who waits already; alone, a writer commits at once.
- A writer that cannot share (an action that cannot run twice) never meets an open group.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from common.errors import Unavailable
from storage.locks import FairLock

MEMBERS_MAX: Final = 32
# Much longer than any group takes; its commit is then unknown, as after a cut line.
ANSWER_WAIT_S: Final = 20.0
Result = TypeVar("Result")
_Open = Callable[[], AbstractContextManager[Connection]]


class GroupCommit:
    """The groups of one database; `turn` is the lock every writer of the process stands in."""

    def __init__(self, turn: FairLock, transaction: _Open) -> None:
        self._turn = turn
        self._transaction = transaction
        self._group: _Group | None = None
        turn.before_release = self._commit_open

    def run(
        self, action: Callable[[Connection], Result], *, timeout_s: float, shares: bool
    ) -> Result:
        """Run `action` in a transaction; returns after its commit.

        Args:
            action: only database work; when it shares, it may be run twice.
            timeout_s: how long to wait for a turn.
            shares: others may go into the same transaction, before and after it.

        Raises:
            Unavailable: no turn in time, or the commit failed or is unknown.
        """
        try:
            return self._member(action, timeout_s=timeout_s, shares=shares)
        except _Undone:
            return self._member(action, timeout_s=timeout_s, shares=False)

    def _member(
        self, action: Callable[[Connection], Result], *, timeout_s: float, shares: bool
    ) -> Result:
        if not self._turn.acquire(timeout_s=timeout_s, shares=shares):
            raise Unavailable
        try:
            group = self._group or self._begin()
            self._group = group
            answer = self._run(group, action)
        except BaseException:
            self._turn.release()
            raise
        # Whoever waits may join; where nobody does, releasing commits.
        if not shares or group.members >= MEMBERS_MAX or not self._turn.hand_to_sharer():
            self._turn.release()
        group.wait()
        return answer()

    def _begin(self) -> _Group:
        return _Group(self._transaction())

    def _run(self, group: _Group, action: Callable[[Connection], Result]) -> Callable[[], Result]:
        """Run a member; its answer or its harmless error, to be told after the commit."""
        group.members += 1
        before = group.changes
        try:
            result = action(group.connection)
        except Exception as error:
            if group.is_sound and group.changes == before:
                return _raising(error)
            self._undo(group)
            raise
        except BaseException:
            self._undo(group)
            raise
        if not group.is_sound:
            self._undo(group)
            raise Unavailable
        return lambda: result

    def _undo(self, group: _Group) -> None:
        self._group = None
        group.end(undo=True)

    def _commit_open(self) -> None:
        """Commit what is open: nobody joins any more."""
        group, self._group = self._group, None
        if group is not None:
            group.end(undo=False)


class _Undone(Exception):
    """Another member failed after it wrote: run again."""


class _Group:
    """One shared transaction, from its begin to the news of its end."""

    def __init__(self, transaction: AbstractContextManager[Connection]) -> None:
        # Left by whichever thread ends the group.
        self._entered = ExitStack()
        self.connection = self._entered.enter_context(transaction)
        self._driver: Any = self.connection.connection.dbapi_connection
        self.members = 0
        self._ended = threading.Event()
        self._error: BaseException | None = None

    @property
    def changes(self) -> int:
        """Rows this connection has changed so far."""
        return int(self._driver.total_changes)

    @property
    def is_sound(self) -> bool:
        """Whether SQLite still has the transaction: after some errors it rolls back by itself."""
        return bool(self._driver.in_transaction)

    def end(self, *, undo: bool) -> None:
        """Commit or undo, and tell every member."""
        try:
            with self._entered:
                if not undo:
                    self.connection.commit()
            self._error = _Undone() if undo else None
        except BaseException as error:
            self._error = error  # every member is told, in its own thread
            if not isinstance(error, Exception):
                raise
        finally:
            self._ended.set()

    def wait(self) -> None:
        """Wait for the end.

        Raises:
            _Undone: what was written is gone, and the fault was another's.
            Unavailable: it cannot be told whether it was committed.
        """
        if not self._ended.wait(ANSWER_WAIT_S):
            raise Unavailable
        error = self._error
        if error is None:
            return
        if isinstance(error, _Undone) or (self.members > 1 and not isinstance(error, Unavailable)):
            raise _Undone from error
        raise error


def _raising(error: Exception) -> Callable[[], Any]:
    def tell() -> Any:
        raise error

    return tell
