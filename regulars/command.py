"""`regulars`: the command line of whoever runs the machine.

Every command takes `--data DIR` and `--json`; see regulars/console.py for the exit codes. A command
is imported when it is called, for all of them together take seconds.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Final

import click

from regulars.commands.usage import AnsweringGroup

MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "setup": ("init", "owner-link", "merchant"),
    "processes": ("serve", "worker", "web"),
    "wallets": (
        "apple-request",
        "apple-certificate",
        "apple-push-key",
        "google-account",
        "google-adopt",
    ),
    "google_callbacks": ("google-callback",),
    "kept_passes": ("import-passes", "export-passes"),
    "cards": ("issue", "inspect", "passes"),
    "members": ("member",),
    "members_import": ("import-members",),
    "ledger": ("earn", "stamp", "redeem", "reverse", "balance"),
    "checks": ("verify", "doctor"),
    "keys": ("rotate-keys",),
    "backup": ("backup", "restore"),
    "upgrade": ("upgrade",),
    "migrate_engine": ("migrate-engine",),
    "outbox": ("outbox",),
    "rules": ("rules",),
}
"""Module of regulars.commands -> the names of its COMMANDS."""
_MODULE_OF: Final = {name: module for module, names in MODULES.items() for name in names}


class LateGroup(AnsweringGroup):
    """A group that knows its commands by name and imports the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click asks so
        return sorted(_MODULE_OF)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = _MODULE_OF.get(cmd_name)
        if module is None:
            return None
        offered: Sequence[click.Command] = importlib.import_module(
            f"regulars.commands.{module}"
        ).COMMANDS
        return next(command for command in offered if command.name == cmd_name)


@click.group(
    cls=LateGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="regulars", message="%(version)s")
def main() -> None:
    """Issue loyalty cards that live in the phone's own wallet.

    Start with `regulars init --demo` and `regulars serve --sandbox`, or `regulars init` for a
    shop of your own.
    """


if __name__ == "__main__":
    main()
