"""Bring the members of another system: rows a second, and what memory a long list takes.

    python -m bench --only importing   (REGULARS_BENCH_IMPORT=100000 is the goal's size)

The import runs in a process of its own, whose peak of memory is told. A row is compared with one
person who joins alone, in a transaction of their own, without a balance and an old code: what slices
save, less what those cost.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from bench.fetches import _shop  # the same shop
from bench.memory import _peak_mb
from bench.row import Row
from common.actor import SYSTEM
from loyalty.enrol import EnrolRequest, enrol
from loyalty.import_members import import_members, judge_members, open_members
from loyalty.import_report import ImportOrder

ROWS: Final = int(os.environ.get("REGULARS_BENCH_IMPORT", "3000"))
JOINS: Final = 300
GOAL_RATIO: Final = 2.0
GOAL_MB: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    """Seconds of one row: of the processor, and of the clock on the wall."""

    cpu_s: float
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    alone: _Cost
    look: _Cost
    take: _Cost
    again: _Cost
    grown_mb: float


def run() -> list[Row]:
    """One list looked at, taken over, and sent again."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_work, args=(theirs,))
    process.start()
    theirs.close()
    seen: _Seen = ours.recv()
    process.join()
    return [
        Row(
            name=f"import of {ROWS} members, processor time of a row",
            baseline="joining one by one, no balance",
            goal=GOAL_RATIO,
            measured=seen.take.cpu_s / seen.alone.cpu_s,
            more_is_better=False,
            facts={
                "rows_a_second": round(1 / seen.take.wall_s),
                "per_core_second": round(1 / seen.take.cpu_s),
                "looked_at_a_second": round(1 / seen.look.wall_s),
                "again_a_second": round(1 / seen.again.wall_s),
            },
        ),
        Row(
            name=f"import of {ROWS} members, memory beyond the first hundred rows",
            baseline="-",
            goal=GOAL_MB,
            measured=seen.grown_mb,
            more_is_better=False,
            unit="MB",
        ),
    ]


def _work(told: Connection) -> None:
    with tempfile.TemporaryDirectory() as folder, _shop() as shop:
        few, many = Path(folder) / "few.csv", Path(folder) / "many.csv"
        _write(few, "F", 100)
        _write(many, "M", ROWS)
        alone = _cost(JOINS, lambda: _alone(shop))
        _read(import_members, shop, few)
        before_mb = _peak_mb()
        look = _cost(ROWS, lambda: _read(judge_members, shop, many))
        take = _cost(ROWS, lambda: _read(import_members, shop, many, good_only=True))
        grown_mb = _peak_mb() - before_mb
        again = _cost(ROWS, lambda: _read(import_members, shop, many, good_only=True))
    told.send(_Seen(alone=alone, look=look, take=take, again=again, grown_mb=grown_mb))


def _cost(rows: int, act: Callable[[], None]) -> _Cost:
    cpu, wall = time.process_time(), time.perf_counter()
    act()
    return _Cost(
        cpu_s=(time.process_time() - cpu) / rows, wall_s=(time.perf_counter() - wall) / rows
    )


def _write(path: Path, name: str, rows: int) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.write("old_code,name,contact,points\n")
        for number in range(rows):
            out.write(
                f"{name}{number:08d},Ada Byron {number},{name}{number}@example.com,{number % 90}\n"
            )


def _read(act: Any, shop: Any, path: Path, *, good_only: bool = False) -> None:
    listed = open_members(shop.ctx, shop.merchant_id, shop.programme_id, lambda: path.open("rb"))
    order = ImportOrder(
        programme_id=shop.programme_id, listed=listed, actor=SYSTEM, good_only=good_only
    )
    report = act(shop.ctx, shop.merchant_id, order)
    assert report.bad == 0, report.complaints[:1]


def _alone(shop: Any) -> None:
    for number in range(JOINS):
        request = EnrolRequest(
            programme_id=shop.programme_id,
            name=f"Ada Byron {number}",
            email=f"alone{number}@example.com",
            source="import",
            actor=SYSTEM,
        )
        enrol(shop.ctx, shop.merchant_id, request)
