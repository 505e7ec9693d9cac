"""The built wheel runs outside the checkout: nothing that is needed was left out of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.architecture.house import HOUSE, rooms


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=HOUSE)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def regulars(wheel, tmp_path_factory):
    """An environment with the wheel in it; the libraries are lent, the checkout is not."""
    folder = tmp_path_factory.mktemp("empty") / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    packages = next((folder / "lib").glob("python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    lent = packages.parent / "lent"
    lent.mkdir()
    for path in _libraries():
        (lent / path.name).symlink_to(path)
    (packages / "lent.pth").write_text(str(lent), encoding="utf-8")

    def call(*arguments, data):
        program = "from regulars.command import main; main(prog_name='regulars')"
        command = [str(python), "-I", "-c", program, *arguments]
        return run([*command, "--data", str(data)] if data else command, cwd=folder)

    return call


def _libraries():
    """What is installed beside us, without the line that leads back to the checkout."""
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        ours = path.suffix == ".pth" or path.name.startswith(("regulars-", "_regulars"))
        if not ours and path.name not in rooms():
            yield path


def run(command, *, cwd):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "REGULARS_"))}
    done = subprocess.run(
        command, cwd=cwd, env=clean, capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_carries_pages_pictures_migrations_and_catalogues(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", *sorted(rooms()), "templates"],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert {name for name in tracked if (HOUSE / name).is_file()} - held == set()
    assert not any(name.startswith(("tests/", "bench/", "docs/")) for name in held)


def test_the_wheel_runs_without_the_checkout(regulars, tmp_path):
    assert "init" in regulars("--help", data=None)

    told = json.loads(regulars("init", "--demo", "--json", data=tmp_path / "data"))

    assert told["merchant"] == "demo"
    assert (tmp_path / "data").is_dir()


def test_the_wheel_alone_issues_a_card_and_verifies(regulars, tmp_path):
    data = tmp_path / "data"
    regulars("init", "--demo", data=data)

    card = tmp_path / "card.pkpass"
    regulars(
        *("issue", "--programme", "demo", "--name", "Ada", "--apple", str(card), "--json"),
        data=data,
    )

    assert json.loads(regulars("inspect", str(card), "--json", data=data))["fault"] is False
    assert json.loads(regulars("verify", "--json", data=data))["ok"] is True
