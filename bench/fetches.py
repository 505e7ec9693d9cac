"""What phones ask of the web service: 304, the kept pass, a fresh one; against a bare WSGI reply.

Both stand behind the same server (waitress, as `regulars serve` starts it) on a loopback socket, and
CPU time of the process counts, client included, so that what else the machine does drops out. The
baseline answers the same bytes with nothing behind it. The last row makes many distinct passes and looks at what the process keeps of them.
"""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import waitress
from sqlalchemy import select
from werkzeug.test import EnvironBuilder

from bench.crowd import add_cards
from bench.row import Row
from common.actor import SYSTEM
from common.clock import SystemClock
from ledger.terms import PointsTerms
from loyalty.apple_certificate import install_certificate
from loyalty.context import Loyalty, LoyaltySettings
from loyalty.enrol import EnrolRequest, enrol
from loyalty.merchants import NewMerchant, add_merchant
from loyalty.programmes import add_programme
from loyalty.publish import publish
from signing.apple_certificates import read_pem
from signing.keyring import create_keyring, load_keyring
from signing.sandbox_chain import make_sandbox_apple
from signing.tokens import apple_authentication_token
from storage import tables
from storage.engine import Database, DatabaseSettings
from storage.migrate import upgrade
from storage.unit_of_work import open_work, run_work
from web.app import WebSettings, create_app

GOAL: Final = 0.5
ROUNDS: Final = 7
TURN_S: Final = 0.15
PASSES: Final = int(os.environ.get("REGULARS_BENCH_PASSES", "1000"))
GROWTH_MAX_MB: Final = 40
URL: Final = "http://127.0.0.1:8000"
NOT_MODIFIED: Final = 304
Call = Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shop:
    ctx: Loyalty
    app: Any
    merchant_id: int
    programme_id: int
    pass_type: str
    cards: list[tuple[int, str]] = field(default_factory=list)

    def join(self, name: str) -> tuple[int, str]:
        """A new member's card: id and serial number."""
        request = EnrolRequest(
            programme_id=self.programme_id, name=name, actor=SYSTEM, source="command"
        )
        joined = enrol(self.ctx, self.merchant_id, request)
        with open_work(
            self.ctx.database, self.merchant_id, clock=self.ctx.clock, writing=False
        ) as work:
            card = work.passes.current_of_member(joined.member_id)
        return card.id, card.serial_number

    def headers(self, serial: str, since: str | None = None) -> dict[str, str]:
        token = apple_authentication_token(self.ctx.keyring, serial_number=serial)
        shown = {"Authorization": f"ApplePass {token}"}
        return shown if since is None else shown | {"If-Modified-Since": since}

    def path(self, serial: str) -> str:
        return f"/apple/v1/passes/{self.pass_type}/{serial}"


class _Door:
    """A server for one application, and one client with a connection that stays open."""

    def __init__(self, app: Any) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._server = waitress.create_server(app, sockets=[self._socket], threads=2)
        threading.Thread(target=self._serve, daemon=True).start()
        self._line = http.client.HTTPConnection(*self._socket.getsockname())

    def ask(self, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        self._line.request("GET", path, headers=headers)
        return self._line.getresponse()

    def register(self, path: str, headers: dict[str, str]) -> None:
        self._line.request("POST", path, body=b'{"pushToken": "aa"}', headers=headers)
        assert self._line.getresponse().read() == b""

    def read(self, path: str, headers: dict[str, str]) -> bytes:
        return self.ask(path, headers).read()

    def close(self) -> None:
        self._line.close()
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError):  # Its socket was closed: the measurement is over.
            self._server.run()


def run() -> list[Row]:
    """Three rows against the bare reply, one of memory (REGULARS_BENCH_PASSES, by default 1000)."""
    with _shop() as shop, closing(_Door(shop.app)) as door:
        pass_id, serial = shop.join("Ada")
        path, shown = shop.path(serial), shop.headers(serial)
        answer = door.ask(path, shown)
        since, body = answer.headers["Last-Modified"], answer.read()
        known = shop.headers(serial, since)
        unchanged = door.ask(path, known)
        assert unchanged.status == NOT_MODIFIED, unchanged.status
        unchanged.read()
        return [
            _asked("304 a second", shop, door, path, headers=known, body=b""),
            _asked("kept pass a second", shop, door, path, headers=shown, body=body),
            _row("changed pass a second", lambda: _fresh(shop, door, pass_id, serial), body),
            _memory(shop, door),
        ]


def _row(name: str, call: Call, body: bytes, *, goal: float = 0.0) -> Row:
    with closing(_Door(_bare(body))) as bare_door:
        return _compared(name, call, lambda: bare_door.read("/", {}), goal=goal, size=len(body))


