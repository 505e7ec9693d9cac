"""The load model: rates follow the cards, and the page of docs shows what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.load_model import Costs, Crowd, Machines, need, table

SIZING = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "sizing.md"


def of(cards: int, **crowd: float) -> object:
    return need(Crowd(cards=cards, **crowd), Machines(), Costs())  # type: ignore[arg-type]


def test_the_page_shows_what_the_model_says() -> None:
    assert table() in SIZING.read_text("utf-8")


def test_rates_grow_with_the_cards() -> None:
    small, large = of(100_000), of(1_000_000)

    assert large.scans_per_s == pytest.approx(10 * small.scans_per_s, rel=0.02)
    assert large.storage_gib == pytest.approx(10 * small.storage_gib, rel=0.01)


def test_a_worked_example_of_one_busy_minute() -> None:
    # 304 000 cards once a month are 10 000 visits a day; a tenth in one hour, no minute stands out.
    found = of(304_000, visits_per_month=1.0, busiest_hour=0.1, busiest_minute=1.0, apple=0.5)

    assert found.scans_per_s == pytest.approx(1000 / 3600, abs=0.005)
    assert found.pushes_per_s == pytest.approx(500 / 3600, abs=0.005)


def test_from_postgresql_on_one_of_each_may_fail() -> None:
    found = of(1_000_000)

    assert found.engine == "PostgreSQL"
    assert min(found.web_processes, found.worker_processes, found.machines) >= 2
    assert found.connections > 0


def test_one_database_ends_at_what_it_commits_or_holds() -> None:
    weak = Machines(commits_per_s=100.0)

    assert need(Crowd(cards=10_000_000), weak, Costs()).shards == 5
    assert need(Crowd(cards=10_000_000, years=20), Machines(), Costs()).shards == 3
