"""Our push client beside aioapns, the same pushes to the same server: rate, and CPU per push.

The server is a few lines of Node's HTTP/2, which answers as Apple's does; without Node or aioapns
there is no row. Server and clients share the machine, so the rate of the quicker client is bound by
the server: CPU per push says more. Loopback, TLS, as many streams on the way for both, no pace.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import trustme

from bench.pushes import ON_THE_WAY, send_ours
from bench.row import Row

PUSHES: Final = int(os.environ.get("REGULARS_BENCH_PUSHES", "2000"))
ROUNDS: Final = 3
SERVER: Final = Path(__file__).with_name("push_server.mjs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a number of pushes took: seconds of the clock and of the CPU."""

    wall_s: float
    cpu_s: float


def run() -> list[Row]:
    """Rate and CPU beside aioapns; the median of rounds taken in turn."""
    if not shutil.which("node") or importlib.util.find_spec("aioapns") is None:
        print("push_peers: node or aioapns is not installed", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as port:
        _theirs(Path(folder), port)  # the first run of each pays for imports and handshakes
        _ours(Path(folder), port)
        rounds = [(_ours(Path(folder), port), _theirs(Path(folder), port)) for _ in range(ROUNDS)]
    return _rows(rounds)


def _rows(rounds: list[tuple[Spent, Spent]]) -> list[Row]:
    def per_push_us(spent: list[float]) -> int:
        return round(statistics.median(spent) / PUSHES * 1e6)

    return [
        Row(
            name="pushes a second",
            baseline="aioapns on the same server",
            goal=4.0,
            measured=statistics.median(theirs.wall_s / ours.wall_s for ours, theirs in rounds),
            more_is_better=True,
            facts={
                "per_s": round(PUSHES / min(ours.wall_s for ours, _theirs_spent in rounds)),
                "aioapns_per_s": round(PUSHES / min(theirs.wall_s for _o, theirs in rounds)),
            },
        ),
        Row(
            name="CPU per push, times less",
            baseline="aioapns on the same server",
            goal=4.0,
            measured=statistics.median(theirs.cpu_s / ours.cpu_s for ours, theirs in rounds),
            more_is_better=True,
            facts={
                "us": per_push_us([ours.cpu_s for ours, _theirs_spent in rounds]),
                "aioapns_us": per_push_us([theirs.cpu_s for _o, theirs in rounds]),
            },
        ),
    ]


def _ours(folder: Path, port: int) -> Spent:
    wall_s, cpu_s = send_ours(folder, f"https://localhost:{port}", pushes=PUSHES)
    return Spent(wall_s=wall_s, cpu_s=cpu_s)


def _theirs(folder: Path, port: int) -> Spent:
    return asyncio.run(_send_theirs(folder, port))


async def _send_theirs(folder: Path, port: int) -> Spent:
    from aioapns import APNs, NotificationRequest
    from aioapns.connection import APNsTLSClientProtocol

    class Here(APNsTLSClientProtocol):  # type: ignore[misc]
        APNS_SERVER, APNS_PORT = "localhost", port

    trust = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    trust.set_alpn_protocols(["h2"])
    client: Any = APNs(
        client_cert=str(folder / "server.pem"),
        topic="pass.bench",
        max_connections=1,
        ssl_context=trust,
    )
    client.pool.protocol_class = Here
    places = asyncio.Semaphore(ON_THE_WAY)

    async def one(number: int) -> None:
        async with places:
            push = NotificationRequest(device_token=f"{number:064x}", message={})
            answer = await client.send_notification(push)
            assert answer.is_successful, answer.description

    await one(0)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one(number) for number in range(PUSHES)))
    spent = Spent(wall_s=time.perf_counter() - wall_s, cpu_s=time.process_time() - cpu_s)
    client.pool.close()
    return spent


@contextmanager
def _server(folder: Path) -> Iterator[int]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    pem = folder / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    process = subprocess.Popen(["node", str(SERVER), str(pem)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
