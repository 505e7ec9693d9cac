"""One seed in a process of many: its folder in memory, and the template every seed copies."""

from __future__ import annotations

import logging
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tests.simulation.shop import Report, Template, make_template, simulate

MEMORY = Path("/dev/shm")


@cache
def _template() -> Template:
    return make_template(_folder("template"))


def _folder(name: str) -> Path:
    where = MEMORY if MEMORY.is_dir() else None
    return Path(tempfile.mkdtemp(prefix=f"regulars-{name}-", dir=where))


def run_seed(seed: int) -> tuple[int, Report | None, str]:
    """What the seed's run was, or why it broke a rule; its folder is removed."""
    # What the lanes could not do is the point of a run, and told by its notes.
    logging.getLogger("regulars").setLevel(logging.CRITICAL)
    template, folder = _template(), _folder("seed")
    try:
        return seed, simulate(seed, template, folder), ""
    except AssertionError as error:
        return seed, None, str(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
