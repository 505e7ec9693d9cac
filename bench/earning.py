"""The rows of bench/earn.py: earns through the use case, and how long tills wait on each other."""

from __future__ import annotations

import argparse
from typing import Any

from bench import earn
from bench.row import Row

SECONDS = 1.0
ROUNDS = 5


def run() -> list[Row]:
    """Both engines; PostgreSQL is started for the measurement."""
    options = argparse.Namespace(seconds=SECONDS, rounds=ROUNDS)
    rows = []
    for engine in earn.GOALS:
        with earn.open_database(engine) as database:
            rows += _rows(earn.measure(database, engine, options))
    return rows


def _rows(found: dict[str, Any]) -> list[Row]:
    rows = [
        Row(
            name=f"earn, {found['engine']}",
            baseline="the same statements by hand",
            goal=found["goal"],
            measured=found["ratio"],
            more_is_better=True,
            facts={"per_s": found["earns_per_s"], "by_hand": found["by_hand_per_s"]},
        )
    ]
    if found["tail_goal"] is not None:
        rows.append(
            Row(
                name=f"earn, {found['engine']}, 8 tills at once, p99",
                baseline="one till's p50",
                goal=found["tail_goal"],
                measured=found["tail_ratio"],
                more_is_better=False,
                facts={
                    "p99_ms": found["eight_tills_p99_ms"],
                    "one_p50_ms": found["one_till_p50_ms"],
                },
            )
        )
    return rows
