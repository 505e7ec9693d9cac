"""Run many seeds, over the machine's cores:  python -m tests.simulation --seeds 1000 [--first 0]

Each seed that breaks a rule is told with its last steps, and again at the end; `--seeds 1 --first N`
runs that one alone. The exit code is 1 when any did.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator

from tests.simulation.seeds import run_seed
from tests.simulation.shop import Report


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    wanted = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets is part of a run that another process must be able to repeat.
        os.execve(
            sys.executable, [sys.executable, *_arguments()], {**os.environ, "PYTHONHASHSEED": "0"}
        )
    begun_s = time.monotonic()
    reports, failed = [], []
    for seed, report, complaint in _results(
        range(wanted.first, wanted.first + wanted.seeds), wanted.jobs
    ):
        if report is None:
            failed.append(seed)
            _tell(f"\nseed {seed} FAILED\n{complaint}\n")
        else:
            reports.append(report)
            _tell(_line(report))
    _tell(_summary(reports, failed, seconds=time.monotonic() - begun_s))
    return 1 if failed else 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _arguments() -> list[str]:
    return ["-m", "tests.simulation", *sys.argv[1:]]


def _results(seeds: range, jobs: int) -> Iterator[tuple[int, Report | None, str]]:
    # Fresh processes: a simulation has threads, which no fork survives.
    with multiprocessing.get_context("spawn").Pool(max(1, jobs)) as pool:
        yield from pool.imap_unordered(run_seed, seeds)


def _line(report: Report) -> str:
    return (
        f"seed {report.seed:6}  run {report.digest}  movements {report.movements:4}  "
        f"pushes {report.pushes:4}  kills {report.kills:3}  right after {report.calm_after_s:6.0f} s"
    )


def _summary(reports: list[Report], failed: list[int], *, seconds: float) -> str:
    told = [f"{len(reports)} seeds held, {len(failed)} failed: {failed}", f"{seconds:.0f} s"]
    if reports:
        calm = sorted(report.calm_after_s for report in reports)
        told += [
            f"movements {sum(r.movements for r in reports)}",
            f"pushes {sum(r.pushes for r in reports)}",
            f"kills {sum(r.kills for r in reports)}",
            f"right after {statistics.median(calm):.0f} s in the middle, {calm[-1]:.0f} s at most",
        ]
    return "; ".join(told)


if __name__ == "__main__":
    sys.exit(main())
