"""Earns under 1, 10 and 50 rules against the same SQL by hand, and whether growth slows them.

    python -m bench --only growing       (REGULARS_BENCH_MEMBERS=10000,1000000 are the goal's sizes)

By hand means the driver alone: the statements of one earn under rules, with the same kind of
values, in one transaction. The ratio must stay flat as members and transfers grow.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import psycopg
from sqlalchemy.engine import make_url

from bench.earn import BUMP_PASS, CLOCK, LIMITS, RAISE_WANTED, WHO, open_database, rate
from bench.filling import fill
from bench.row import Row
from common.actor import SYSTEM
from common.clock import to_micros
from common.ids import new_id
from ledger.terms_document import read_terms
from loyalty.context import Loyalty, LoyaltySettings
from loyalty.earn import EarnRequest, earn
from signing.keyring import new_keyring
from storage import book_statements as books
from storage import rule_statements as sql
from storage.engine import Database, sqlite_module
from storage.migrate import upgrade
from storage.unit_of_work import open_work
from tests.support.builders import CAFE
from tests.support.counter import Shop, a_shop

RULES: Final = (1, 10, 50)
SIZES: Final = tuple(
    int(size) for size in os.environ.get("REGULARS_BENCH_MEMBERS", "1000,20000").split(",")
)
EARNS: Final = 10
SECONDS: Final = 1.0
ROUNDS: Final = 3
GOALS: Final = {1: 0.4, 10: 0.35, 50: 0.2}
FLAT_GOAL: Final = 0.8


def run() -> list[Row]:
    """Both engines."""
    rows = []
    for engine in ("sqlite", "postgresql"):
        found = {size: _at_size(engine, size) for size in SIZES}
        small, large = found[SIZES[0]], found[SIZES[-1]]
        rows += [
            Row(
                name=f"earn under {number} rules, {engine}",
                baseline="the same statements by hand",
                goal=GOALS[number],
                measured=small[number]["ratio"],
                more_is_better=True,
                facts={k: round(v) for k, v in small[number].items() if k != "ratio"},
            )
            for number in RULES
        ]
        rows.append(
            Row(
                name=f"the ratio at {SIZES[-1]} members, {SIZES[-1] * EARNS} transfers, {engine}",
                baseline=f"the ratio at {SIZES[0]} members",
                goal=FLAT_GOAL,
                measured=large[1]["ratio"] / small[1]["ratio"],
                more_is_better=True,
                facts={"per_s": round(large[1]["per_s"]), "by_hand": round(large[1]["by_hand"])},
            )
        )
    return rows


def _at_size(engine: str, members: int) -> dict[int, dict[str, float]]:
    numbers = RULES if members == SIZES[0] else RULES[:1]
    with open_database(engine) as database:
        shop = _shop(database, members)
        return {number: _measure(database, shop, number) for number in numbers}


def _measure(database: Database, shop: Shop, number: int) -> dict[str, float]:
    _set_rules(database, shop, number)
    settings = LoyaltySettings(public_url="http://127.0.0.1:1", google_save_url="")
    ctx = Loyalty(database=database, clock=CLOCK, keyring=new_keyring(), settings=settings)
    ours, hand = _by_use_case(ctx, shop), _by_hand(database, shop)
    for warm_up in (ours, hand):
        rate(warm_up, SECONDS / 2)
    rounds = [(rate(ours, SECONDS), rate(hand, SECONDS)) for _round in range(ROUNDS)]
    return {
        "ratio": statistics.median(one / other for one, other in rounds),
        "per_s": statistics.median(one for one, _other in rounds),
        "by_hand": statistics.median(other for _one, other in rounds),
    }


def _shop(database: Database, members: int) -> Shop:
    upgrade(database)
    with open_work(database, None, clock=CLOCK) as work:
        work.merchants.add(CAFE)
        work.commit()
    shop = a_shop(database, CLOCK)
    ids = fill(database, shop, members=members, earns=EARNS, clock=CLOCK, expires=None)
    if not database.is_sqlite:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("analyze")
    chosen = random.Random(7).sample(ids, min(1000, len(ids)))
    return replace(shop, members=tuple(chosen))


def _set_rules(database: Database, shop: Shop, number: int) -> None:
    spend = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1}
    more = [
        {
            "kind": "multiplier",
            "code": f"m{n}",
            "unit": "points",
            "percent": 100 + n,
            "when": {"weekdays": [1 + n % 7], "match": {"categories": [f"c{n}"]}},
        }
        for n in range(1, number)
    ]
    document = {
        "format": 2,
        "currency": "EUR",
        "units": [{"code": "points", "kind": "points"}],
        "rules": [spend, *more],
    }
    terms = read_terms(document, version=1, time_zone="Europe/Berlin")
    with open_work(database, CAFE.id, clock=CLOCK) as work:
        work.programmes.add_terms(shop.programme_id, terms)
        work.rules.open_programme(shop.programme_id, ["points"])
        work.commit()


def _by_use_case(ctx: Loyalty, shop: Shop) -> Callable[[], None]:
    members, keys, salt = itertools.cycle(shop.members), itertools.count(), new_id()

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


def _by_hand(database: Database, shop: Shop) -> Callable[[], None]:
    if database.is_sqlite:
        path = make_url(database.url).database
        raw = sqlite_module().connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
            raw.execute(f"PRAGMA {pragma}")
        return _hand(raw.execute, shop, begin="BEGIN IMMEDIATE", mark="?")
    connection = psycopg.connect(database.url, autocommit=True)
    return _hand(connection.execute, shop, begin="BEGIN", mark="%s")


def _hand(run: Callable[..., Any], shop: Shop, *, begin: str, mark: str) -> Callable[[], None]:
    merchant, on_postgresql = shop.merchant_id, mark != "?"
    members, keys, salt = itertools.cycle(shop.members), itertools.count(), new_id()
    reason = json.dumps(dict.fromkeys("abcdefghijklmnopqrst", 1240))
    stand = books.LOCK_STANDING if on_postgresql else books.STANDING

    def do(statement: str, *values: Any) -> Any:
        return run(statement.replace("?", mark), values)

    def one() -> None:
        member, key, now = next(members), f"{salt}-{next(keys)}", to_micros(CLOCK.now())
        sale_id, operation_id = new_id(), new_id()
        run(begin)
        if on_postgresql:
            run(WHO, (str(merchant),))
        row = do(stand, key, "till", key, "earn", 999_999, "issued", merchant, member).fetchone()
        for read, about in (
            (sql.ACCOUNTS, member),
            (sql.STANDING, member),
            (sql.PROGRAMME_ACCOUNTS, row[5]),
        ):
            do(read, merchant, about).fetchall()
        do(sql.PROMISES, merchant, member, now).fetchall()
        head = (merchant, sale_id, None, None, None, member, "till", key, now, "EUR")
        do(sql.INSERT_SALE, *head, 1240, 1240, now, 0, 0, 0, 0)
        head = (merchant, operation_id, row[5], member, "earn", sale_id, None, None, None, "system")
        body = (None, "till", key, key, b"h" * 32, 1, reason, 12, "points", 40, row[10] + 12)
        do(sql.INSERT_OPERATION, *head, *body, row[12] + 1, None, now, None, 0, None, None)
        do(books.INSERT_TRANSFER, merchant, new_id(), operation_id, row[13], row[8], "points", 12)
        do(sql.INSERT_LOT, merchant, new_id(), row[8], operation_id, 12, 12, now, None, 1, None)
        moved = (row[10] + 12, row[11] + 40, row[12] + 1, 0, merchant, row[8], row[12])
        do(sql.MOVE_ACCOUNT, *moved)
        do(sql.INSERT_RATING, merchant, operation_id, 1, reason)
        do(sql.PUT_STANDING, merchant, member, row[5], 1, 1240, now, now, "", None, None)
        for unit in ("", "points"):
            do(sql.PUT_DAY, merchant, member, unit, 20_000, 1, 1, 1240, 1240, 12)
        card = do(BUMP_PASS, merchant, member).fetchone()
        do(RAISE_WANTED, card[1], now, now, merchant, card[0])
        run("COMMIT")

    return one
