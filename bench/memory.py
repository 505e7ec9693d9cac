"""Memory of a worker with a million due rows, and what a claim costs there.

The rows are made whole (card, phone, registration, delivery), all of them due at once, as after a
restore. The worker is a process of its own, without a push server: a push counts when it would
leave. Runs for some minutes, so only when asked for.
"""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from bench.crowd import add_cards, add_shop
from bench.row import Row
from common.clock import SystemClock
from delivery.apns import Push
from delivery.apple_lane import AppleLane
from delivery.desk import Desk
from delivery.flow import run_lane
from delivery.outcomes import Answer, Outcome
from delivery.settings import DeliverySettings
from signing.keyring import create_keyring, load_keyring
from storage.claims import Claims
from storage.deliveries import MASS, Channel
from storage.engine import Database, DatabaseSettings
from storage.migrate import upgrade
from storage.unit_of_work import open_work
from tests.support.builders import CAFE

ROWS: Final = 1_000_000
WORK_S: Final = 20.0
URL: Final = "http://127.0.0.1:1"
CLOCK: Final = SystemClock()


def run() -> list[Row]:
    """Peak memory of the worker, and how long looking for due rows takes."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        create_keyring(folder / "keys")
        database = _database(folder)
        upgrade(database)
        with open_work(database, None, clock=CLOCK) as work:
            work.merchants.add(CAFE)
            work.commit()
        add_shop(database, CAFE.id, load_keyring(folder / "keys"))
        add_cards(database, CAFE.id, ROWS, delivered_revision=0, priority=MASS)
        look_ms = _look_ms(database)
        database.close()
        start_mb, peak_mb, pushed = _work_for_a_while(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    facts = {
        "start_mb": round(start_mb),
        "pushed_per_s": round(pushed / WORK_S),
        "rows": ROWS,
        "look_ms": round(look_ms, 1),
    }
    return [
        Row(
            name=f"memory of a worker with {ROWS} due rows",
            baseline="none",
            goal=120.0,
            measured=peak_mb,
            more_is_better=False,
            unit="MB",
            facts=facts,
        )
    ]


def _look_ms(database: Database) -> float:
    took = []
    for _look in range(5):
        start_s = time.perf_counter()
        with open_work(database, None, clock=CLOCK, writing=False) as work:
            assert Claims(work.scope).due([Channel.APPLE], limit=256)
        took.append((time.perf_counter() - start_s) * 1000)
    return min(took)


def _database(folder: Path) -> Database:
    return Database(DatabaseSettings(url=f"sqlite:///{folder}/bench.db"))


def _work_for_a_while(folder: Path) -> tuple[float, float, int]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(str(folder), theirs), daemon=True)
    process.start()
    start_mb, peak_mb, pushed = ours.recv()
    process.join(10)
    process.kill()
    return start_mb, peak_mb, pushed


class _Counter:
    """Takes every push."""

    def __init__(self) -> None:
        self.pushed = 0

    def send(self, pushes: Sequence[Push], *, stop: threading.Event) -> list[Answer]:  # noqa: ARG002
        self.pushed += len(pushes)
        return [Answer(outcome=Outcome.DELIVERED) for _push in pushes]

    def close(self) -> None: ...


def _work(folder: str, told: Connection) -> None:
    place = Path(folder)
    desk = Desk(
        settings=DeliverySettings(public_url=URL),
        database=_database(place),
        clock=CLOCK,
        keyring=load_keyring(place / "keys"),
    )
    counter = _Counter()
    start_mb = _peak_mb()
    lane = threading.Thread(
        target=run_lane, args=(desk, lambda one: AppleLane(one, counter), [Channel.APPLE])
    )
    lane.start()
    desk.stop.wait(WORK_S)
    desk.stop.set()
    lane.join()
    told.send((start_mb, _peak_mb(), counter.pushed))


def _peak_mb() -> float:
    # Not getrusage: what that tells of a process was inherited from the one that started it.
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
