"""Ends the test server of a run that was killed: waits for a process's end, then clears its folder.

    python -m tests.support.undertaker OWNER_PID FOLDER

A run that ends well has removed its folder by then, and there is nothing left to do.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
from pathlib import Path


def main() -> None:
    owner, folder = int(sys.argv[1]), Path(sys.argv[2])
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(owner)
        select.select([handle], [], [])
    bury(folder)


def bury(folder: Path) -> None:
    """Kill the server that runs in `folder`, if any, and remove the folder."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        server = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        # The number may be another process's by now; ours names its folder.
        if str(folder) in Path(f"/proc/{server}/cmdline").read_bytes().decode():
            os.kill(server, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
