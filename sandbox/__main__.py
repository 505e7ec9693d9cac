"""`python -m sandbox`: start the other side and say where it listens."""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import sys
import threading
from pathlib import Path

from waitress.server import create_server

from sandbox.app import make_app
from sandbox.home import HomeUnusable
from sandbox.loopback import is_loopback_host
from sandbox.parts import Parts, assemble

THREADS = 48


def main(arguments: list[str] | None = None) -> int:
    wanted = _parser().parse_args(arguments)
    if not is_loopback_host(wanted.host):
        print("The sandbox listens on this machine only: use 127.0.0.1.", file=sys.stderr)
        return 2
    try:
        parts = assemble(Path(wanted.home))
    except (HomeUnusable, OSError) as error:
        return _refuse(error, wanted)
    try:
        urls = _start(parts, wanted)
    except OSError as error:
        parts.close()
        return _refuse(error, wanted)
    _tell(urls, as_json=wanted.json)
    _until_stopped(die_with_parent=wanted.die_with_parent)
    parts.close()
    # Threads that wait in a long poll or for a slow peer must not hold the end up.
    sys.stdout.flush()
    os._exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Pretend phones, push server and Google Wallet server, on this machine only.",
    )
    parser.add_argument("--home", required=True, help="the sandbox's own folder, made if absent")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=8471, help="page and Google; 0 takes any")
    parser.add_argument("--apns-port", type=int, default=8472, help="push server; 0 takes any")
    parser.add_argument("--smtp-port", type=int, default=0, help="mail server; 0 takes any")
    parser.add_argument(
        "--die-with-parent", action="store_true", help="end when the process that started it ends"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON line when ready")
    return parser


def _start(parts: Parts, wanted: argparse.Namespace) -> dict[str, object]:
    parts.apns.start(wanted.host, wanted.apns_port)
    parts.mails.start(wanted.host, wanted.smtp_port)
    server = create_server(
        make_app(parts), host=wanted.host, port=wanted.port, threads=THREADS, ident="sandbox",
        connection_limit=500, channel_timeout=60,
    )  # fmt: skip
    threading.Thread(target=server.run, name="http", daemon=True).start()
    host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
    base = f"http://{host}:{server.effective_port}"
    return {
        "apns_url": f"https://{host}:{parts.apns.port}",
        "google_api_url": f"{base}/walletobjects/v1",
        "google_save_url": f"{base}/gp/v/save",
        "google_keys_url": f"{base}/gp/m/issuer/keys",
        "token_uri": f"{base}/token",
        "stripe_api_url": base,
        "page_url": f"{base}/",
        "smtp_url": f"smtp://{host}:{parts.mails.port}",
        "control_url": f"{base}/control",
        "apns_ca": str(parts.home.apns_ca_path),
        "pid": os.getpid(),
    }


def _tell(urls: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(urls), flush=True)
        return
    print("Sandbox: pretend phones, nothing leaves this machine.")
    for name, value in urls.items():
        print(f"  {name:16} {value}", flush=True)


def _refuse(error: Exception, wanted: argparse.Namespace) -> int:
    words = str(error)
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        words = (
            f"port {wanted.port} or {wanted.apns_port} is taken. Is another sandbox running? "
            f"Stop it, or choose others with --port and --apns-port (0 takes any free one)."
        )
    print(f"The sandbox cannot start: {words}", file=sys.stderr)
    return 1


def _until_stopped(*, die_with_parent: bool) -> None:
    parent = os.getppid()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopped.set())
    while not stopped.wait(0.5):
        # Whoever started us may be killed without a chance to end us.
        if die_with_parent and os.getppid() != parent:
            return


if __name__ == "__main__":
    sys.exit(main())
