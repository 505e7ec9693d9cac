"""`migrate-engine`: move a running shop from SQLite to PostgreSQL, or back."""

from __future__ import annotations

from typing import Final

import click

from common.clock import SystemClock
from regulars.commands.frame import Desk, framed
from regulars.installation import open_database, refuse_empty_place
from regulars.settings import PREFIX
from storage.engine import Database, DatabaseSettings
from storage.move_engine import Move, Tell, move_engine, take_back

STEPS: Final = {
    "begun": "The books are true. Writing stops now; tills answer 'try again', pages go on.",
    "compared": "Every row was read back and is the same.",
    "verified": "Every sum agrees in the new database.",
    "left": "The old database takes no write any more.",
    "opened": "The new database is open.",
}
NEXT: Final = (
    f"Now set {PREFIX}DATABASE_URL to the new database on every machine and start them again.",
    "Keep the old database until you are content; it refuses every write.",
)


@click.command("migrate-engine")
@click.option("--to", "to", help="The new database, postgresql://… or sqlite:////absolute/path.db.")
@click.option("--undo", is_flag=True, help="Open the old place again; the new one must stay shut.")
@framed
def migrate_engine(desk: Desk, *, to: str | None, undo: bool) -> None:
    """Move everything to another database engine, prove it, and shut the old place.

    The present database is the one of the settings. Keys, data folder and public address stay.
    Tills cannot earn while rows are copied (about twenty seconds for 100 000 sales); everything
    can be looked at. Killed at any moment, run it again. A password may stand in ~/.pgpass.
    """
    if undo == (to is not None):
        raise click.UsageError("Give --to with the new database, or --undo.")
    refuse_empty_place(desk.settings)
    source = open_database(desk.settings)
    try:
        if to is None:
            _undo(desk, source)
        else:
            _move(desk, source, to)
    finally:
        source.close()


def _move(desk: Desk, source: Database, to: str) -> None:
    target = Database(DatabaseSettings(url=to))
    try:
        done = move_engine(source, target, clock=SystemClock(), tell=_teller(desk))
    finally:
        target.close()
    desk.console.show(_facts(done), *_lines(done), *NEXT)


def _undo(desk: Desk, source: Database) -> None:
    take_back(source, clock=SystemClock())
    desk.console.show(
        {"undone": True},
        "The old database is open again, as after a restore: every phone is asked to come and look.",
        "What was written in the new one since is not in it. Never start the new one again.",
    )


def _teller(desk: Desk) -> Tell:
    def tell(step: str, rows: int) -> None:
        if step in STEPS:
            desk.console.note(STEPS[step])
        elif rows:
            desk.console.note(f"  {step}: {rows} rows")

    return tell


def _facts(done: Move) -> dict[str, object]:
    return {
        "from": done.source,
        "to": done.target,
        "rows": done.rows,
        "stopped_s": done.stopped_s,
        "again": done.again,
    }


def _lines(done: Move) -> list[str]:
    if done.again:
        return [f"An earlier run had copied everything to {done.target}; it is open."]
    total = sum(done.rows.values())
    return [
        f"{total} rows are in {done.target}; nobody could write for {done.stopped_s} s.",
    ]


COMMANDS = (migrate_engine,)
