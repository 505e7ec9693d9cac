"""Bring the members of another system: rows a second, and what memory a long list takes.

    python -m bench --only importing   (REGULARS_BENCH_IMPORT=100000 is the goal's size)

The import runs in a process of its own, whose peak of memory is told. Compared with letting the
same people join one by one, each in a transaction of their own and without a balance: what slices
save, less what balance and old code cost.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
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
GOAL_RATIO: Final = 1.0
GOAL_MB: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    alone_s: float
    look_s: float
    take_s: float
    again_s: float
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
            name=f"import of {ROWS} members, a row",
            baseline="joining one by one, no balance",
            goal=GOAL_RATIO,
            measured=seen.alone_s / (seen.take_s / ROWS),
            more_is_better=True,
            facts={
                "rows_a_second": round(ROWS / seen.take_s),
                "looked_at_a_second": round(ROWS / seen.look_s),
                "again_a_second": round(ROWS / seen.again_s),
                "joins_a_second": round(1 / seen.alone_s),
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
        alone_s = _alone(shop)
        _timed(import_members, shop, few)
        before_mb = _peak_mb()
        look_s = _timed(judge_members, shop, many)
        take_s = _timed(import_members, shop, many, good_only=True)
        grown_mb = _peak_mb() - before_mb
        again_s = _timed(import_members, shop, many, good_only=True)
    told.send(
        _Seen(alone_s=alone_s, look_s=look_s, take_s=take_s, again_s=again_s, grown_mb=grown_mb)
    )


def _write(path: Path, name: str, rows: int) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.write("old_code,name,contact,points\n")
        for number in range(rows):
            out.write(
                f"{name}{number:08d},Ada Byron {number},{name}{number}@example.com,{number % 90}\n"
            )


def _timed(act: Any, shop: Any, path: Path, *, good_only: bool = False) -> float:
    """Seconds of the whole list."""
    start = time.perf_counter()
    listed = open_members(shop.ctx, shop.merchant_id, shop.programme_id, lambda: path.open("rb"))
    order = ImportOrder(
        programme_id=shop.programme_id, listed=listed, actor=SYSTEM, good_only=good_only
    )
    report = act(shop.ctx, shop.merchant_id, order)
    assert report.bad == 0, report.complaints[:1]
    return time.perf_counter() - start


def _alone(shop: Any) -> float:
    """Seconds of one join."""
    start = time.perf_counter()
    for number in range(JOINS):
        request = EnrolRequest(
            programme_id=shop.programme_id,
            name=f"Ada Byron {number}",
            email=f"alone{number}@example.com",
            source="import",
            actor=SYSTEM,
        )
        enrol(shop.ctx, shop.merchant_id, request)
    return (time.perf_counter() - start) / JOINS
