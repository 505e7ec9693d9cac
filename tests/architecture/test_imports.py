"""The arrows between the rooms, as `make lint` checks them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.architecture.house import HOUSE


def test_no_room_imports_what_lies_above_or_beside_it():
    tool = Path(sys.executable).with_name("lint-imports")

    checked = subprocess.run(
        [str(tool), "--no-logo", "--no-cache"],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert checked.returncode == 0, checked.stdout
