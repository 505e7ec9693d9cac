"""`regulars import-members` as whoever runs the machine meets it, on the demo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

GOOD = "old_code,name,contact,stamps\nC-1,Ada,ada@example.com,3\nC-2,Bo,,0\n"


def run(folder: Path, *arguments: str, code: int = 0) -> Any:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")}
    done = subprocess.run(
        [sys.executable, "-m", "regulars", *arguments, "--json"],
        env={**kept, "REGULARS_DATA": str(folder / "data")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout or done.stderr)


def test_a_list_is_looked_at_first_and_taken_when_told_to(tmp_path: Path) -> None:
    listed, errors = tmp_path / "members.csv", tmp_path / "errors.csv"
    listed.write_text(GOOD.replace("stamps", "balance") + "C-3,Cid,,many\n", encoding="utf-8")
    run(tmp_path, "init", "--demo")
    arguments = ["import-members", str(listed)]

    looked = run(tmp_path, *arguments, "--errors", str(errors), code=1)
    assert (looked["taken"], looked["new"], looked["bad"]) == (False, 2, 1)
    assert errors.read_text().splitlines()[1].startswith("4,")
    assert errors.stat().st_mode & 0o077 == 0

    refused = run(tmp_path, *arguments, "--take", "--errors", str(errors), code=1)
    assert "not there yet" in json.dumps(refused)
    assert run(tmp_path, *arguments, "--take", code=1)["taken"] is False

    taken = run(tmp_path, *arguments, "--take", "--good-only")
    assert (taken["taken"], taken["new"], taken["units"], taken["bad"]) == (True, 2, 3, 1)

    none = run(tmp_path, "import-members", str(tmp_path / "none.csv"), code=1)
    assert "cannot be read" in json.dumps(none)
