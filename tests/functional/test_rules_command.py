"""`regulars rules …` as whoever runs the machine meets it, on the demo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]
SALES = "date,amount,customer\n2026-10-01 10:00,12.50,ada\n2026-10-02 10:00,20.00,ada\nbad,row,x\n"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The one JSON object that a command prints; the demo is there."""

    def call(*arguments: str, code: int = 0) -> dict[str, Any]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")}
        done = subprocess.run(
            [sys.executable, "-m", "regulars", *arguments, "--json"],
            env={**kept, "REGULARS_DATA": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found

    call("init", "--demo")
    return call


def test_rules_are_explained_rehearsed_accounted_for_and_expired(run: Run, tmp_path: Path) -> None:
    sales = tmp_path / "sales.csv"
    sales.write_text(SALES)

    explained = run("rules", "explain", "demo")
    replayed = run("rules", "rehearse", "demo", str(sales))
    owed = run("rules", "statement", "demo")
    first, second = run("rules", "expire"), run("rules", "expire")

    assert explained["rules"][0] == "1 point for every €1.00 spent."
    assert replayed["sales"] == 2
    assert replayed["skipped_count"] == 1
    assert replayed["low"] == replayed["high"]
    assert replayed["low"]["issued"] == {"points": 32}
    assert owed["owed"][0]["units"] == 0
    assert "estimate" in owed["label"].lower()
    assert (first["lots"], second["lots"]) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "error"),
    [
        (("rules", "explain", "nobody"), 1, "not_found"),
        (("rules", "explain", "demo", "--draft"), 1, "not_found"),
        (("rules", "statement", "demo", "--since", "yesterday"), 1, "invalid_input"),
        (("rules", "statement", "demo", "--breakage", "101"), 2, "usage"),
        (("rules", "rehearse", "demo", "{sales}", "--terms", "{sales}"), 1, "invalid_input"),
        (("rules", "rehearse", "demo", "/nowhere.csv"), 2, "usage"),
    ],
)
def test_what_cannot_be_is_one_error_with_its_code(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], exit_code: int, error: str
) -> None:
    sales = tmp_path / "sales.csv"
    sales.write_text("{]")

    told = run(*(part.format(sales=sales) for part in arguments), code=exit_code)

    assert told["error"]["code"] == error
