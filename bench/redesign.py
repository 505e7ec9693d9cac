"""A new design of 100 000 cards: whether another shop's scan, and its till, notice it.

The worker is a process of its own, as in `regulars serve`; only the push server is left out: a
push counts when it would leave. Runs for some minutes, so only when asked for;
REGULARS_BENCH_REDESIGN is how many cards are redesigned.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from bench.crowd import add_cards, add_shop
from bench.row import Row
from common.actor import SYSTEM
from common.clock import SystemClock
from common.ids import new_id
from delivery.apns import Push
from delivery.apple_lane import AppleLane
from delivery.desk import Desk
from delivery.flow import run_lane
from delivery.outcomes import Answer, Outcome
from delivery.settings import DeliverySettings
from delivery.slices import move_slice
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from signing.keyring import create_keyring, load_keyring
from storage.deliveries import Channel
from storage.engine import Database, DatabaseSettings
from storage.mass_changes import MassChanges
from storage.migrate import upgrade
from storage.unit_of_work import open_work, run_work
from tests.support import builders
from tests.support.builders import CAFE, GYM

CARDS: Final = int(os.environ.get("REGULARS_BENCH_REDESIGN", "100000"))
SCANS: Final = 100
SCAN_EVERY_S: Final = 0.1
TILL_S: Final = 8.0
TILL_RATE: Final = 50.0
TILL_THREADS: Final = 8
WAIT_S: Final = 10.0
MARK: Final = "bb"
URL: Final = "http://127.0.0.1:1"
CLOCK: Final = SystemClock()


def run() -> list[Row]:
    """Another shop's commit to push, and its till, idle and beside the redesign."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        ctx, programme_id, cards = _furnish(folder)
        rest = [member for member, _token in cards[2 * SCANS :]]
        before = _till_p99_ms(ctx, rest)
        with _worker(folder) as pushed:
            idle = _scans(ctx, cards[:SCANS], pushed)
            run_work(
                ctx.database,
                CAFE.id,
                lambda work: work.deliveries.bump_programme(programme_id, reason="design"),
                clock=CLOCK,
            )
            time.sleep(2.0)
            beside = _scans(ctx, cards[SCANS : 2 * SCANS], pushed)
            busy = _till_p99_ms(ctx, rest)
        moved = _moved(ctx)
        ctx.database.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _rows(idle, beside, before=before, busy=busy, moved=moved)


def _rows(
    idle: list[float], beside: list[float], *, before: float, busy: float, moved: int
) -> list[Row]:
    p95, idle_p95 = _percentile(beside, 95), _percentile(idle, 95)
    facts = {"idle_p95_ms": round(idle_p95, 1), "p95_ms": round(p95, 1), "cards_moved": moved}
    till = {"alone_p99_ms": round(before, 1), "p99_ms": round(busy, 1)}
    return [
        Row(
            name=f"redesign of {CARDS} cards: another shop's commit to push, p95",
            baseline="idle worker",
            goal=2.0,
            measured=p95 / idle_p95,
            more_is_better=False,
            facts=facts,
        ),
        Row(
            name="till at 50 scans/s with the worker busy, p99",
            baseline="no worker",
            goal=1.5,
            measured=busy / before,
            more_is_better=False,
            facts=till,
        ),
    ]


def _furnish(folder: Path) -> tuple[Loyalty, int, list[tuple[int, str]]]:
    create_keyring(folder / "keys")
    keyring = load_keyring(folder / "keys")
    database = _database(folder)
    upgrade(database)
    with open_work(database, None, clock=CLOCK) as work:
        work.merchants.add(CAFE)
        work.merchants.add(GYM)
        work.commit()
    ctx = builders.a_context(database, CLOCK, keyring)
    programme_id = add_shop(database, CAFE.id, keyring)
    add_cards(database, CAFE.id, CARDS)
    add_shop(database, GYM.id, keyring)
    cards = add_cards(database, GYM.id, 3 * SCANS, token=MARK)
    return ctx, programme_id, cards


def _database(folder: Path) -> Database:
    return Database(DatabaseSettings(url=f"sqlite:///{folder}/bench.db"))


def _earn(ctx: Loyalty, member_id: int) -> None:
    request = EarnRequest(
        member_id=member_id,
        amount_minor=1240,
        visits=None,
        actor=SYSTEM,
        idempotency_key=f"bench-{new_id()}",
    )
    earn(ctx, GYM.id, request)


def _scans(ctx: Loyalty, cards: Sequence[tuple[int, str]], pushed: Connection) -> list[float]:
    """Milliseconds from commit to push, one scan after another."""
    found = []
    for member_id, token in cards:
        _earn(ctx, member_id)
        committed_s = time.monotonic()
        found.append((_wait_for(pushed, token) - committed_s) * 1000)
        time.sleep(SCAN_EVERY_S)
    return found


def _wait_for(pushed: Connection, token: str) -> float:
    end_s = time.monotonic() + WAIT_S
    while pushed.poll(max(0.0, end_s - time.monotonic())):
        seen, at_s = pushed.recv()
        if seen == token:
            return float(at_s)
    raise RuntimeError("the worker did not push in time")


def _till_p99_ms(ctx: Loyalty, members: Sequence[int]) -> float:
    """An open loop: scans come at their times, whether or not the one before is answered."""
    start_s = time.monotonic() + 0.1
    found: list[float] = []

    def till(number: int) -> None:
        for scan in range(number, int(TILL_S * TILL_RATE), TILL_THREADS):
            due_s = start_s + scan / TILL_RATE
            time.sleep(max(0.0, due_s - time.monotonic()))
            _earn(ctx, members[scan % len(members)])
            found.append((time.monotonic() - due_s) * 1000)

    threads = [threading.Thread(target=till, args=(number,)) for number in range(TILL_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _percentile(found, 99)


def _moved(ctx: Loyalty) -> int:
    with open_work(ctx.database, CAFE.id, clock=CLOCK, writing=False) as work:
        return MassChanges(work.scope).lines()[0].moved


def _percentile(found: Sequence[float], percent: int) -> float:
    return statistics.quantiles(found, n=100, method="inclusive")[percent - 1]


class _Recorder:
    """Takes every push; those of the shop we look at are told."""

    def __init__(self, told: Connection) -> None:
        self._told = told

    def send(self, pushes: Sequence[Push], *, stop: threading.Event) -> list[Answer]:  # noqa: ARG002
        now_s = time.monotonic()
        for push in pushes:
            if push.push_token.startswith(MARK):
                self._told.send((push.push_token, now_s))
        return [Answer(outcome=Outcome.DELIVERED) for _push in pushes]

    def close(self) -> None: ...


@contextmanager
def _worker(folder: Path) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    stop = context.Event()
    process = context.Process(target=_work, args=(str(folder), theirs, stop), daemon=True)
    process.start()
    try:
        assert ours.recv() == "ready"
        yield ours
    finally:
        stop.set()
        process.join(10)
        process.kill()


def _work(folder: str, told: Connection, stop: Any) -> None:
    place = Path(folder)
    desk = Desk(
        settings=DeliverySettings(public_url=URL),
        database=_database(place),
        clock=CLOCK,
        keyring=load_keyring(place / "keys"),
    )
    lane = threading.Thread(
        target=run_lane,
        args=(desk, lambda one: AppleLane(one, _Recorder(told)), [Channel.APPLE]),
    )
    lane.start()
    told.send("ready")
    while not stop.wait(desk.settings.slice_every_s):
        move_slice(desk)
    desk.stop.set()
    lane.join()
