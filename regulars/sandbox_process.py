"""Starts `python -m sandbox` beside the product and learns its addresses.

The sandbox never stands beside a real certificate: demo data must not become real.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from common.errors import ConfigurationError, Unavailable
from regulars.demo import has_demo
from regulars.settings import Settings

STOP_S: Final = 5.0
EXTRAS: Final = ("h2", "trustme", "jsonschema", "googleapiclient")


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxProcess:
    """A running sandbox and what it told."""

    process: subprocess.Popen[str]
    addresses: Mapping[str, str]

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_sandbox(settings: Settings, *, port: int, push_port: int) -> SandboxProcess:
    """Start the sandbox and wait for the line that says where it is.

    Raises:
        ConfigurationError: its extra libraries are missing, or there is no demo to play with.
        Unavailable: it did not start; its own words are on stderr.
    """
    missing = [name for name in EXTRAS if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            "The sandbox needs more libraries: pip install 'regulars[sandbox]' "
            f"({', '.join(missing)} not found)."
        )
    if not has_demo(settings):
        raise ConfigurationError(
            f"There is no demo in {settings.data}. Run `regulars init --demo` first; "
            "the sandbox never stands beside a real shop."
        )
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "sandbox",
            "--json",
            "--die-with-parent",
            f"--home={settings.sandbox_home}",
            f"--port={port}",
            f"--apns-port={push_port}",
        ],
        stdout=subprocess.PIPE,
        env=dict(os.environ),
        text=True,
        start_new_session=True,
    )
    line = process.stdout.readline() if process.stdout else ""
    try:
        addresses = json.loads(line)
    except ValueError as error:
        process.kill()
        raise Unavailable("The sandbox did not start; see its message above.") from error
    return SandboxProcess(process=process, addresses=addresses)
