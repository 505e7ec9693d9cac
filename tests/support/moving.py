"""A move in a process of its own, which kills itself at one of its steps.

python -m tests.support.moving SOURCE TARGET STEP
"""

from __future__ import annotations

import os
import signal
import sys

from common.clock import SystemClock
from storage.engine import Database, DatabaseSettings
from storage.move_engine import move_engine


def main() -> None:
    source, target, deadly = sys.argv[1:]

    def tell(step: str, _rows: int) -> None:
        if step == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    places = [Database(DatabaseSettings(url=url)) for url in (source, target)]
    move_engine(*places, clock=SystemClock(), tell=tell)


if __name__ == "__main__":
    main()
