"""What a command prints: sentences for a person, or one JSON object for a program.

Rules: with `--json` stdout carries exactly one object; logs and progress go to stderr. Exit codes:
0 done · 1 refused, or a fault was found · 2 wrong usage · 3 wrong settings · 4 try again later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import click

from common.errors import ConfigurationError, InvalidInput, WalletError

EXIT_REFUSED: Final = 1
EXIT_CONFIGURATION: Final = 3
EXIT_LATER: Final = 4


class Console:
    """Where one command's answer goes."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def show(self, facts: Mapping[str, Any], *lines: str) -> None:
        """The command's one answer: `facts` as JSON, or `lines` for a person."""
        if self.as_json:
            click.echo(json.dumps(facts, ensure_ascii=False, default=str))
        else:
            for line in lines:
                click.echo(line)

    def note(self, line: str) -> None:
        """Progress and warnings, on stderr so that stdout stays the answer."""
        click.echo(line, err=True)

    def fail(self, error: WalletError) -> int:
        """Tell what went wrong; the exit code is returned."""
        if self.as_json:
            body: dict[str, Any] = {"code": error.code, "message": error.message}
            if isinstance(error, InvalidInput):
                body["errors"] = list(error.errors)
            click.echo(json.dumps({"error": body}, ensure_ascii=False))
        else:
            click.echo(error.message, err=True)
        if isinstance(error, ConfigurationError):
            return EXIT_CONFIGURATION
        return EXIT_LATER if error.retryable else EXIT_REFUSED