def _compared(name: str, call: Call, bare: Call, *, goal: float, size: int) -> Row:
    ratios, ours_s = [], []
    for warm_up in (bare, call):
        _cpu_per_call(warm_up)
    before = _cpu_per_call(bare)
    for _ in range(ROUNDS):
        ours = _cpu_per_call(call)
        after = _cpu_per_call(bare)
        ratios.append((before + after) / 2 / ours)
        ours_s.append(ours)
        before = after
    cpu = statistics.median(ours_s)
    facts = {"per_core_second": round(1 / cpu), "cpu_us": round(cpu * 1e6), "bytes": size}
    return Row(
        name=name,
        baseline="a bare WSGI reply, same server",
        goal=goal,
        measured=statistics.median(ratios),
        more_is_better=True,
        facts=facts,
    )


def _asked(
    name: str, shop: _Shop, door: _Door, path: str, *, headers: dict[str, str], body: bytes
) -> Row:
    """One row, with the least CPU that the application alone took, without server and client."""
    row = _row(name, lambda: door.read(path, headers), body, goal=GOAL)
    environ = EnvironBuilder(path=path, base_url=URL, headers=headers.items()).get_environ()
    alone = min(_cpu_per_call(lambda: _call(shop.app, dict(environ))) for _ in range(ROUNDS))
    return replace(row, facts={**row.facts, "application_us": round(alone * 1e6)})


def _call(app: Any, environ: dict[str, Any]) -> bytes:
    chunks = app(environ, lambda *_told: None)
    try:
        return b"".join(chunks)
    finally:
        chunks.close()


def _fresh(shop: _Shop, door: _Door, pass_id: int, serial: str) -> bytes:
    """The pass after a change; noting the change is a part of it."""
    run_work(
        shop.ctx.database,
        shop.merchant_id,
        lambda work: work.deliveries.bump_pass(pass_id),
        clock=shop.ctx.clock,
    )
    return door.read(shop.path(serial), shop.headers(serial))


def _memory(shop: _Shop, door: _Door) -> Row:
    """The process grows while its shelves fill, and no more after that."""
    serials = _crowd(shop, door)
    for serial in serials[: PASSES // 2]:
        door.read(shop.path(serial), shop.headers(serial))
    half = _resident_mb()
    for serial in serials[PASSES // 2 :]:
        door.read(shop.path(serial), shop.headers(serial))
    end = _resident_mb()
    return Row(
        name=f"memory, the second half of {PASSES} passes",
        baseline="the process after the first half",
        goal=GROWTH_MAX_MB,
        measured=end - half,
        more_is_better=False,
        unit="MB",
        facts={"resident_MB": round(end)},
    )


def _crowd(shop: _Shop, door: _Door) -> list[str]:
    """Serial numbers of many cards: rows copied from one that was fetched and registered."""
    serial = shop.join("Grace")[1]
    door.read(shop.path(serial), shop.headers(serial))
    door.register(
        f"/apple/v1/devices/phone/registrations/{shop.pass_type}/{serial}", shop.headers(serial)
    )
    add_cards(shop.ctx.database, shop.merchant_id, PASSES)
    with shop.ctx.database.schema_connection() as connection:
        rows = connection.execute(select(tables.wallet_pass.c.serial_number))
        return [str(found) for found in rows.scalars()][-PASSES:]


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def _shop() -> Iterator[_Shop]:
    with tempfile.TemporaryDirectory() as folder:
        create_keyring(Path(folder) / "keys")
        database = Database(DatabaseSettings(url=f"sqlite:///{folder}/bench.sqlite3"))
        upgrade(database)
        ctx = Loyalty(
            database=database,
            clock=SystemClock(),
            keyring=load_keyring(Path(folder) / "keys"),
            settings=LoyaltySettings(public_url=URL, google_save_url=URL, sandbox=True),
        )
        try:
            yield _furnished(ctx)
        finally:
            database.close()


def _furnished(ctx: Loyalty) -> _Shop:
    new = NewMerchant(slug="bench", name="Bench", sandbox=True)
    merchant_id = add_merchant(ctx, new, actor=SYSTEM)
    apple = make_sandbox_apple(ctx.clock.now())
    material = read_pem(apple.certificate_pem + apple.intermediate_pem, apple.key_pem, None)
    install_certificate(ctx, merchant_id, material, actor=SYSTEM, sandbox_root=apple.root_pem)
    terms = PointsTerms(version=1, currency="EUR", spend_minor=100, points=1)
    programme_id = add_programme(
        ctx, merchant_id, slug="club", name="Club", terms=terms, actor=SYSTEM
    )
    publish(ctx, merchant_id, programme_id, actor=SYSTEM)
    app = create_app(ctx, WebSettings(public_url=URL, secret_key="k" * 64))
    return _Shop(
        ctx=ctx,
        app=app,
        merchant_id=merchant_id,
        programme_id=programme_id,
        pass_type=apple.pass_type_identifier,
    )


def _bare(body: bytes) -> Any:
    status = "200 OK" if body else "304 Not Modified"
    headers = [("Content-Length", str(len(body)))]

    def app(_environ: dict[str, Any], start: Any) -> list[bytes]:
        start(status, headers)
        return [body]

    return app


def _cpu_per_call(call: Call) -> float:
    calls, start = 0, time.process_time()
    while (spent := time.process_time() - start) < TURN_S:
        call()
        calls += 1
    return spent / calls
