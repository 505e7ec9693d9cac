"""`python -m bench [--only NAME] [--json]`: measure, and put goal beside result.

Ratios against a baseline in the same run are what counts; rates belong to this machine alone. The
exit code is 0 whether or not goals are reached: a busy machine is no reason to stop a build.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from typing import TYPE_CHECKING

from bench.row import table

if TYPE_CHECKING:
    from bench.row import Row

# In this order: the pure ones first, those with servers last. Each is a module with `run()`.
NAMES = (
    "signing",
    "fetches",
    "peers",
    "images",
    "rules",
    "earning",
    "growing",
    "people",
    "importing",
    "expiring",
    "google",
    "delivery",
    "pushes",
    "push_peers",
    "pgbench",
)
# Minutes each: only when asked for.
LONG = ("redesign", "memory")


def main() -> None:
    """Measure what was asked for."""
    options = _options()
    rows: list[Row] = []
    for name in options.only or NAMES:
        start = time.perf_counter()
        rows += importlib.import_module(f"bench.{name}").run()
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    print(
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; with other work running, "
        "milliseconds say little",
        file=sys.stderr,
    )
    if options.json:
        print(json.dumps([row.as_document() for row in rows], indent=2))
    else:
        print(table(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=NAMES + LONG, help="measure this alone")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    return parser.parse_args()


if __name__ == "__main__":
    main()
