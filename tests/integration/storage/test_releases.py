"""Old and new code on one database: a newer release may add, and the older one goes on.

The newer releases are copies of this one with more steps, run as processes of their own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event

from common.clock import SystemClock
from common.errors import ConfigurationError
from loyalty.context import Loyalty
from storage import migrate
from storage.archive import write_archive
from storage.engine import Database
from storage.signs_of_life import beat, older_workers
from storage.tables import worker_heartbeat
from storage.unit_of_work import open_work
from storage.verify import verify
from tests.support.builders import Merchants
from tests.support.shop import a_busy_shop, buy

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("common", "ledger", "passes", "signing", "storage")
EXPANDS = """
from alembic import op
import sqlalchemy as sa
revision = "9000"
down_revision = {before!r}
branch_labels = None
depends_on = None
def upgrade():
    op.add_column("member", sa.Column("nickname", sa.Text(), nullable=True))
    op.add_column("sale", sa.Column("channel", sa.Text(), nullable=False, server_default="till"))
    op.create_table("nickname_history", sa.Column("id", sa.BigInteger(), primary_key=True))
def downgrade():
    pass
"""
CONTRACTS = """
from alembic import op
revision = "9001"
down_revision = "9000"
branch_labels = None
depends_on = None
WORKS_FROM = "9000"
def upgrade():
    op.drop_table("nickname_history")
def downgrade():
    pass
"""
UPGRADE = """
import sys
from storage.engine import Database, DatabaseSettings
from storage.migrate import check_current, plan, upgrade
database = Database(DatabaseSettings(url=sys.argv[1]))
print(",".join(plan(database).contracts) or "-", flush=True)
upgrade(database)
check_current(database)
"""
# What an expanding step may say; anything else needs WORKS_FROM. Without an index older code is
# slower at worst.
ADDS = re.compile(
    r"\s*(create (table|(unique )?index|trigger|policy|or replace function|function)"
    r"|alter table \S+ add column|alter table \S+ (enable|force) row level security"
    r"|drop index|insert into|update alembic_version|select|pragma|delete from alembic_version)",
    re.IGNORECASE,
)


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """The release after this one: it adds two columns and a table."""
    place = tmp_path / "next"
    for room in ROOMS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, place / room, ignore=ignored)
    (_versions(place) / "9000_next.py").write_text(EXPANDS.format(before=migrate.head()))
    return place


@pytest.fixture
def release_after_that(tmp_path: Path, next_release: Path) -> Path:
    """Two releases on: it takes away what only `next_release` knew."""
    place = tmp_path / "after"
    shutil.copytree(next_release, place)
    (_versions(place) / "9001_after.py").write_text(CONTRACTS)
    return place


def _versions(place: Path) -> Path:
    return place / "storage" / "migrations" / "versions"


def upgrade_with(release: Path, database: Database) -> str:
    """Upgrade as that release does; returns the contracting steps it named."""
    done = subprocess.run(
        [sys.executable, "-c", UPGRADE, database.url],
        cwd=release,
        env={"PYTHONPATH": str(release), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_older_code_works_on_and_starts_again_after_a_newer_release_expanded(
    ctx: Loyalty, merchants: Merchants, next_release: Path
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)

    assert upgrade_with(next_release, ctx.database) == "-"

    ctx.clock.advance(seconds=1)  # type: ignore[attr-defined]
    buy(ctx, shop, shop.member_ids[0], amount_minor=999)
    migrate.check_current(ctx.database)
    migrate.upgrade(ctx.database)  # `serve` of the older release, started again
    assert verify(ctx.database) == []
    with ctx.database.connection(writing=False) as connection:
        assert migrate.revision(connection) == "9000"


def test_older_code_makes_no_backup_of_what_it_does_not_know(
    ctx: Loyalty, next_release: Path, tmp_path: Path
) -> None:
    upgrade_with(next_release, ctx.database)

    with pytest.raises(ConfigurationError, match="newer Regulars"):
        write_archive(ctx.database, tmp_path / "half.zip", clock=ctx.clock)


def test_older_code_is_refused_once_a_newer_release_contracted(
    ctx: Loyalty, next_release: Path, release_after_that: Path
) -> None:
    upgrade_with(next_release, ctx.database)

    assert upgrade_with(release_after_that, ctx.database) == "9001"

    for refused in (migrate.check_current, migrate.upgrade):
        with pytest.raises(ConfigurationError, match="newer Regulars"):
            refused(ctx.database)


def test_the_release_in_between_is_not_refused(
    ctx: Loyalty, next_release: Path, release_after_that: Path
) -> None:
    upgrade_with(release_after_that, ctx.database)

    assert upgrade_with(next_release, ctx.database) == "-"


def test_newer_code_waits_for_the_upgrade(ctx: Loyalty, next_release: Path) -> None:
    check = UPGRADE.replace("upgrade(database)\n", "")
    done = subprocess.run(
        [sys.executable, "-c", check, ctx.database.url],
        cwd=next_release,
        env={"PYTHONPATH": str(next_release), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert "run `regulars upgrade`" in done.stderr


def test_a_worker_of_an_older_release_is_known_by_its_sign_of_life(
    database: Database, merchants: Merchants
) -> None:
    clock = SystemClock()
    with open_work(database, None, clock=clock) as work:
        beat(work.scope, "here-1", {"rows": 3})
        work.scope.insert_new(
            worker_heartbeat, name="there-2", seen_at=clock.now(), facts={"schema": "0001"}
        )
        work.commit()

    with open_work(database, None, clock=clock, writing=False) as work:
        assert older_workers(work.scope, than=migrate.head()) == ["there-2"]


def test_a_step_that_takes_away_says_from_where_it_works(empty_database: Database) -> None:
    """Every step without WORKS_FROM only adds; the first release has none before it."""
    said: list[tuple[str, str]] = []
    with migrate.alone(empty_database) as connection:

        @event.listens_for(connection, "before_cursor_execute")
        def _note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            said.append((step.revision, statement))

        for step in list(migrate._scripts().walk_revisions())[::-1]:
            migrate.command.upgrade(migrate._config(connection), step.revision)
        contracting = {
            step.revision
            for step in migrate._scripts().walk_revisions()
            if migrate._works_from(step)
        }
        connection.rollback()

    takes = [
        (revision, " ".join(statement.split())[:80])
        for revision, statement in said
        if revision not in contracting | {migrate.BASE} and not ADDS.match(statement)
    ]
    assert takes == []


def test_a_current_database_has_nothing_to_do(database: Database) -> None:
    found = migrate.plan(database)

    assert found.found == found.wanted == migrate.head()
    assert found.steps == ()


def test_an_empty_place_has_every_step_before_it(empty_database: Database) -> None:
    found = migrate.plan(empty_database)

    assert found.found is None
    assert found.steps[0] == migrate.BASE
    assert found.steps[-1] == migrate.head()
