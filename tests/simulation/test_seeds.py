"""A few dozen seeds of the simulated shop; `make simulate SEEDS=1000` runs more of them.

Each seed runs tills, phones, workers and providers of one shop under kills, frozen processes, clock
jumps, a bad disk and bad networks, and holds the end against what everybody was told.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.simulation.shop import Template, make_template, simulate

SEEDS = range(24)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return make_template(tmp_path_factory.mktemp("simulation"))


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_doubled_or_left_behind(
    seed: int, template: Template, tmp_path: Path
) -> None:
    report = simulate(seed, template, tmp_path)

    sys.stdout.write(f"seed {seed}: run {report.digest}\n")
    assert report.movements > 0


def test_the_same_seed_is_the_same_run(template: Template, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()

    first, second = (simulate(7, template, folder) for folder in folders)

    assert first == second
