"""A whole installation as a person starts it: `regulars init --demo`, then `serve --sandbox`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

from tests.support.sandbox import REPOSITORY, SandboxClient

START_S = 60.0
STOP_S = 20.0


class LiveInstallation:
    """Web, worker and sandbox as real processes on free ports; `facts` is what `serve` told."""

    def __init__(self, folder: Path, *, database_url: str | None = None) -> None:
        self.data = folder / "data"
        self.port, self._sandbox_port, self._push_port = free_ports(3)
        self.address = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if "REGULARS_" not in name}
        self.environment = {
            **kept,
            "PYTHONPATH": str(REPOSITORY),
            "REGULARS_DATA": str(self.data),
            "REGULARS_PUBLIC_URL": self.address,
            "REGULARS_ALLOW_TOKEN_URI": f"http://127.0.0.1:{self._sandbox_port}/token",
            **({"REGULARS_DATABASE_URL": database_url} if database_url else {}),
        }
        self._process: subprocess.Popen[str] | None = None
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.command("init", "--demo")
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start `serve --sandbox` and wait until it is ready."""
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "regulars",
                "serve",
                "--sandbox",
                "--json",
                f"--port={self.port}",
                f"--sandbox-port={self._sandbox_port}",
                f"--push-port={self._push_port}",
            ],
            cwd=REPOSITORY,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        watchdog = threading.Timer(START_S, self._process.kill)
        watchdog.start()
        line = self._process.stdout.readline()
        watchdog.cancel()
        assert line, "serve ended before it was ready; see its stderr above"
        self.facts = json.loads(line)
        self.sandbox = SandboxClient({"page_url": self.facts["sandbox"], **self._addresses()})

    def stop(self) -> int:
        """End it as an operator does; returns the exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            if process.stdout is not None:
                process.stdout.close()
        return code

    def command(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run one command of the command line with --json."""
        done = subprocess.run(
            [sys.executable, "-m", "regulars", *arguments, "--json"],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def _addresses(self) -> dict[str, str]:
        told = json.loads((self.data.with_name("data.sandbox") / "addresses.json").read_text())
        return {name: str(value) for name, value in told.items()}


def free_ports(number: int) -> list[int]:
    """Ports nobody listens on just now."""
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
