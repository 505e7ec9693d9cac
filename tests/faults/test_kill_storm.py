"""Tills are killed in the middle of earning, again and again, and send the same keys again.

Two processes with four threads each work through the same orders from both ends, so that keys
meet in flight too. Each round kills one right after some answers, while its other threads are
inside a transaction, and the other a few answers later. What was answered must be in the ledger
under that answer; what was not is there once or not at all.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.clock import SystemClock
from storage.engine import Database
from storage.unit_of_work import open_work
from storage.verify import verify
from tests.support.builders import CAFE
from tests.support.counter import Shop, a_shop
from tests.support.ledger_proof import broken_rules

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = 4
# After how many answers of a round the first and the second till die.
KILLS = ((1, 1), (7, 2), (23, 5), (2, 40), (60, 3), (11, 11), (35, 1), (90, 9))
ORDERS_PER_ROUND = 120

Answers = dict[str, tuple[int, int]]


def test_nothing_answered_is_lost_and_nothing_is_done_twice(
    database: Database, database_url: str
) -> None:
    shop = a_shop(database, SystemClock(), members=MEMBERS)
    answers: Answers = {}
    orders: dict[str, tuple[int, int]] = {}

    for number, kills in enumerate(KILLS):
        for step in range(ORDERS_PER_ROUND):
            orders[f"r{number}-{step}"] = (shop.members[step % MEMBERS], 37 + 11 * step)
        _storm(database_url, orders, answers, kills)
        assert broken_rules(database) == []
    _finish(database_url, orders, answers)

    stored = _stored(database)
    assert answers.keys() == orders.keys()
    assert stored == {key: operation for key, (operation, _) in answers.items()}
    assert broken_rules(database) == []
    assert verify(database) == []
    _demand_exact_sums(database, shop, orders)


def _storm(
    url: str, orders: dict[str, tuple[int, int]], answers: Answers, kills: tuple[int, int]
) -> None:
    # What was answered is sent again too, a little of it: a till may die before it notes that.
    known = [key for key in list(orders)[-ORDERS_PER_ROUND:] if key in answers][-20:]
    todo = [key for key in orders if key not in answers] + known
    with _till(url, orders, todo) as first, _till(url, orders, todo[::-1]) as second:
        for till, count in zip((first, second), kills, strict=True):
            for _ in range(count):
                line = _line(till)
                if line:
                    _note(line, answers)
            os.killpg(till.pid, signal.SIGKILL)
        for till in (first, second):
            _note_all(till, answers)


def _finish(url: str, orders: dict[str, tuple[int, int]], answers: Answers) -> None:
    """Every key once more, by both tills at once, and nobody is killed."""
    with (
        _till(url, orders, list(orders)) as first,
        _till(url, orders, list(orders)[::-1]) as second,
    ):
        for till in (first, second):
            _note_all(till, answers)
            assert till.wait() == 0


@contextmanager
def _till(
    url: str, orders: dict[str, tuple[int, int]], keys: list[str]
) -> Iterator[subprocess.Popen[bytes]]:
    till = subprocess.Popen(
        [sys.executable, "-m", "tests.support.earning_till", url, str(CAFE.id), "4"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert till.stdin is not None
        till.stdin.write("".join(f"{k} {orders[k][0]} {orders[k][1]}\n" for k in keys).encode())
        till.stdin.close()
        yield till
    finally:
        if till.poll() is None:
            os.killpg(till.pid, signal.SIGKILL)
        till.wait()
        assert till.stdout is not None
        till.stdout.close()


def _line(till: subprocess.Popen[bytes]) -> bytes:
    assert till.stdout is not None
    return till.stdout.readline()


def _note_all(till: subprocess.Popen[bytes], answers: Answers) -> None:
    """Read what was answered before the end; a line without its end was never an answer."""
    while line := _line(till):
        if line.endswith(b"\n"):
            _note(line, answers)


def _note(line: bytes, answers: Answers) -> None:
    key, operation_id, units = line.decode().split()
    answer = (int(operation_id), int(units))
    assert answers.setdefault(key, answer) == answer, f"{key} was answered in two ways"


def _stored(database: Database) -> dict[str, int]:
    with open_work(database, CAFE.id, clock=SystemClock(), writing=False) as work:
        rows = work.scope.run_sql("select idempotency_key, id from operation", ()).fetchall()
    assert len(rows) == len({row[0] for row in rows})
    return dict(rows)


def _demand_exact_sums(database: Database, shop: Shop, orders: dict[str, tuple[int, int]]) -> None:
    with open_work(database, CAFE.id, clock=SystemClock(), writing=False) as work:
        for member in shop.members:
            facts = work.books.card(member)
            spent = sum(amount for who, amount in orders.values() if who == member)
            assert divmod(spent, 100) == (facts.balance, facts.carry_minor)
