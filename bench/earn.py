"""Earns per second through the use case against the same statements by hand, on both engines.

    python bench/earn.py [--seconds 1.0] [--rounds 5] [--engine sqlite|postgresql|both]

By hand means the driver alone: the same statements with the same kind of values in one
transaction, without rules, reasons, checks or objects. Both run in turns against one database in
one process, so that the ratio survives a noisy machine; the median over the rounds counts. Then
eight threads earn at once, and their 99th percentile is put beside one thread's median.
SQLite runs with synchronous=FULL, PostgreSQL with fsync on, over its socket.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402
from sqlalchemy.engine import make_url  # noqa: E402

from common.actor import SYSTEM  # noqa: E402
from common.clock import SystemClock, to_micros  # noqa: E402
from common.ids import new_id  # noqa: E402
from ledger.limits import Limits  # noqa: E402
from loyalty.context import Loyalty, LoyaltySettings  # noqa: E402
from loyalty.earn import EarnRequest, earn  # noqa: E402
from signing.keyring import new_keyring  # noqa: E402
from storage import book_statements as sql  # noqa: E402
from storage.engine import Database, DatabaseSettings, sqlite_module  # noqa: E402
from storage.migrate import upgrade  # noqa: E402
from storage.unit_of_work import open_work  # noqa: E402
from tests.support.builders import CAFE  # noqa: E402
from tests.support.counter import Shop, a_shop  # noqa: E402
from tests.support.database import ROLE, start_postgresql  # noqa: E402

MEMBERS = 2000
TILLS = 8
LIMITS = Limits(earns_per_card_day=1_000_000)
GOALS = {"sqlite": 0.5, "postgresql": 0.4}
TAIL_GOAL = 15.0
CLOCK = SystemClock()

BUMP_PASS = """
update wallet_pass set revision = revision + 1
where merchant_id = ? and member_id = ? and voided_at is null returning id, revision
"""
RAISE_WANTED = """
update delivery set wanted_revision = ?, wanted_at = ?, due_at = ?, priority = 0
where merchant_id = ? and pass_id = ?
"""
WHO = "select set_config('regulars.merchant', %s, true)"


def main() -> None:
    options = _options()
    for engine in ("sqlite", "postgresql") if options.engine == "both" else (options.engine,):
        with open_database(engine) as database:
            print(json.dumps(measure(database, engine, options)), flush=True)


def measure(database: Database, engine: str, options: argparse.Namespace) -> dict[str, Any]:
    shop = fill(database)
    ctx = context(database)
    one_by_use_case = by_use_case(ctx, shop)
    one_by_hand = by_hand(database, shop)
    for warm_up in (one_by_use_case, one_by_hand):
        rate(warm_up, options.seconds / 2)
    rounds = [
        (rate(one_by_use_case, options.seconds), rate(one_by_hand, options.seconds))
        for _ in range(options.rounds)
    ]
    ratio = statistics.median(ours / hand for ours, hand in rounds)
    alone = _latencies(one_by_use_case, 1, options.seconds)
    together = _latencies(one_by_use_case, TILLS, options.seconds * 2)
    p50 = statistics.median(alone)
    p99 = statistics.quantiles(together, n=100)[98]
    return {
        "engine": engine,
        "earns_per_s": round(statistics.median(ours for ours, _ in rounds)),
        "by_hand_per_s": round(statistics.median(hand for _, hand in rounds)),
        "ratio": round(ratio, 2),
        "goal": GOALS[engine],
        "one_till_p50_ms": round(p50 * 1000, 2),
        "eight_tills_p99_ms": round(p99 * 1000, 2),
        "tail_ratio": round(p99 / p50, 1),
        "tail_goal": TAIL_GOAL if engine == "sqlite" else None,
    }


def by_use_case(ctx: Loyalty, shop: Shop) -> Callable[[], None]:
    members = itertools.cycle(shop.members)
    keys = itertools.count()
    salt = new_id()

    def one() -> None:
        request = EarnRequest(
            member_id=next(members),
            amount_minor=1240,
            visits=None,
            actor=SYSTEM,
            idempotency_key=f"{salt}-{next(keys)}",
        )
        earn(ctx, shop.merchant_id, request, limits=LIMITS)

    return one


def by_hand(database: Database, shop: Shop) -> Callable[[], None]:
    if database.is_sqlite:
        path = make_url(database.url).database
        raw = sqlite_module().connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
            raw.execute(f"PRAGMA {pragma}")
        return _hand_statements(raw.execute, shop, begin="BEGIN IMMEDIATE", mark="?")
    connection = psycopg.connect(database.url, autocommit=True)
    return _hand_statements(connection.execute, shop, begin="BEGIN", mark="%s")


def _hand_statements(
    run: Callable[..., Any], shop: Shop, *, begin: str, mark: str
) -> Callable[[], None]:
    merchant = shop.merchant_id
    members = itertools.cycle(shop.members)
    keys = itertools.count()
    salt = new_id()
    on_postgresql = mark != "?"
    standing, sale, operation, transfer, lot, balance, bump, wanted = (
        text.replace("?", mark)
        for text in (
            sql.LOCK_STANDING if on_postgresql else sql.STANDING,
            sql.INSERT_SALE,
            sql.INSERT_OPERATION,
            sql.INSERT_TRANSFER,
            sql.INSERT_LOT,
            sql.MOVE_BALANCE,
            BUMP_PASS,
            RAISE_WANTED,
        )
    )
    reason = json.dumps(dict.fromkeys("abcdefghijk", 1240))
    notify = "returning id, revision", "returning id, revision, pg_notify('bench', '')"
    bump = bump.replace(*notify) if on_postgresql else bump

    def one() -> None:
        member, key, now = next(members), f"{salt}-{next(keys)}", to_micros(CLOCK.now())
        sale_id, operation_id = new_id(), new_id()
        run(begin)
        if on_postgresql:
            run(WHO, (str(merchant),))
        row = run(
            standing, (key, "till", key, "earn", 999_999, "issued", merchant, member)
        ).fetchone()
        run(
            sale,
            (merchant, sale_id, None, None, None, member, "till", key, now, "EUR", 1240, 1240, now),
        )
        head = (merchant, operation_id, row[5], member, "earn", sale_id, None, None, None, "system")
        body = (None, "till", key, key, b"h" * 32, 1, reason, 12, "points", 40, row[10] + 12)
        run(operation, (*head, *body, row[12] + 1, None, now))
        run(transfer, (merchant, new_id(), operation_id, row[13], row[8], "points", 12))
        run(lot, (merchant, new_id(), row[8], operation_id, 12, 12, now, None, 1))
        run(balance, (row[10] + 12, row[11] + 40, row[12] + 1, merchant, row[8], row[12]))
        card = run(bump, (merchant, member)).fetchone()
        run(wanted, (card[1], now, now, merchant, card[0]))
        run("COMMIT")

    return one


def rate(one: Callable[[], None], seconds: float) -> float:
    start = time.perf_counter()
    done = 0
    while (spent := time.perf_counter() - start) < seconds:
        one()
        done += 1
    return done / spent


def _latencies(one: Callable[[], None], threads: int, seconds: float) -> list[float]:
    found: list[float] = []
    stop = time.perf_counter() + seconds

    def run() -> None:
        while (start := time.perf_counter()) < stop:
            one()
            found.append(time.perf_counter() - start)

    workers = [threading.Thread(target=run) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return found


def fill(database: Database) -> Shop:
    upgrade(database)
    with open_work(database, None, clock=CLOCK) as work:
        work.merchants.add(CAFE)
        work.commit()
    shop = a_shop(database, CLOCK, members=MEMBERS)
    with open_work(database, CAFE.id, clock=CLOCK) as work:
        for member in shop.members:
            work.deliveries.want_google_object(work.passes.current_of_member(member).id)
        work.commit()
    return shop


def context(database: Database) -> Loyalty:
    settings = LoyaltySettings(public_url="http://127.0.0.1:1", google_save_url="")
    return Loyalty(database=database, clock=CLOCK, keyring=new_keyring(), settings=settings)


@contextmanager
def open_database(engine: str) -> Iterator[Database]:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        url = f"sqlite:///{folder}/bench.db" if engine == "sqlite" else _postgresql(folder)
        database = Database(DatabaseSettings(url=url))
        yield database
        database.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgresql(folder: Path) -> str:
    server = start_postgresql(folder)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
            connection.execute(f"alter system set {setting} = on")
        connection.execute("select pg_reload_conf()")
        connection.execute(f"create role {ROLE} login")
        connection.execute(f"create database bench owner {ROLE}")
    return f"postgresql://{ROLE}@/bench?host={server.get_postmaster_info().socket_dir}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    return parser.parse_args()


if __name__ == "__main__":
    main()
