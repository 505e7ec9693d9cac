"""The schema comes whole or not at all, whoever is killed and however many come at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from common.errors import ConfigurationError
from storage import migrate
from storage.engine import Database, DatabaseSettings
from storage.tables import APPEND_ONLY, MERCHANT_TABLES, metadata

ROOT = Path(__file__).resolve().parents[3]

# A child that upgrades and stops for ever after the n-th statement that changes the schema.
DYING_CHILD = """
import sys, time
from sqlalchemy import event
from storage.engine import Database, DatabaseSettings
from storage.migrate import upgrade
database = Database(DatabaseSettings(url=sys.argv[1]))
left = int(sys.argv[2])
@event.listens_for(database.engine, "after_cursor_execute")
def _count(_connection, _cursor, statement, *_rest):
    global left
    if statement.lstrip().upper().startswith(("CREATE", "INSERT", "ALTER")):
        left -= 1
        if left == 0:
            print("half-way", flush=True)
            time.sleep(60)
upgrade(database)
print("done", flush=True)
"""
UPGRADING_CHILD = """
import sys
from storage.engine import Database, DatabaseSettings
from storage.migrate import check_current, upgrade
database = Database(DatabaseSettings(url=sys.argv[1]))
sys.stdin.readline()
upgrade(database)
check_current(database)
print("done", flush=True)
"""


def child(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def tables_of(database: Database) -> list[str]:
    with database.connection(writing=False) as connection:
        return sorted(inspect(connection).get_table_names())


@pytest.mark.parametrize("statements", [1, 30, 70])
def test_kill_in_the_middle_leaves_nothing_and_a_second_try_works(
    empty_database_url: str, statements: int
) -> None:
    dying = child(DYING_CHILD, empty_database_url, str(statements))
    assert dying.stdout is not None
    assert dying.stdout.readline() == "half-way\n"
    os.kill(dying.pid, signal.SIGKILL)
    dying.communicate()

    database = Database(DatabaseSettings(url=empty_database_url))
    left_behind = tables_of(database)
    migrate.upgrade(database)
    migrate.check_current(database)
    database.close()

    assert left_behind == []


def test_four_processes_upgrade_at_once(empty_database_url: str) -> None:
    children = [child(UPGRADING_CHILD, empty_database_url) for _ in range(4)]
    for each in children:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()

    answers = [each.communicate(timeout=120) for each in children]

    assert [out for out, _err in answers] == ["done\n"] * 4, [err for _out, err in answers]


def test_upgrade_of_a_current_database_changes_nothing(database: Database) -> None:
    before = tables_of(database)

    migrate.upgrade(database)

    assert tables_of(database) == before


def test_database_of_a_newer_release_is_refused(database: Database) -> None:
    with database.connection(writing=True) as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
        connection.commit()

    for refused in (migrate.upgrade, migrate.check_current):
        with pytest.raises(ConfigurationError, match="newer Regulars"):
            refused(database)


def test_empty_database_says_what_to_run(empty_database: Database) -> None:
    with pytest.raises(ConfigurationError, match="regulars init"):
        migrate.check_current(empty_database)


def test_database_of_another_program_is_left_alone(empty_database: Database) -> None:
    with empty_database.connection(writing=True) as connection:
        connection.execute(text("create table wp_posts (id integer)"))
        connection.commit()

    with pytest.raises(ConfigurationError, match="another program"):
        migrate.upgrade(empty_database)
    assert tables_of(empty_database) == ["wp_posts"]


def test_failed_step_leaves_nothing(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_connection: Connection) -> str:
        return "a row of lot names a account"

    monkeypatch.setattr(migrate, "dangling_reference", fail)
    with pytest.raises(ConfigurationError, match="was undone"):
        migrate.upgrade(empty_database)

    assert tables_of(empty_database) == []


def test_schema_goes_down_and_up_again(database: Database) -> None:
    with migrate.alone(database) as connection:
        for table in ("person", "merchant"):
            connection.execute(text(f"delete from {table}"))
        migrate.command.downgrade(migrate._config(connection), "base")
        connection.commit()
    assert tables_of(database) == ["alembic_version"]

    migrate.upgrade(database)
    migrate.check_current(database)


def test_models_are_the_migrated_schema(database: Database, empty_database: Database) -> None:
    with empty_database.schema_connection() as connection:
        metadata.create_all(connection)
        connection.commit()

    assert described(empty_database) == described(database)


def described(database: Database) -> dict[str, list[str]]:
    """Every table, column, constraint and index in the engine's own words."""
    with database.connection(writing=False) as connection:
        words = _sqlite_words if database.is_sqlite else _postgresql_words
        found = words(connection)
    return {key: sorted(value) for key, value in found.items() if "alembic" not in key}


def _sqlite_words(connection: Connection) -> dict[str, list[str]]:
    """Column by column: the text of a table differs where a later step added one."""
    found: dict[str, list[str]] = {}
    query = "select type, name, tbl_name, sql from sqlite_master where type in ('table', 'index')"
    for kind, name, table, statement in connection.execute(text(query)).all():
        words = found.setdefault(table, [])
        if kind == "index":
            words.append(" ".join((statement or name).split()))
            continue
        for line in (statement or "").splitlines():
            if line.strip().startswith("CONSTRAINT"):
                words.append(_constraint(line))
        for pragma in ("table_xinfo", "foreign_key_list"):
            rows = connection.execute(text(f"pragma {pragma}({name})")).mappings()
            words += [str({k: v for k, v in row.items() if k not in {"cid", "id"}}) for row in rows]
    return found


def _constraint(line: str) -> str:
    """A constraint's own words, without the columns that a later step wrote behind it."""
    depth = 0
    for place, letter in enumerate(line):
        depth += (letter == "(") - (letter == ")")
        if letter == ")" and depth == 0 and "REFERENCES" not in line[place:]:
            return " ".join(line[: place + 1].split())
    return " ".join(line.split())


def _postgresql_words(connection: Connection) -> dict[str, list[str]]:
    queries = (
        (
            "select table_name, concat_ws(' ', column_name, data_type, is_nullable, column_default) "
            "from information_schema.columns where table_schema = 'public'"
        ),
        (
            "select conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid) "
            "from pg_constraint where connamespace = 'public'::regnamespace"
        ),
        "select tablename, indexdef from pg_indexes where schemaname = 'public'",
    )
    found: dict[str, list[str]] = {}
    for query in queries:
        for name, words in connection.execute(text(query)):
            found.setdefault(name, []).append(words)
    return found


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("APPEND_ONLY", set(APPEND_ONLY)),
        ("MERCHANT_TABLES", set(MERCHANT_TABLES)),
        ("TABLES", set(metadata.tables)),
    ],
)
def test_frozen_lists_of_the_migrations_are_the_models_own(name: str, wanted: set[str]) -> None:
    frozen = [getattr(step.module, name) for step in migrate._scripts().walk_revisions()]

    assert set().union(*frozen) == wanted
