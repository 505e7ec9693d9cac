"""Pushes a second and CPU per push of our client, beside h2load on the same server.

The server is nghttpd (Debian's nghttp2-server), h2load is nghttp2-client's; where they are not
installed there is no row. h2load is C and sends no headers of its own per push: it is the bound of
the server, not a rival. Loopback, TLS, one connection's worth of streams on the way.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import trustme

from bench.row import Row
from common.clock import SystemClock
from delivery.apns import PAYLOAD, Push, PushClient
from delivery.outcomes import Outcome
from delivery.settings import DeliverySettings

PUSHES: Final = 4000
ON_THE_WAY: Final = 100
ROUNDS: Final = 3
START_S: Final = 10.0


def run() -> list[Row]:
    """Rate beside h2load's, and CPU per push."""
    if not (shutil.which("nghttpd") and shutil.which("h2load")):
        print("pushes: nghttpd and h2load are not installed", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as url:
        body = Path(folder) / "body"
        body.write_bytes(PAYLOAD)
        rounds = [(_ours(Path(folder), url), _h2load(url, body)) for _round in range(ROUNDS)]
    rate, cpu_us = max(ours for ours, _bound in rounds)
    bound = max(bound for _ours_found, bound in rounds)
    facts = {"per_s": round(rate), "h2load_per_s": round(bound)}
    return [
        Row(
            name="pushes a second",
            baseline="h2load on the same server",
            goal=0.4,
            measured=rate / bound,
            more_is_better=True,
            facts=facts,
        ),
        Row(
            name="CPU per push",
            baseline="the client alone",
            goal=65.0,
            measured=cpu_us,
            more_is_better=False,
            unit="us",
            facts={"on_the_way": ON_THE_WAY},
        ),
    ]


def _ours(folder: Path, url: str) -> tuple[float, float]:
    """Pushes a second, and microseconds of CPU for each."""
    wall_s, cpu_s = send_ours(folder, url, pushes=PUSHES)
    return PUSHES / wall_s, cpu_s / PUSHES * 1_000_000


def send_ours(folder: Path, url: str, *, pushes: int) -> tuple[float, float]:
    """Seconds of the clock and of this process's CPU for so many pushes over a warm connection.

    `folder` holds `ca.pem` and `server.pem`, which serves as the client's identity too.
    """
    pem = (folder / "server.pem").read_bytes()
    settings = DeliverySettings(
        public_url="http://127.0.0.1:1", apns_url=url, apns_ca_file=folder / "ca.pem"
    )
    client = PushClient(settings, clock=SystemClock())
    waiting = [
        Push(push_token=f"{number:064x}", topic="pass.bench", identity=(pem, pem))
        for number in range(pushes)
    ]
    client.begin(waiting[:1])
    while client.on_the_way:
        client.collect(1.0)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    sent = done = 0
    while done < pushes:
        more = waiting[sent : sent + ON_THE_WAY - client.on_the_way]
        client.begin(more)
        sent += len(more)
        answers = client.collect(5.0)
        assert all(answer.outcome is Outcome.DELIVERED for _push, answer in answers), answers[:1]
        done += len(answers)
    spent = time.perf_counter() - wall_s, time.process_time() - cpu_s
    client.close()
    return spent


def _h2load(url: str, body: Path) -> float:
    found = subprocess.run(
        [
            *("h2load", "-n", str(PUSHES), "-c", "1", "-m", str(ON_THE_WAY)),
            *("-d", str(body), f"{url}/3/device/aa"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    rate = re.search(r"([\d.]+) req/s", found.stdout)
    assert rate is not None, found.stdout
    return float(rate[1])


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    leaf.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    pem = str(folder / "server.pem")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        ["nghttpd", "--echo-upload", "-a", "127.0.0.1", str(port), pem, pem],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield f"https://localhost:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("nghttpd did not start")
