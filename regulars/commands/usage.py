"""How a wrongly spelled command ends: with `--json`, as one JSON object like every other answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click


class AnsweringGroup(click.Group):
    """A group whose usage errors are one JSON object on stdout where `--json` is given."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run a command line; exit code 2 for wrong usage, as click has it."""
        given = list(sys.argv[1:] if args is None else args)
        if "--json" not in given or not extra.get("standalone_mode", True):
            return super().main(given, *rest, **extra)
        try:
            sys.exit(super().main(given, *rest, **{**extra, "standalone_mode": False}) or 0)
        except click.ClickException as error:
            body = {"code": "usage", "message": error.format_message()}
            click.echo(json.dumps({"error": body}, ensure_ascii=False))
            sys.exit(error.exit_code)
        except click.Abort:
            body = {"code": "aborted", "message": "Aborted; nothing was changed."}
            click.echo(json.dumps({"error": body}))
            sys.exit(1)
