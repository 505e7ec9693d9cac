"""Very many lots that end in one run: how long, in how much memory, with progress shown.

    python -m bench --only expiring        (REGULARS_BENCH_LOTS=1000000 is the goal's size)

Time is put beside one UPDATE of as many lots by hand, which writes no book; memory beside what the
process held when the first slice was done.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from datetime import timedelta
from typing import Final

from bench.earn import open_database
from bench.filling import fill
from bench.row import Row
from common.clock import ManualClock, to_micros
from loyalty.context import Loyalty, LoyaltySettings
from loyalty.expire import ExpireProgress, expire
from signing.keyring import new_keyring
from storage.engine import Database
from storage.migrate import upgrade
from storage.unit_of_work import open_work
from tests.support.builders import CAFE, START
from tests.support.counter import Shop, a_shop

LOTS: Final = int(os.environ.get("REGULARS_BENCH_LOTS", "20000"))
LOTS_A_MEMBER: Final = 10
SLOWER_GOAL: Final = 60.0
MEMORY_GOAL: Final = 1.5
TOLD_EVERY: Final = 20_000
BY_HAND: Final = """
update lot set expires_at = expires_at + 1 where merchant_id = 101 and remaining > 0
"""


def run() -> list[Row]:
    """Both engines."""
    rows = []
    for engine in ("sqlite", "postgresql"):
        with open_database(engine) as database:
            rows += _measure(database, engine)
    return rows


def _measure(database: Database, engine: str) -> list[Row]:
    clock = ManualClock(START)
    shop = _shop(database, clock)
    by_hand_s = _by_hand(database)
    clock.advance(days=2)
    settings = LoyaltySettings(public_url="http://127.0.0.1:1", google_save_url="")
    ctx = Loyalty(database=database, clock=clock, keyring=new_keyring(), settings=settings)
    seen: list[int] = []

    def tell(progress: ExpireProgress) -> None:
        seen.append(_memory_mb())
        if progress.lots // TOLD_EVERY != (progress.lots - LOTS_A_MEMBER * 50) // TOLD_EVERY:
            print(f"  {engine}: {progress.lots} of {progress.due}", file=sys.stderr, flush=True)

    start = time.perf_counter()
    done = expire(ctx, shop.merchant_id, progress=tell)
    spent_s = time.perf_counter() - start
    if done.lots != LOTS:
        raise RuntimeError(f"{done.lots} of {LOTS} lots ended")
    return [
        Row(
            name=f"{LOTS} lots end in one run, {engine}",
            baseline="one UPDATE of as many lots by hand, without books",
            goal=SLOWER_GOAL,
            measured=spent_s / by_hand_s,
            more_is_better=False,
            facts={"lots_per_s": round(LOTS / spent_s), "seconds": round(spent_s, 1)},
        ),
        Row(
            name=f"memory at the end of {len(seen)} slices, {engine}",
            baseline="memory after the first slice",
            goal=MEMORY_GOAL,
            measured=seen[-1] / seen[0],
            more_is_better=False,
            facts={"first_mb": seen[0], "last_mb": seen[-1]},
        ),
    ]


def _shop(database: Database, clock: ManualClock) -> Shop:
    upgrade(database)
    with open_work(database, None, clock=clock) as work:
        work.merchants.add(CAFE)
        work.commit()
    shop = a_shop(database, clock)
    ends = to_micros(clock.now() + timedelta(days=1))
    members = LOTS // LOTS_A_MEMBER
    fill(database, shop, members=members, earns=LOTS_A_MEMBER, clock=clock, expires=ends)
    return shop


def _by_hand(database: Database) -> float:
    with database.connection(writing=True) as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("select set_config('regulars.merchant', '*', true)")
            connection.exec_driver_sql("set local statement_timeout = 0")
        start = time.perf_counter()
        connection.exec_driver_sql(BY_HAND)
        connection.commit()
        return time.perf_counter() - start


def _memory_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
