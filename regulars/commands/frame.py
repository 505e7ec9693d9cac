"""What every command shares: `--data`, `--json`, `--merchant`, and how a fault ends it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from common.errors import Unavailable, WalletError
from loyalty.merchants import find_merchant
from regulars.console import Console
from regulars.installation import Installation, open_installation, with_running_sandbox
from regulars.logs import set_up_logging
from regulars.settings import Settings, read_settings
from storage.merchants import Merchant


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a command works with."""

    settings: Settings
    console: Console

    def open(self) -> Installation:
        """The installation, with a running sandbox's addresses where none are set."""
        try:
            return open_installation(with_running_sandbox(self.settings))
        except Unavailable as error:
            raise Unavailable(
                "The database does not answer. Start it, or mend REGULARS_DATABASE_URL."
            ) from error


def framed(function: Callable[..., int | None]) -> Callable[..., None]:
    """Give a command `--data` and `--json`; its first argument becomes the Desk.

    The function returns None for success, or an exit code.
    """

    @click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="The data folder (default: REGULARS_DATA, or ./data).",
    )
    @click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object.")
    @functools.wraps(function)
    def wrapper(*arguments: Any, data: Path | None, as_json: bool, **options: Any) -> None:
        console = Console(as_json=as_json)
        try:
            settings = read_settings(data)
            set_up_logging(settings.environment.log_level)
            code = function(Desk(settings=settings, console=console), *arguments, **options)
        except WalletError as error:
            code = console.fail(error)
        except OSError as error:
            code = console.fail(Unavailable(f"{error.strerror}: {error.filename}"))
        sys.exit(code or 0)

    return wrapper


merchant_option = click.option("--merchant", help="The merchant's name, where there are several.")


def chosen(installation: Installation, slug: str | None) -> Merchant:
    """The merchant a command means."""
    return find_merchant(installation.loyalty, slug)
