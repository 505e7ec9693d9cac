"""`upgrade`: bring the database to this release while processes of the older one work on."""

from __future__ import annotations

from typing import Final

import click

from common.clock import SystemClock
from common.errors import ConfigurationError, Conflict
from regulars.commands.frame import Desk, framed
from regulars.installation import open_database, refuse_empty_place
from storage.engine import Database
from storage.migrate import Plan, plan, upgrade
from storage.signs_of_life import Running, older_workers, running
from storage.unit_of_work import open_work

NAMES_MAX: Final = 5


@click.command("upgrade")
@click.option("--check", is_flag=True, help="Only say what would be done.")
@framed
def upgrade_command(desk: Desk, *, check: bool) -> None:
    """Bring the database's tables to this release; once, from one machine, before the others.

    Processes of the release before may go on meanwhile, unless a step contracts: then they must
    be stopped first, and this says so.
    """
    refuse_empty_place(desk.settings)
    database = open_database(desk.settings)
    todo = plan(database)
    if todo.found is None:
        raise ConfigurationError("The database is empty; run `regulars init` first.")
    if not check and todo.steps:
        _refuse_older_workers(database, todo)
        upgrade(database)
    present = _running(database)
    database.close()
    facts = {**_facts(todo, done=not check), "running": {one.name: one.schema for one in present}}
    desk.console.show(facts, *_lines(todo, done=not check), *_running_lines(todo, present))


def _running(database: Database) -> list[Running]:
    """Who works on the database now; a release too old to know of signs of life has none."""
    with open_work(database, None, clock=SystemClock(), writing=False) as work:
        return running(work.scope)


def _running_lines(todo: Plan, present: list[Running]) -> list[str]:
    if not present:
        return ["No process of it was seen in the last minute."]
    lines = ["Seen in the last minute:"]
    for one in present:
        old = "" if one.schema >= todo.wanted else "  an older release"
        lines.append(f"  {one.name}  made for revision {one.schema}{old}")
    return lines


def _refuse_older_workers(database: Database, todo: Plan) -> None:
    """A step that takes something away would break a process that still uses it."""
    if not todo.contracts:
        return
    with open_work(database, None, clock=SystemClock(), writing=False) as work:
        names = older_workers(work.scope, than=todo.works_from)
    if names:
        raise Conflict(
            f"Step {todo.contracts[0]} takes away what an older release uses, and its workers still "
            f"run: {', '.join(names[:NAMES_MAX])}. Bring every process to the release before this "
            "one, wait a minute, and try again."
        )


def _facts(todo: Plan, *, done: bool) -> dict[str, object]:
    return {
        "from": todo.found,
        "to": todo.wanted if todo.steps else todo.found,
        "steps": list(todo.steps),
        "contracts": list(todo.contracts),
        "works_from": todo.works_from,
        "done": done,
    }


def _lines(todo: Plan, *, done: bool) -> list[str]:
    if not todo.steps:
        return [f"The database is at revision {todo.found}; there is nothing to do."]
    moved = "is now at" if done else "would be brought to"
    told = f"The database {moved} revision {todo.wanted} (from {todo.found})."
    if todo.contracts:
        return [told, f"Releases older than revision {todo.works_from} must not run on it."]
    return [told, "Processes of the release before may go on; restart them one by one."]


COMMANDS = (upgrade_command,)
