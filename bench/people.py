"""Joining, to the signed pass in the phone's hand, and finding a member among very many.

    python -m bench --only people      (REGULARS_BENCH_PEOPLE=1000000 is the goal's size)

Milliseconds of a whole join: the form checked, the member written and the pass signed. With eight
customers at once the process is the same one: on few cores the signing queues, so the row says how
much longer one waits than alone. The search is compared with itself among a hundredth of the members.
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from bench.fetches import _shop  # the same shop, with a certificate
from bench.row import Row
from common.actor import SYSTEM
from common.clock import to_micros
from loyalty.contacts import fold_name
from loyalty.enrol import EnrolRequest, enrol
from loyalty.find_member import find_members
from loyalty.overview import members
from loyalty.read_pass import apple_pass
from storage.engine import Database
from storage.member_words import words_of
from storage.unit_of_work import open_work

PEOPLE: Final = int(os.environ.get("REGULARS_BENCH_PEOPLE", "20000"))
JOINS: Final = int(os.environ.get("REGULARS_BENCH_JOINS", "80"))
CUSTOMERS: Final = 8
SEARCHES: Final = 15
AT_ONCE: Final = 5_000
BASE: Final = 1 << 41
GOAL_JOIN_MS: Final = 100
GOAL_WAIT: Final = 12.0
GOAL_GROWTH: Final = 10.0
_FIRST: Final = ("Ada", "Bo", "Çağla", "Dora", "Émile", "Fay", "Gus", "Hana", "Ida", "Jo")
_LAST: Final = ("Byron", "Curie", "Darwin", "Euler", "Fermi", "Gauss", "Hopper", "Ito", "Jung")


def run() -> list[Row]:
    """Joining with one and with eight customers, then the search."""
    with _shop() as shop:
        numbers = itertools.count()
        alone = _joins(shop, numbers, customers=1)
        crowd = _joins(shop, numbers, customers=CUSTOMERS)
        rows = [
            Row(
                name="join to signed pass, one customer, p95",
                baseline="-",
                goal=GOAL_JOIN_MS,
                measured=alone[1],
                more_is_better=False,
                unit="ms",
                facts={"p50_ms": round(alone[0], 1)},
            ),
            Row(
                name=f"join to signed pass, {CUSTOMERS} customers at once, p95",
                baseline="one customer, p95",
                goal=GOAL_WAIT,
                measured=crowd[1] / alone[1],
                more_is_better=False,
                facts={"p50_ms": round(crowd[0], 1), "p95_ms": round(crowd[1], 1)},
            ),
        ]
        return rows + _searches(shop)


def _joins(shop: Any, numbers: Iterator[int], *, customers: int) -> tuple[float, float]:
    """Median and p95 of one join, in milliseconds."""
    names = [next(numbers) for _ in range(JOINS)]
    with ThreadPoolExecutor(customers) as counter:
        waits = list(counter.map(lambda number: _join(shop, number), names))
    return statistics.median(waits), statistics.quantiles(waits, n=20)[-1]


def _join(shop: Any, number: int) -> float:
    start = time.perf_counter()
    request = EnrolRequest(
        programme_id=shop.programme_id,
        name=f"{_FIRST[number % len(_FIRST)]} {_LAST[number % len(_LAST)]}",
        source="join",
        form_key=f"bench-{number}",
        actor=SYSTEM,
    )
    done = enrol(shop.ctx, shop.merchant_id, request)
    with open_work(
        shop.ctx.database, shop.merchant_id, clock=shop.ctx.clock, writing=False
    ) as work:
        card = work.passes.current_of_member(done.member_id)
    apple_pass(shop.ctx, shop.merchant_id, card.id)
    return (time.perf_counter() - start) * 1000


def _searches(shop: Any) -> list[Row]:
    small = max(PEOPLE // 100, 100)
    _fill(shop, 0, small)
    few = {name: _time(search) for name, search in _asked(shop).items()}
    _fill(shop, small, PEOPLE)
    many = {name: _time(search) for name, search in _asked(shop).items()}
    return [
        Row(
            name=f"member search by {name}, {PEOPLE} members",
            baseline=f"among {small}",
            goal=GOAL_GROWTH,
            measured=many[name] / few[name],
            more_is_better=False,
            facts={"ms": round(many[name], 2), "among_few_ms": round(few[name], 2)},
        )
        for name in many
    ]


def _asked(shop: Any) -> dict[str, Callable[[], object]]:
    """What people look for: a rare name, one of a tenth of the members, a number, the newest, a till's."""
    ctx, merchant = shop.ctx, shop.merchant_id
    return {
        "a rare name": lambda: members(ctx, merchant, query="rare00000077"),
        "a common name": lambda: members(ctx, merchant, query="ada byr"),
        "number": lambda: members(ctx, merchant, query="0000000077"),
        "nothing (the newest)": lambda: members(ctx, merchant),
        "a later page": lambda: members(ctx, merchant, before_id=BASE + 60),
        "a name at the till": lambda: find_members(ctx, merchant, "rare00000077"),
        "an unknown address": lambda: members(ctx, merchant, query="nobody@example.com"),
    }


def _time(search: Callable[[], object]) -> float:
    """Median milliseconds."""
    search()
    waits = []
    for _ in range(SEARCHES):
        start = time.perf_counter()
        search()
        waits.append((time.perf_counter() - start) * 1000)
    return statistics.median(waits)


def _fill(shop: Any, first: int, end: int) -> None:
    """Members with names and cards, without passes in any phone."""
    database: Database = shop.ctx.database
    now = to_micros(shop.ctx.clock.now())
    for begin in range(first, end, AT_ONCE):
        numbers = range(begin, min(end, begin + AT_ONCE))
        with open_work(database, shop.merchant_id, clock=shop.ctx.clock) as work:
            people = [_person(shop, number, now) for number in numbers]
            work.scope.run_sql_many(_MEMBER, [person for person, _folded in people])
            words = [
                (shop.merchant_id, word, person[1])
                for person, folded in people
                for word in words_of(folded)
            ]
            work.scope.run_sql_many(_WORD, words)
            work.scope.run_sql_many(
                _PASS,
                [
                    (
                        shop.merchant_id,
                        person[1],
                        shop.programme_id,
                        person[1],
                        f"P{person[1]}",
                        now,
                    )
                    for person, _folded in people
                ],
            )
            work.commit()


def _person(shop: Any, number: int, now: int) -> tuple[tuple[Any, ...], str]:
    first = _FIRST[number % len(_FIRST)]
    last = _LAST[(number // len(_FIRST)) % len(_LAST)]
    name = f"{first} {last} rare{number:08d}"
    folded = fold_name(name)
    row = (
        shop.merchant_id,
        BASE + number,
        shop.programme_id,
        f"{number:010d}",
        name,
        folded,
        now + number,
    )
    return row, folded


_MEMBER: Final = """
insert into member (merchant_id, id, programme_id, number, name, name_folded, language, generation,
  state, source, joined_at) values (?, ?, ?, ?, ?, ?, 'en', 1, 'active', 'bench', ?)
"""
_WORD: Final = "insert into member_word (merchant_id, word, member_id) values (?, ?, ?)"
_PASS: Final = """
insert into wallet_pass (merchant_id, id, programme_id, member_id, generation, serial_number,
  revision, stamped_revision, stamp, last_modified_s, fetched_revision, created_at)
values (?, ?, ?, ?, 1, ?, 1, 0, 0, 0, 0, ?)
"""
