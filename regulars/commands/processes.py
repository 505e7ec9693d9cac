"""`serve`, `worker` and the hidden `web`: the processes of an installation."""

from __future__ import annotations

import errno
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Final

import click

from common.clock import SystemClock
from common.errors import Conflict
from regulars.commands.frame import Desk, framed
from regulars.installation import (
    DEFAULT_PORT,
    SANDBOX_SENDER,
    create_installation,
    open_installation,
    public_url,
    refuse_empty_place,
    write_sandbox_addresses,
)
from regulars.locks import alone
from regulars.sandbox_process import SandboxProcess, start_sandbox
from regulars.settings import PREFIX, Settings
from regulars.supervisor import Part, Supervisor, end_with_parent, only_one
from storage.wakeups import take_leave

SANDBOX_PORT: Final = 8471
PUSH_PORT: Final = 8472


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(1, 65535))
@click.option("--sandbox", is_flag=True, help="Start pretend phones and wallets beside it.")
@click.option(
    "--insecure-lan",
    is_flag=True,
    help="Open sign-in and till to other machines without https (a red bar says so).",
)
@click.option("--sandbox-port", default=SANDBOX_PORT, hidden=True, type=click.IntRange(0, 65535))
@click.option("--push-port", default=PUSH_PORT, hidden=True, type=click.IntRange(0, 65535))
@framed
def serve(
    desk: Desk,
    *,
    host: str,
    port: int,
    sandbox: bool,
    insecure_lan: bool,
    sandbox_port: int,
    push_port: int,
) -> None:
    """Run everything on this machine: web pages and the worker that updates the phones.

    Both are started again when they end by themselves, and drained on SIGTERM within 10 seconds.
    """
    refuse_empty_place(desk.settings)
    ports = (sandbox_port, push_port) if sandbox else None
    with only_one(desk.settings.data), _sandbox(desk, ports=ports) as phones:
        settings = desk.settings
        told: Mapping[str, str] = phones.addresses if phones else {}
        address = settings.environment.public_url or f"http://{_host_for_link(host)}:{port}"
        environment = {PREFIX + "PUBLIC_URL": address, **_as_variables(settings, told)}
        if phones:
            write_sandbox_addresses(settings.sandbox_home, {**told, "public_url": address})
        with alone(settings.data):
            create_installation(settings)
        _refuse_taken_port(host, port)
        shared = ["--data", str(settings.data)]
        flags = ["--insecure-lan"] if insecure_lan else []
        parts = [
            Part(
                name="web",
                arguments=[
                    "-m",
                    "regulars",
                    "web",
                    *shared,
                    "--host",
                    host,
                    "--port",
                    str(port),
                    *flags,
                ],
                environment=environment,
            ),
            Part(
                name="worker",
                arguments=["-m", "regulars", "worker", *shared, "--with-parent"],
                environment=environment,
            ),
        ]
        Supervisor(parts, clock=SystemClock(), note=desk.console.note).run(
            ready=lambda: _listens(_host_for_link(host), port),
            tell=lambda: _tell(desk, address=address, phones=phones),
        )


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _host_for_link(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 - compared, not bound


def _as_variables(settings: Settings, told: Mapping[str, str]) -> dict[str, str]:
    """The sandbox's addresses as variables of the child processes; what is set already stays."""
    named = {
        "APNS_URL": "apns_url",
        "APNS_CA": "apns_ca",
        "GOOGLE_API_URL": "google_api_url",
        "GOOGLE_SAVE_URL": "google_save_url",
        "GOOGLE_KEYS_URL": "google_keys_url",
        "STRIPE_API_URL": "stripe_api_url",
        "ALLOW_TOKEN_URI": "token_uri",
        "SANDBOX_PAGE_URL": "page_url",
    }
    given = settings.environment.model_fields_set
    if "smtp_url" in told and not {"smtp_url", "mail_from"} & given:
        told = {**told, "mail_from": SANDBOX_SENDER}
        named |= {"SMTP_URL": "smtp_url", "MAIL_FROM": "mail_from"}
    return {
        PREFIX + variable: told[name]
        for variable, name in named.items()
        if name in told and variable.lower() not in given
    }


def _tell(desk: Desk, *, address: str, phones: SandboxProcess | None) -> None:
    from regulars.demo import demo_facts, has_demo

    facts: dict[str, object] = {"address": address}
    lines = ["", f"  Regulars is at        {address}/console"]
    if phones:
        facts["sandbox"] = phones.addresses["page_url"]
        lines.append(f"  The phones are at     {phones.addresses['page_url']}")
    if phones and has_demo(desk.settings):
        demo = demo_facts(create_installation(desk.settings))
        link = str(demo["owner_link"]).replace(public_url(desk.settings), address, 1)
        facts |= {**demo, "owner_link": link}
        lines += [
            f"  Sign in, once, with   {link}",
            f"  The barista's PIN is  {demo['staff_pin']}",
        ]
    desk.console.show(facts, *lines, "", "  Ctrl-C ends it.", "")
    sys.stdout.flush()


@contextmanager
def _sandbox(desk: Desk, *, ports: tuple[int, int] | None) -> Iterator[SandboxProcess | None]:
    if ports is None:
        yield None
        return
    phones = start_sandbox(desk.settings, port=ports[0], push_port=ports[1])
    try:
        yield phones
    finally:
        phones.stop()


def _refuse_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                mend = "Stop what uses it, or choose another with --port."
            else:
                mend = "Give an address of this machine with --host, like 127.0.0.1."
            raise Conflict(
                f"Port {port} on {host} cannot be had ({error.strerror}). {mend}"
            ) from error


@click.command("worker")
@click.option("--with-parent", is_flag=True, hidden=True)
@framed
def worker(desk: Desk, *, with_parent: bool) -> None:
    """Run one more worker: it brings every change to the phones. For PostgreSQL, start many."""
    # Each process imports its own rooms alone: the other's are megabytes it never uses.
    from delivery.worker import run_worker
    from regulars.nights import start_nights

    # Beside `serve --sandbox` this one must speak to the sandbox too, never to Apple or Google.
    installation = desk.open()
    stop = threading.Event()
    _stop_on_signals(stop)
    if with_parent:
        end_with_parent(stop.set)
    start_nights(installation.loyalty, stop)
    run_worker(
        installation.delivery,
        database=installation.database,
        clock=SystemClock(),
        keyring=installation.keyring,
        stop=stop,
    )
    take_leave(installation.database, installation.delivery.worker_name, clock=SystemClock())


def _stop_on_signals(stop: threading.Event) -> None:
    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)


@click.command("web", hidden=True)
@click.option("--host", default="127.0.0.1")
@click.option("--port", default=DEFAULT_PORT, type=int)
@click.option("--insecure-lan", is_flag=True)
@framed
def web(desk: Desk, *, host: str, port: int, insecure_lan: bool) -> None:
    """Serve the pages; started by `serve`."""
    from regulars.web_process import serve_web

    serve_web(open_installation(desk.settings), host=host, port=port, insecure_lan=insecure_lan)


COMMANDS = (serve, worker, web)
