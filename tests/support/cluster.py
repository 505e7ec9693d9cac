"""Several web and worker processes on one PostgreSQL behind one address, as on several machines."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import requests

from common.actor import SYSTEM
from common.ids import new_id
from loyalty.enrol import Enrolment, EnrolRequest, enrol
from loyalty.merchants import find_merchant
from loyalty.tills import add_till, list_tills, use_this_device
from regulars.demo import demo_facts
from regulars.installation import Installation, open_installation
from regulars.settings import read_settings
from signing.tokens import barcode_token
from storage.unit_of_work import open_work
from storage.verify import count_open
from tests.support.balancer import Balancer
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
from tests.support.visitor import Visitor

ANSWER_S = 40.0


class Cluster:
    """Use as a context manager. Parts are named `web-0`, `web-1`, `worker-0`, `worker-1`."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        home = folder / "data.sandbox"
        home.mkdir(mode=0o700)
        self.sandbox = SandboxProcess(home)
        self._ports = [free_port(), free_port()]
        self.balancer = Balancer(self._ports)
        self.environment = {
            **environment_of(self.sandbox, self.balancer.port, log_level="warning"),
            "REGULARS_DATABASE_URL": database_url,
            "REGULARS_DATA": str(folder / "data"),
            "REGULARS_DATABASE_CONNECTIONS": "8",
        }
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.installation: Installation

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _begin(self) -> None:
        made = run_command("init", "--demo", "--json", environment=self.environment)
        assert made.returncode == 0, made.stderr
        self.balancer.__enter__()
        for name in ("web-0", "web-1", "worker-0", "worker-1"):
            self.start(name)
        for port in self._ports:
            wait_for_web(port)
        self.installation = open_installation(read_settings(environ=self.environment))
        self.ctx = self.installation.loyalty
        self.merchant_id = find_merchant(self.ctx, None).id
        with open_work(self.ctx.database, self.merchant_id, clock=self.ctx.clock) as work:
            (self.programme,) = work.programmes.all()

    def __exit__(self, *_error: object) -> None:
        end_parts(list(self.parts.values()))
        self.balancer.__exit__()
        if "installation" in vars(self):  # it came up whole
            self.installation.database.close()
        self.sandbox.stop()

    def start(self, name: str) -> None:
        """Start a part, for the first time or again."""
        log = self.folder / f"{name}.log"
        kind, _dash, number = name.partition("-")
        if kind == "worker":
            self.parts[name] = start_part(log, self.environment, "worker")
            return
        bind = f"127.0.0.1:{self._ports[int(number)]}"
        settings = ("-c", "python:regulars.gunicorn_settings", "--bind", bind, "--workers", "1")
        self.parts[name] = start_part(log, self.environment, *settings, module="gunicorn")

    def kill(self, name: str) -> None:
        """End a part as a power cut does."""
        kill_part(self.parts.pop(name))

    def drain(self, name: str) -> float:
        """End a part as an operator does; returns the seconds it took."""
        begin_s = time.monotonic()
        end_parts([self.parts.pop(name)])
        return time.monotonic() - begin_s

    def log(self) -> str:
        return "".join(path.read_text("utf-8") for path in sorted(self.folder.glob("*.log")))

    def join(self, name: str) -> Enrolment:
        """A new member of the demo café."""
        request = EnrolRequest(
            programme_id=self.programme.id, name=name, actor=SYSTEM, source="command"
        )
        return enrol(self.ctx, self.merchant_id, request)

    def put_on_iphone(self, member: Enrolment) -> str:
        """The card on a phone of its own, which registered and fetched; its id."""
        phone = self.sandbox.create_phone("iphone")
        after = self.sandbox.last_event()
        url = f"{self.balancer.url}/m/{member.card_token}/apple.pkpass"
        self.sandbox.do(phone, "add", url=url)
        self.sandbox.wait_for_kind("registered", after=after, phone=phone)
        return phone

    def barcode(self, member: Enrolment) -> str:
        with open_work(
            self.ctx.database, self.merchant_id, clock=self.ctx.clock, writing=False
        ) as work:
            card = work.passes.current_of_member(member.member_id)
        return barcode_token(
            self.ctx.keyring,
            merchant_id=self.merchant_id,
            pass_id=card.id,
            generation=card.generation,
        )

    def till(self) -> Till:
        """A new till of its own, paired and opened with the barista's PIN."""
        (first, *_others) = list_tills(self.ctx, self.merchant_id)
        till_id = add_till(
            self.ctx,
            self.merchant_id,
            location_id=first.location_id,
            name=f"Till {new_id()}",
            actor=SYSTEM,
        )
        token = use_this_device(self.ctx, self.merchant_id, till_id, actor=SYSTEM)
        return Till(self.balancer.url, token, pin=str(demo_facts(self.installation)["staff_pin"]))

    def settle(self, timeout_s: float = 90.0) -> None:
        """Wait until nothing is on its way to a phone: leases of the killed run out first."""
        deadline_s = time.monotonic() + timeout_s
        while any(count_open(self.installation.database).values()):
            open_now = count_open(self.installation.database)
            assert time.monotonic() < deadline_s, f"{open_now}\n{self.log()[-3000:]}"
            time.sleep(0.1)


class Till:
    """A barista with a browser that tries again when the other side goes away."""

    def __init__(self, url: str, token: str, *, pin: str) -> None:
        self._visitor = Visitor(url)
        self._visitor.session.cookies.set("regulars-till", token)
        # A proxy's caller opens a connection for each request, so that all web processes serve it.
        self._visitor.session.headers["Connection"] = "close"
        self._until_answered(lambda: self._visitor.open("/till"))
        self._visitor.submit("/till/pin", pin=pin)

    def earn(self, barcode: str, amount: str) -> None:
        """Scan and earn; the same form is sent again until it was answered."""
        self._until_answered(lambda: self._visitor.open("/till"))
        self._send("/till/find", code=barcode)
        self._send("/till/earn", amount=amount)

    def _send(self, action: str, **values: str) -> None:
        page = self._visitor.page

        def once() -> None:
            self._visitor.page = page
            self._visitor.submit(action, **values)

        self._until_answered(once)

    def _until_answered(self, ask: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + ANSWER_S
        while True:
            try:
                ask()
            except (requests.RequestException, AssertionError) as error:
                gone = isinstance(error, requests.RequestException) or "503" in str(error)
                if not gone or time.monotonic() > deadline_s:
                    raise
                time.sleep(0.05)
            else:
                return
