"""The list of erasures beside the data folder, so that an older backup brings nobody back.

Lines of JSON in `<data>.erasures`: merchant's id, member's id. It names nobody. Not done here:
erasing (loyalty), erasing again after a restore (erasures.py).

Rules: the database says who was erased, and the file is brought up to it after each erasure and
before each backup. Take it along when the machine changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from common.errors import ConfigurationError
from loyalty.context import Loyalty
from loyalty.merchants import list_merchants
from regulars.settings import Settings
from storage.unit_of_work import open_work

Pair = tuple[int, int]


def list_path(settings: Settings) -> Path:
    """Where the list lies."""
    return settings.data.with_name(settings.data.name + ".erasures")


def bring_up(settings: Settings, ctx: Loyalty) -> None:
    """Bring the list up to what the database says.

    Raises:
        OSError: it cannot be written.
    """
    path = list_path(settings)
    missing = [pair for pair in _stored(ctx) if pair not in set(listed(path))]
    if not missing:
        return
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        for merchant_id, member_id in missing:
            file.write(json.dumps({"merchant": merchant_id, "member": member_id}) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _stored(ctx: Loyalty) -> Iterator[Pair]:
    for merchant in list_merchants(ctx):
        with open_work(ctx.database, merchant.id, clock=ctx.clock, writing=False) as work:
            yield from ((merchant.id, member_id) for member_id in work.members.erased())


def listed(path: Path) -> Iterator[Pair]:
    """Who is on the list.

    Raises:
        ConfigurationError: it is damaged.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            yield int(entry["merchant"]), int(entry["member"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"Line {number} of {path} cannot be read. Mend or remove that line: it is the list "
                "of who must stay erased."
            ) from error
