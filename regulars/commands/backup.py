"""`backup` and `restore`: one archive for both engines."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

from common.clock import SystemClock
from common.errors import ConfigurationError, InvalidInput
from regulars.commands.frame import Desk, framed
from regulars.erasures import erase_again, note_erasures
from regulars.installation import read_keyring
from signing.keyring import export_keyring, import_keyring, save_keyring
from storage.archive import ArchiveSummary, inspect_archive, read_archive, write_archive
from storage.engine import Database, DatabaseSettings

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
PASSPHRASE: Final = "REGULARS_BACKUP_PASSPHRASE"  # noqa: S105 - the variable's name
PASSPHRASE_FILE_MAX: Final = 16 * 1024


@click.command("backup")
@click.argument("file", type=_FILE)
@click.option("--with-keys", is_flag=True, help="Put the keys in too, sealed under a passphrase.")
@framed
def backup(desk: Desk, file: Path, *, with_keys: bool) -> None:
    """Write everything as it is at this moment into FILE, while tills work on.

    Keys stay out unless you say so: without them the archive opens no secret, and without a copy
    of them no card can be brought back. The passphrase is asked for, or taken from
    REGULARS_BACKUP_PASSPHRASE, or from the file that REGULARS_BACKUP_PASSPHRASE_FILE names.
    """
    installation = desk.open()
    note_erasures(installation)
    sealed = None
    if with_keys:
        sealed = export_keyring(installation.keyring, _passphrase(confirm=True))
    done = write_archive(installation.database, file, clock=SystemClock(), sealed_keys=sealed)
    about_keys = (
        "The keys are in it, sealed under your passphrase."
        if with_keys
        else f"The keys are NOT in it: keep a copy of {desk.settings.keys} elsewhere."
    )
    desk.console.show(
        {**_facts(file, done), "with_keys": with_keys, "keys": str(desk.settings.keys)},
        f"{file}: {sum(done.rows.values())} rows.",
        about_keys,
    )


@click.command("restore")
@click.argument("file", type=_FILE)
@framed
def restore(desk: Desk, file: Path) -> None:
    """Fill an empty place from FILE: a new data folder, or an empty PostgreSQL database.

    Every phone is asked to come and look afterwards, everybody signs in again. Keys in the archive
    are opened with the passphrase where the key folder is empty.
    """
    summary = inspect_archive(file)
    _bring_keys(desk, summary)
    settings = desk.settings
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(DatabaseSettings(url=settings.database_url))
    done = read_archive(database, file, clock=SystemClock())
    erased = erase_again(settings)
    desk.console.show(
        {**_facts(file, done), "erased_again": erased},
        f"{sum(done.rows.values())} rows of {done.created_at} are back in {settings.data}.",
        *([f"{erased} member(s) who were erased since are erased again."] if erased else []),
        "Run `regulars verify`, then `regulars serve`: every phone is brought up to date.",
    )


def _bring_keys(desk: Desk, summary: ArchiveSummary) -> None:
    """Make sure the keys are there before anything is filled: without them it is all unreadable."""
    settings = desk.settings
    environment = settings.environment
    if environment.master_key or environment.derivation_key or settings.keys.exists():
        read_keyring(settings)
        return
    if summary.sealed_keys is None:
        raise ConfigurationError(
            f"The keys are not in this archive and not in {settings.keys}. "
            "Put your copy of the key folder there first."
        )
    save_keyring(import_keyring(summary.sealed_keys, _passphrase(confirm=False)), settings.keys)


def _passphrase(*, confirm: bool) -> str:
    given = os.environ.get(PASSPHRASE, "") or _from_file(os.environ.get(f"{PASSPHRASE}_FILE", ""))
    if given:
        return given
    if not sys.stdin.isatty():
        raise InvalidInput(f"Give the passphrase in {PASSPHRASE}.", field="passphrase")
    typed: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return typed


def _from_file(name: str) -> str:
    if not name:
        return ""
    try:
        with Path(name).open(encoding="utf-8") as file:
            return file.read(PASSPHRASE_FILE_MAX).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{PASSPHRASE}_FILE: {name} cannot be read.") from error


def _facts(file: Path, done: ArchiveSummary) -> dict[str, object]:
    return {"file": str(file), "created_at": done.created_at, "rows": dict(done.rows)}


COMMANDS = (backup, restore)
