"""`regulars`: the command line of whoever runs the machine.

Every command takes `--data DIR` and `--json`; see regulars/console.py for the exit codes.
"""

from __future__ import annotations

import click

from regulars.commands import (
    backup,
    cards,
    checks,
    google_callbacks,
    kept_passes,
    keys,
    ledger,
    members,
    migrate_engine,
    outbox,
    rules,
    setup,
    upgrade,
    wallets,
)
from regulars.commands import processes as processes_commands
from regulars.commands.usage import AnsweringGroup


@click.group(
    cls=AnsweringGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="regulars", message="%(version)s")
def main() -> None:
    """Issue loyalty cards that live in the phone's own wallet.

    Start with `regulars init --demo` and `regulars serve --sandbox`, or `regulars init` for a
    shop of your own.
    """


for module in (
    setup,
    processes_commands,
    wallets,
    google_callbacks,
    kept_passes,
    cards,
    members,
    ledger,
    checks,
    keys,
    backup,
    upgrade,
    migrate_engine,
    outbox,
    rules,
):
    for command in module.COMMANDS:
        main.add_command(command)


if __name__ == "__main__":
    main()
