"""The command line knows every command by name before it imports one."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import click
import pytest

import regulars.commands
from regulars.command import MODULES, main


def modules_with_commands() -> dict[str, tuple[str | None, ...]]:
    found = {}
    for info in pkgutil.iter_modules(regulars.commands.__path__):
        module = importlib.import_module(f"regulars.commands.{info.name}")
        if hasattr(module, "COMMANDS"):
            found[info.name] = tuple(command.name for command in module.COMMANDS)
    return found


def test_every_command_of_every_module_is_offered() -> None:
    assert modules_with_commands() == dict(MODULES)


def test_a_name_finds_its_command_and_another_none() -> None:
    context = click.Context(main)

    assert all(
        (found := main.get_command(context, n)) and found.name == n
        for n in main.list_commands(context)
    )
    assert main.get_command(context, "earns") is None


@pytest.mark.parametrize(
    "rooms", [("web", "delivery", "storage", "loyalty", "flask", "sqlalchemy")]
)
def test_what_nobody_asked_for_is_not_imported(rooms: tuple[str, ...]) -> None:
    program = f"import sys, regulars.command; print([r for r in {rooms!r} if r in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "[]"
