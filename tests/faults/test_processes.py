"""Processes that are killed, frozen, asked to end, or starved: real ones, as `regulars` starts them.

Where a lease has to run out, a minute goes by for real; those tests are the long ones.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from common.actor import SYSTEM
from common.errors import Unavailable
from common.ids import new_id
from loyalty.balance import card_state
from loyalty.earn import EarnRequest, earn
from loyalty.enrol import Enrolment, EnrolRequest, enrol
from loyalty.merchants import find_merchant
from regulars.installation import Installation, open_installation
from regulars.settings import read_settings
from storage.unit_of_work import open_work
from storage.verify import count_open, verify
from tests.support.processes import (
    end_parts,
    environment_of,
    free_port,
    kill_part,
    run_command,
    start_part,
    wait_for_web,
)
from tests.support.sandbox import SandboxProcess

DRAIN_S = 10.0
HALF_SENT = 24
pytestmark = pytest.mark.timeout(240)


class House:
    """The demo on SQLite with a web process and as many workers as a test starts."""

    def __init__(self, folder: Path, sandbox: SandboxProcess) -> None:
        self.folder, self.sandbox = folder, sandbox
        self.port = free_port()
        self.environment = environment_of(sandbox, self.port, log_level="warning")
        self.url = self.environment["REGULARS_PUBLIC_URL"]
        self.data = ("--data", str(folder / "data"))
        self.parts: list[subprocess.Popen[bytes]] = []
        self.installation: Installation

    def __enter__(self) -> Self:
        made = run_command("init", "--demo", "--json", *self.data, environment=self.environment)
        assert made.returncode == 0, made.stderr
        self.installation = open_installation(
            read_settings(self.folder / "data", environ=self.environment)
        )
        self.ctx = self.installation.loyalty
        self.merchant_id = find_merchant(self.ctx, None).id
        with open_work(self.ctx.database, self.merchant_id, clock=self.ctx.clock) as work:
            (self.programme,) = work.programmes.all()
        self.web = self.start("web", "--port", str(self.port))
        wait_for_web(self.port)
        return self

    def __exit__(self, *_error: object) -> None:
        for part in self.parts:
            with suppress(ProcessLookupError):
                part.send_signal(signal.SIGCONT)
        end_parts([part for part in self.parts if part.poll() is None])
        self.sandbox.faults(apns=None, google=None)
        self.installation.database.close()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        part = start_part(
            self.folder / f"{arguments[0]}.log", self.environment, *arguments, *self.data
        )
        self.parts.append(part)
        return part

    def join(self) -> Enrolment:
        return enrol(
            self.ctx,
            self.merchant_id,
            EnrolRequest(
                programme_id=self.programme.id, name="Ada", actor=SYSTEM, source="command"
            ),
        )

    def put_on_iphone(self, member: Enrolment) -> str:
        phone = self.sandbox.create_phone("iphone")
        after = self.sandbox.last_event()
        url = f"{self.url}/m/{member.card_token}/apple.pkpass"
        self.sandbox.do(phone, "add", url=url)
        self.sandbox.wait_for_kind("registered", after=after, phone=phone)
        self.sandbox.wait_for_kind("listed", after=after, phone=phone)
        return phone

    def spend(self, member: Enrolment, amount_minor: int, *, key: str = "") -> int:
        request = EarnRequest(
            member_id=member.member_id,
            amount_minor=amount_minor,
            visits=None,
            actor=SYSTEM,
            idempotency_key=key or f"k{new_id()}",
        )
        return earn(self.ctx, self.merchant_id, request).balance

    def balance(self, member: Enrolment) -> int:
        return card_state(self.ctx, self.merchant_id, member.member_id).balance

    def freeze(self, part: subprocess.Popen[bytes], member: Enrolment) -> None:
        """Stop a process while it waits: one stopped in a transaction holds SQLite's one pen."""
        while True:
            os.kill(part.pid, signal.SIGSTOP)
            with suppress(Unavailable):
                self.spend(member, 1)
                return
            os.kill(part.pid, signal.SIGCONT)
            threading.Event().wait(0.1)

    def leases(self) -> list[str]:
        with self.ctx.database.connection(writing=False) as connection:
            rows = connection.exec_driver_sql("select lease from delivery where lease is not null")
            return [row[0] for row in rows]

    def wait_until(self, look: Callable[[], Any], *, timeout_s: float = 20.0) -> Any:
        ends_s = time.monotonic() + timeout_s
        while time.monotonic() < ends_s:
            if found := look():
                return found
            threading.Event().wait(0.02)
        log = "".join(path.read_text("utf-8")[-2000:] for path in self.folder.glob("*.log"))
        raise AssertionError(f"still not after {timeout_s} s: {log}")

    def shows(self, phone: str, balance: int, *, timeout_s: float = 20.0) -> None:
        """Wait until the phone shows the balance."""
        wanted = f"'balance': {balance},"
        self.wait_until(
            lambda: wanted in str(self.sandbox.iphone(phone)["cards"]), timeout_s=timeout_s
        )

    def answers(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/livez", timeout=5).ok
        return False

    def connect(self) -> socket.socket:
        parts = urlsplit(self.url)
        return socket.create_connection((str(parts.hostname), int(parts.port or 80)), timeout=5)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    (tmp_path / "data.sandbox").mkdir(mode=0o700)
    with SandboxProcess(tmp_path / "data.sandbox") as own, House(tmp_path, own) as made:
        yield made


@pytest.mark.long
def test_a_worker_killed_between_push_and_settling_costs_a_push_and_no_truth(house: House) -> None:
    member = house.join()
    phone = house.put_on_iphone(member)
    house.sandbox.faults(apns={"kind": "hang", "count": 1})
    worker = house.start("worker")
    house.spend(member, 1200)
    house.wait_until(house.leases)
    house.wait_until(lambda: not house.sandbox._get("/faults").get("apns"))

    kill_part(worker)
    house.start("worker")

    house.shows(phone, 12, timeout_s=90)
    house.wait_until(lambda: not any(count_open(house.installation.database).values()))
    assert verify(house.installation.database) == []


@pytest.mark.long
def test_a_frozen_worker_that_wakes_late_changes_nothing_newer(house: House) -> None:
    member = house.join()
    phone = house.put_on_iphone(member)
    house.sandbox.faults(apns={"kind": "hang", "count": 1})
    frozen = house.start("worker")
    house.spend(member, 1200)
    house.wait_until(house.leases)
    house.wait_until(lambda: not house.sandbox._get("/faults").get("apns"))
    house.freeze(frozen, member)
    house.start("worker")
    house.shows(phone, 12, timeout_s=90)
    house.spend(member, 800)
    house.shows(phone, 20)

    os.kill(frozen.pid, signal.SIGCONT)
    house.spend(member, 100)

    house.shows(phone, 21, timeout_s=30)
    house.wait_until(lambda: not any(count_open(house.installation.database).values()))
    assert frozen.poll() is None
    assert verify(house.installation.database) == []


def test_half_sent_requests_hold_nobody_up(house: House) -> None:
    """Slow clients: 24 bodies that never end, and as many heads."""
    with ExitStack() as open_sockets:
        for number in range(HALF_SENT * 2):
            slow = open_sockets.enter_context(house.connect())
            head = b"POST /till/find HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n"
            slow.sendall(head + (b"\r\nhalf" if number % 2 else b""))
        begun_s = time.monotonic()
        for _ in range(10):
            assert house.answers()

        assert time.monotonic() - begun_s < 5


def test_a_process_without_file_handles_refuses_and_recovers(house: House) -> None:
    used = psutil.Process(house.web.pid).num_fds()
    soft, hard = resource.prlimit(house.web.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(house.web.pid, resource.RLIMIT_NOFILE, (used + 6, hard))
    with ExitStack() as open_sockets:
        for _ in range(40):
            with suppress(OSError):
                open_sockets.enter_context(house.connect())
        house.answers()

    resource.prlimit(house.web.pid, resource.RLIMIT_NOFILE, (soft, hard))
    house.wait_until(house.answers)
    assert house.web.poll() is None
    assert house.join().member_id


def test_large_bodies_leave_the_memory_as_it_was(house: House) -> None:
    process = psutil.Process(house.web.pid)
    assert house.answers()
    before = process.memory_info().rss
    for path in ("/j/XXXX", "/till/find", "/apple/v1/log", "/google/callback/1"):
        for _ in range(4):
            with suppress(requests.RequestException):
                answer = requests.post(house.url + path, data=b"x" * 20_000_000, timeout=20)
                assert answer.status_code < 500

    assert house.answers()
    assert process.memory_info().rss - before < 60_000_000


def test_sigterm_in_the_middle_of_requests_ends_in_time_and_loses_nothing(house: House) -> None:
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            house.answers()

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    worker = house.start("worker")
    member = house.join()
    phone = house.put_on_iphone(member)
    house.spend(member, 1200)
    begun_s = time.monotonic()

    end_parts([house.web, worker])

    took_s = time.monotonic() - begun_s
    stop.set()
    for client in clients:
        client.join(20)
    assert took_s < DRAIN_S, took_s
    assert house.leases() == []
    house.web = house.start("web", "--port", str(house.port))
    wait_for_web(house.port)
    house.start("worker")
    house.shows(phone, 12, timeout_s=60)


def test_web_killed_under_load_comes_back_with_whole_books(house: House) -> None:
    member = house.join()
    balance = 0
    for number in range(3):
        asked = threading.Thread(target=house.answers)
        asked.start()
        kill_part(house.web)
        with suppress(Unavailable):
            balance = house.spend(member, 1200, key=f"k{number}")
        house.web = house.start("web", "--port", str(house.port))
        wait_for_web(house.port)
        asked.join(10)

    assert house.balance(member) == balance == 36
    assert verify(house.installation.database) == []
