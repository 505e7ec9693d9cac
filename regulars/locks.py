"""One process at a time makes an installation: a lock on a file, which ends with its process.

Not here: the lock of `serve`, which refuses a second supervisor instead of waiting for the first.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

INIT_LOCK: Final = "init.lock"


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Wait until no other process makes something in this data folder, then keep others waiting."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / INIT_LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
