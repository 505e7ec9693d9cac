"""`rotate-keys`: a new master key, and everything sealed anew under it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import click

from common.actor import SYSTEM
from common.errors import Conflict
from loyalty.rotate_keys import Resealed, is_unfinished, reseal
from regulars.commands.frame import Desk, framed
from regulars.installation import Installation, keys_in_environment
from regulars.supervisor import only_one
from signing.keyring import add_master_key, drop_master_keys
from storage.unit_of_work import open_work

# A worker shows itself every five seconds.
SILENCE: Final = timedelta(seconds=15)


@click.command("rotate-keys")
@click.option(
    "--forget-old",
    is_flag=True,
    help="Remove older master keys that nothing needs any more; older backups need them.",
)
@framed
def rotate_keys(desk: Desk, *, forget_old: bool) -> None:
    """Make a new master key and seal every secret and contact anew under it.

    Stop `regulars serve` and every worker first: they know only the keys they started with. A run
    that was interrupted goes on where it was. The derivation keys stay: cards that are out are
    made of them.
    """
    with only_one(desk.settings.data):
        installation = desk.open()
        _refuse_running(installation)
        installation, added = _with_new_key(installation)
        done = reseal(installation.loyalty, actor=SYSTEM)
        forgotten = _forget(installation, done) if forget_old else ()
    desk.console.show(
        {
            "version": done.version,
            "added": added,
            "seen": done.seen,
            "changed": done.changed,
            "broken": done.broken,
            "still_needed": list(done.still_needed),
            "forgotten": list(forgotten),
        },
        *_lines(installation, done, added=added, forgotten=forgotten),
    )


def _refuse_running(installation: Installation) -> None:
    clock = installation.loyalty.clock
    with open_work(installation.database, None, clock=clock, writing=False) as work:
        seen = work.reports.worker_seen_at()
    if seen is not None and clock.now() - seen < SILENCE:
        raise Conflict("A worker was here a moment ago. Stop every worker and try again in 15 s.")


def _with_new_key(installation: Installation) -> tuple[Installation, bool]:
    """The installation with a newer master key, unless a run has to be finished first."""
    if keys_in_environment(installation.settings) or is_unfinished(installation.loyalty):
        return installation, False
    keyring = add_master_key(installation.settings.keys)
    loyalty = replace(installation.loyalty, keyring=keyring)
    return replace(installation, keyring=keyring, loyalty=loyalty), True


def _forget(installation: Installation, done: Resealed) -> tuple[int, ...]:
    if keys_in_environment(installation.settings):
        return ()
    unneeded = set(installation.keyring.master) - {done.version, *done.still_needed}
    drop_master_keys(installation.settings.keys, unneeded)
    return tuple(sorted(unneeded))


def _lines(
    installation: Installation, done: Resealed, *, added: bool, forgotten: tuple[int, ...]
) -> list[str]:
    lines = [
        f"{done.changed} of {done.seen} sealed values now lie under master key {done.version}."
    ]
    if added:
        lines.append(f"Copy {installation.settings.keys} to a safe place: this key is new.")
    elif keys_in_environment(installation.settings):
        lines.append("The keys come from the environment: add a newer one there to rotate again.")
    if done.broken:
        lines.append(f"{done.broken} value(s) could not be opened and were left as they are.")
    if done.still_needed:
        older = ", ".join(map(str, done.still_needed))
        lines.append(f"Master key {older} is still needed (PINs until they are set anew).")
    if forgotten:
        lines.append(f"Forgotten: {', '.join(map(str, forgotten))}. Older backups need them.")
    return lines


COMMANDS = (rotate_keys,)
