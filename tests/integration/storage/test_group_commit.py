"""Writers that wait for each other share a commit, and nobody can tell."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from common.errors import Conflict, Unavailable
from storage.engine import Database, DatabaseSettings
from storage.group_commit import MEMBERS_MAX


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/group.db"))
    with database.connection(writing=True) as connection:
        connection.execute(text("create table note (name text primary key)"))
        connection.execute(text("create table answer (note text references note)"))
        connection.commit()
    yield database
    database.close()


@pytest.fixture
def commits(database: Database) -> list[str]:
    """One entry for each commit from now on."""
    seen: list[str] = []
    event.listen(database.engine, "commit", lambda _connection: seen.append("commit"))
    return seen


class Queue:
    """Writers that all wait behind one that holds the database."""

    def __init__(self, database: Database, threads: ThreadPoolExecutor) -> None:
        self._database = database
        self._threads = threads
        self._held, self._free = threading.Event(), threading.Event()
        self._holder = threads.submit(self._hold)
        assert self._held.wait(5)

    def _hold(self) -> None:
        with self._database.connection(writing=True):
            self._held.set()
            assert self._free.wait(10)

    def add(self, action: Callable[[Connection], Any], *, shares: bool = True) -> Future[Any]:
        """A writer that stands in line when this returns."""
        waiting = self._database._turn._waiting
        before = len(waiting)
        future = self._threads.submit(self._database.write, action, shares=shares)
        while len(waiting) == before:
            assert not future.done()
        return future

    def let_go(self) -> None:
        self._free.set()
        self._holder.result(10)


@pytest.fixture
def queue(database: Database) -> Iterator[Queue]:
    with ThreadPoolExecutor(MEMBERS_MAX + 12) as threads:
        line = Queue(database, threads)
        yield line
        line.let_go()


def writes(name: str) -> Callable[[Connection], str]:
    def action(connection: Connection) -> str:
        connection.execute(text("insert into note values (:name)"), {"name": name})
        return name

    return action


def refuses(error: Exception) -> Callable[[Connection], str]:
    def action(connection: Connection) -> str:
        connection.execute(text("select count(*) from note"))
        raise error

    return action


def writes_and_fails(name: str, error: BaseException) -> Callable[[Connection], str]:
    def action(connection: Connection) -> str:
        writes(name)(connection)
        raise error

    return action


def notes(database: Database) -> list[str]:
    with database.connection(writing=False) as connection:
        return list(connection.execute(text("select name from note order by name")).scalars())


def test_who_waits_together_is_committed_together(
    database: Database, queue: Queue, commits: list[str]
) -> None:
    futures = [queue.add(writes(f"n{number}")) for number in range(5)]
    queue.let_go()

    assert [future.result(10) for future in futures] == ["n0", "n1", "n2", "n3", "n4"]
    assert notes(database) == ["n0", "n1", "n2", "n3", "n4"]
    assert len(commits) == 1


def test_a_writer_alone_commits_at_once(database: Database, commits: list[str]) -> None:
    assert database.write(writes("a"), shares=True) == "a"

    assert (notes(database), len(commits)) == (["a"], 1)


def test_a_group_is_not_larger_than_its_limit(queue: Queue, commits: list[str]) -> None:
    futures = [queue.add(writes(f"n{number}")) for number in range(MEMBERS_MAX + 3)]
    queue.let_go()
    for future in futures:
        future.result(10)

    assert len(commits) == 2


def test_a_refusal_harms_nobody_and_is_told_to_its_own_caller(
    database: Database, queue: Queue, commits: list[str]
) -> None:
    first = queue.add(writes("a"))
    refused = queue.add(refuses(Conflict("no")))
    last = queue.add(writes("b"))
    queue.let_go()

    with pytest.raises(Conflict):
        refused.result(10)
    assert (first.result(10), last.result(10)) == ("a", "b")
    assert (notes(database), len(commits)) == (["a", "b"], 1)


def test_a_failure_after_writing_undoes_only_its_own(database: Database, queue: Queue) -> None:
    first = queue.add(writes("a"))
    failed = queue.add(writes_and_fails("x", ValueError("broken")))
    last = queue.add(writes("b"))
    queue.let_go()

    with pytest.raises(ValueError, match="broken"):
        failed.result(10)
    assert (first.result(10), last.result(10)) == ("a", "b")
    assert notes(database) == ["a", "b"]


def test_an_interrupted_member_does_not_stop_the_others(database: Database, queue: Queue) -> None:
    first = queue.add(writes("a"))
    interrupted = queue.add(writes_and_fails("x", KeyboardInterrupt()))
    last = queue.add(writes("b"))
    queue.let_go()

    assert (first.result(10), last.result(10)) == ("a", "b")
    with pytest.raises(KeyboardInterrupt):
        interrupted.result(10)
    assert notes(database) == ["a", "b"]


def test_later_members_see_what_earlier_ones_wrote(queue: Queue) -> None:
    def count(connection: Connection) -> int:
        return int(connection.execute(text("select count(*) from note")).scalar_one())

    queue.add(writes("a"))
    queue.add(writes("b"))
    seen = queue.add(count)
    queue.let_go()

    assert seen.result(10) == 2


def test_who_cannot_share_is_committed_by_itself(queue: Queue, commits: list[str]) -> None:
    futures = [
        queue.add(writes("a")),
        queue.add(writes("b")),
        queue.add(writes("c"), shares=False),
        queue.add(writes("d")),
    ]
    queue.let_go()
    for future in futures:
        future.result(10)

    assert len(commits) == 3


def test_a_commit_that_one_member_spoils_keeps_the_others(database: Database, queue: Queue) -> None:
    def names_nobody(connection: Connection) -> None:
        connection.execute(text("pragma defer_foreign_keys = on"))
        connection.execute(text("insert into answer values ('nobody')"))

    first = queue.add(writes("a"))
    spoiling = queue.add(names_nobody)
    last = queue.add(writes("b"))
    queue.let_go()

    with pytest.raises(IntegrityError):
        spoiling.result(10)
    assert (first.result(10), last.result(10)) == ("a", "b")
    assert notes(database) == ["a", "b"]


@pytest.mark.parametrize("says", [None, Conflict("no")], ids=["notices nothing", "fails"])
def test_a_transaction_sqlite_ended_by_itself_is_nobodys_success(
    database: Database, queue: Queue, says: Exception | None
) -> None:
    def lose(connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        driver.execute("ROLLBACK")  # as SQLite does when the disk is full
        if says is not None:
            raise says

    first = queue.add(writes("a"))
    lost = queue.add(lose)
    queue.let_go()

    with pytest.raises(Unavailable if says is None else type(says)):
        lost.result(10)
    assert first.result(10) == "a"
    assert notes(database) == ["a"]


def test_a_writing_transaction_inside_another_is_a_mistake(database: Database) -> None:
    with database.connection(writing=True), pytest.raises(RuntimeError, match="inside another"):
        database.write(writes("a"), shares=True)
    with pytest.raises(RuntimeError, match="inside another"):
        database.write(lambda _outer: database.write(writes("a")), shares=True)

    assert notes(database) == []
