"""What the tests of this folder ask the checkout: its rooms, modules and errors."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parents[2]
# Folders at the top that are no rooms: they are not installed.
BESIDE = frozenset({"tests", "bench", "docs", "requirements", "bin", "data", "dist", "build"})


@cache
def settings() -> dict[str, Any]:
    return tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))


def rooms() -> set[str]:
    """The top folders with Python in them."""
    return {
        path.name
        for path in HOUSE.iterdir()
        if path.is_dir()
        and not path.name.startswith(".")
        and path.name not in BESIDE
        and any(path.glob("*.py"))
    }


def modules() -> list[Path]:
    """Every Python file of the rooms, the tests and the bench."""
    folders = [HOUSE / name for name in sorted(rooms() | {"tests", "bench"})]
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def import_everything() -> None:
    """Import every module of every room but the sandbox."""
    for room in sorted(rooms() - {"sandbox"}):
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if "__main__" not in module.name and "migrations" not in module.name:
                importlib.import_module(module.name)


def run_script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of bin/ with this interpreter."""
    return subprocess.run(
        [sys.executable, str(HOUSE / "bin" / name), *arguments],
        cwd=HOUSE,
        env=dict(os.environ) | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
