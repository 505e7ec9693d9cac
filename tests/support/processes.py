"""The demo as `regulars serve --sandbox` runs it: web, worker and sandbox, each a process.

Ports are free ones, so that several may stand side by side; what the processes log is kept.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from regulars.installation import Installation, open_installation
from regulars.settings import read_settings
from storage.verify import count_open
from tests.support.sandbox import SandboxProcess

REPOSITORY = Path(__file__).resolve().parents[2]
START_S = 30.0
STOP_S = 15.0


@dataclass(frozen=True, kw_only=True)
class Running:
    """An installation that runs; `installation` is the same data, opened here as well."""

    folder: Path
    url: str
    sandbox: SandboxProcess
    installation: Installation
    environment: Mapping[str, str]

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def log(self) -> str:
        """Everything the processes have logged."""
        return "".join(path.read_text("utf-8") for path in sorted(self.folder.glob("*.log")))

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the product on this data."""
        return run_command(*arguments, "--data", str(self.data), environment=self.environment)

    def settle(self, timeout_s: float = 20.0) -> None:
        """Wait until nothing is on its way to a phone any more."""
        deadline_s = time.monotonic() + timeout_s
        while any(count_open(self.installation.database).values()):
            open_now = count_open(self.installation.database)
            assert time.monotonic() < deadline_s, f"the worker does not come to rest: {open_now}"
            time.sleep(0.05)


@contextmanager
def running(folder: Path, *, log_level: str = "error") -> Iterator[Running]:
    """Make the demo in `folder` and run it until the block ends."""
    home = folder / "data.sandbox"
    home.mkdir(mode=0o700)
    port = free_port()
    with SandboxProcess(home) as sandbox:
        environment = environment_of(sandbox, port, log_level=log_level)
        data = ("--data", str(folder / "data"))
        made = run_command("init", "--demo", "--json", *data, environment=environment)
        assert made.returncode == 0, made.stderr
        parts = [
            start_part(folder / "web.log", environment, "web", "--port", str(port), *data),
            start_part(folder / "worker.log", environment, "worker", *data),
        ]
        try:
            wait_for_web(port)
            installation = open_installation(read_settings(folder / "data", environ=environment))
            yield Running(
                folder=folder,
                url=environment["REGULARS_PUBLIC_URL"],
                sandbox=sandbox,
                installation=installation,
                environment=environment,
            )
            installation.database.close()
        finally:
            end_parts(parts)


def run_command(
    *arguments: str, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `regulars …` with this interpreter."""
    return subprocess.run(
        [sys.executable, "-m", "regulars", *arguments],
        cwd=REPOSITORY,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def environment_of(sandbox: SandboxProcess, port: int, *, log_level: str) -> dict[str, str]:
    """The settings of parts that serve at `port` and speak to the sandbox."""
    told = sandbox.urls
    ours = {k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")}
    return ours | {
        "REGULARS_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "REGULARS_APNS_URL": told["apns_url"],
        "REGULARS_APNS_CA": told["apns_ca"],
        "REGULARS_GOOGLE_API_URL": told["google_api_url"],
        "REGULARS_GOOGLE_SAVE_URL": told["google_save_url"],
        "REGULARS_GOOGLE_KEYS_URL": told["google_keys_url"],
        "REGULARS_ALLOW_TOKEN_URI": told["token_uri"],
        "REGULARS_SANDBOX_PAGE_URL": told["page_url"],
        "REGULARS_LOG_LEVEL": log_level,
    }


def start_part(
    log: Path,
    environment: Mapping[str, str],
    *arguments: str,
    module: str = "regulars",
) -> subprocess.Popen[bytes]:
    """Start `regulars …`, or another module, as a process of its own group; its log is kept."""
    with log.open("ab") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=REPOSITORY,
            env=dict(environment),
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def kill_part(part: subprocess.Popen[bytes]) -> None:
    """End a part and whatever it started, as a power cut does."""
    os.killpg(part.pid, signal.SIGKILL)
    part.wait()


def end_parts(parts: list[subprocess.Popen[bytes]]) -> None:
    """End parts as an operator does; who is late is killed."""
    for part in parts:
        part.send_signal(signal.SIGTERM)
    for part in parts:
        try:
            part.wait(STOP_S)
        except subprocess.TimeoutExpired:
            part.kill()
            part.wait()


def wait_for_web(port: int) -> None:
    """Wait until the web process at `port` answers."""
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        try:
            if requests.get(f"http://127.0.0.1:{port}/livez", timeout=2).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
    raise AssertionError("the web process did not answer")


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
