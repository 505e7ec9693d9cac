"""A whole installation in one test process, talking to the sandbox over real sockets.

Web server, worker and database are the product's own; phones and providers are the sandbox's. Time
is real here: tests wait for events, never for seconds.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import pytest
import waitress

from common.actor import SYSTEM
from common.clock import SystemClock
from common.ids import new_id
from delivery.google_client import GoogleClient
from delivery.settings import DeliverySettings, PaceSettings
from delivery.worker import run_worker
from ledger.terms import PointsTerms
from loyalty.apple_certificate import install_certificate
from loyalty.context import Loyalty, LoyaltySettings
from loyalty.earn import EarnRequest, earn
from loyalty.enrol import Enrolment, EnrolRequest, enrol
from loyalty.google_account import install_google_account
from loyalty.programmes import add_programme
from loyalty.publish import publish
from loyalty.results import OperationResult
from loyalty.rewards import add_reward
from signing.apple_certificates import read_pem
from signing.keyring import Keyring
from storage.deliveries import BehindLine
from storage.engine import Database, DatabaseSettings
from storage.unit_of_work import open_work
from storage.wallet_passes import WalletPass
from tests.support import serving
from tests.support.builders import CAFE
from tests.support.sandbox import (
    AppleChain,
    SandboxProcess,
    make_apple_chain,
    make_service_account,
)
from web.app import WebSettings, create_app

NO_PACE = PaceSettings(burst_score=1e9)
apple_chain = cache(make_apple_chain)
service_account = cache(make_service_account)


@dataclass(frozen=True, kw_only=True)
class Card:
    """A member with a card in this world."""

    member_id: int
    pass_id: int
    token: str
    serial_number: str


class World:
    """Use as a context manager; everything stops with it."""

    def __init__(
        self,
        sandbox: SandboxProcess,
        database_url: str,
        keyring: Keyring,
        *,
        pace: PaceSettings = NO_PACE,
        **settings: Any,
    ) -> None:
        self.sandbox = sandbox
        self.merchant_id = CAFE.id
        self.database = Database(DatabaseSettings(url=database_url))
        self.clock = SystemClock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.settings = DeliverySettings(
            public_url=self.url,
            apns_url=sandbox.urls["apns_url"],
            apns_ca_file=sandbox.urls["apns_ca"],  # type: ignore[arg-type]
            google_api_url=sandbox.urls["google_api_url"],
            google_keys_url=sandbox.urls["google_keys_url"],
            allowed_token_uri=sandbox.urls["token_uri"],
            **{"pace": pace, "request_timeout_s": 3.0, "poll_s": 0.2} | settings,
        )
        self.keyring = keyring
        self.ctx = self._context()
        self._server = self._serve()
        self._workers: list[tuple[threading.Thread, threading.Event]] = []
        self.programme_id = self._furnish()
        self.iphone = sandbox.create_phone("iphone")
        self.android = sandbox.create_phone("android")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop_workers()
        self.sandbox.faults(apns=None, google=None)
        self.stop_web()
        self.google.close()
        self.database.close()

    def stop_web(self) -> None:
        serving.end(self._server, self._thread)

    def start_worker(self, **settings: Any) -> threading.Event:
        """One more worker, in a thread with a database of its own."""
        stop = threading.Event()
        database = Database(DatabaseSettings(url=self._url_of_database()))

        def work() -> None:
            run_worker(
                replace(self.settings, worker_name=f"worker-{new_id()}", **settings),
                database=database,
                clock=self.clock,
                keyring=self.keyring,
                stop=stop,
            )
            database.close()

        thread = threading.Thread(target=work, name="worker", daemon=True)
        thread.start()
        self._workers.append((thread, stop))
        return stop

    def stop_workers(self) -> None:
        for _thread, stop in self._workers:
            stop.set()
        for thread, _stop in self._workers:
            thread.join(15)
            assert not thread.is_alive(), "a worker did not stop in time"
        self._workers.clear()

    def join(self, name: str = "Ada") -> Card:
        """A new member with a card."""
        enrolment: Enrolment = enrol(
            self.ctx,
            self.merchant_id,
            EnrolRequest(programme_id=self.programme_id, name=name, actor=SYSTEM, source="command"),
        )
        with open_work(self.database, self.merchant_id, clock=self.clock, writing=False) as work:
            card = work.passes.current_of_member(enrolment.member_id)
        return Card(
            member_id=enrolment.member_id,
            pass_id=card.id,
            token=enrolment.card_token,
            serial_number=card.serial_number,
        )

    def spend(self, card: Card, amount_minor: int = 1000) -> OperationResult:
        """A sale at the till: 100 minor units give one point."""
        return self.spend_of(card.member_id, amount_minor)

    def spend_of(self, member_id: int, amount_minor: int = 1000) -> OperationResult:
        """The same for a member whose card began elsewhere."""
        return earn(
            self.ctx,
            self.merchant_id,
            EarnRequest(
                member_id=member_id,
                amount_minor=amount_minor,
                visits=None,
                actor=SYSTEM,
                idempotency_key=f"key-{new_id()}",
            ),
        )

    def put_on_iphone(self, card: Card, phone: str = "") -> None:
        """Add the pass on a phone; wait until it registered, asked what changed and fetched that."""
        phone = phone or self.iphone
        after = self.sandbox.last_event()
        self.sandbox.do(phone, "add", url=f"{self.url}/m/{card.token}/apple.pkpass")
        self.sandbox.wait_for_kind("registered", after=after, phone=phone)
        self.sandbox.wait_for_kind("fetched", after=after, phone=phone)

    def wallet_pass(self, card: Card) -> WalletPass:
        with open_work(self.database, self.merchant_id, clock=self.clock, writing=False) as work:
            return work.passes.get(card.pass_id)

    def deliveries(self) -> list[dict[str, Any]]:
        """Every delivery row, for a test to look at."""
        return self._rows("select * from delivery order by id")

    def _rows(self, query: str) -> list[dict[str, Any]]:
        with self.database.connection(writing=False) as connection:
            if not self.database.is_sqlite:
                connection.exec_driver_sql("select set_config('regulars.merchant', '*', true)")
            rows = connection.exec_driver_sql(query)
            return [dict(row._mapping) for row in rows]

    def behind(self) -> list[dict[str, Any]]:
        return [r for r in self.deliveries() if r["wanted_revision"] > r["delivered_revision"]]

    def wait_until(self, look: Callable[[], Any], *, timeout_s: float = 15.0) -> Any:
        """What `look` gives as soon as it is true; for states that send no event."""
        end_s = self.clock.monotonic_s() + timeout_s
        while self.clock.monotonic_s() < end_s:
            found = look()
            if found:
                return found
            threading.Event().wait(0.01)
        raise AssertionError(f"still not after {timeout_s} s; rows: {self.deliveries()}")

    def publishing_done(self) -> None:
        """Wait until a worker has carried every publication to the cards there are."""
        self.wait_until(lambda: not self._rows("select 1 from mass_change where done_at is null"))

    def settled(self) -> None:
        """Wait until no target is behind."""
        self.wait_until(lambda: not self.behind())

    def behind_lines(self) -> list[BehindLine]:
        """What the console shows of targets that are behind."""
        with open_work(self.database, self.merchant_id, clock=self.clock, writing=False) as work:
            return work.deliveries.behind()

    def trust(self, chain: AppleChain) -> None:
        """Install the chain's certificate here, and its root in the sandbox."""
        self.install(chain)
        self.sandbox.trust(chain)

    def install(self, chain: AppleChain) -> None:
        material = read_pem(chain.certificate_pem + chain.intermediate_pem, chain.key_pem, None)
        install_certificate(
            self.ctx, self.merchant_id, material, actor=SYSTEM, sandbox_root=chain.root_pem
        )

    def _url_of_database(self) -> str:
        return self.database.url

    def _context(self) -> Loyalty:
        self.google = GoogleClient(
            self.settings, database=self.database, keyring=self.keyring, clock=self.clock
        )
        return Loyalty(
            database=self.database,
            clock=self.clock,
            keyring=self.keyring,
            settings=LoyaltySettings(
                public_url=self.url,
                google_save_url=self.sandbox.urls["google_save_url"],
                sandbox=True,
                google_keys_url=self.sandbox.urls["google_keys_url"],
                allowed_token_uri=self.sandbox.urls["token_uri"],
            ),
            google=self.google,
        )

    def _serve(self) -> Any:
        app = create_app(self.ctx, WebSettings(public_url=self.url, secret_key="k" * 64))
        logging.getLogger("waitress").setLevel(logging.ERROR)
        server = waitress.create_server(app, sockets=[self._socket], threads=6)
        self._thread = threading.Thread(target=serving.run, args=(server,), name="web", daemon=True)
        self._thread.start()
        return server

    def _furnish(self) -> int:
        chain, account = apple_chain(), service_account()
        self.sandbox.trust(chain, accounts=(account,))
        self.install(chain)
        self.chain = chain
        install_google_account(
            self.ctx,
            self.merchant_id,
            json.dumps(account.key_file(self.sandbox.urls["token_uri"])).encode(),
            issuer_id=account.issuer_id,
            actor=SYSTEM,
            sandbox_token_uri=self.sandbox.urls["token_uri"],
        )
        programme_id = add_programme(
            self.ctx,
            self.merchant_id,
            slug="club",
            name="Bean Club",
            terms=PointsTerms(version=1, currency="EUR", spend_minor=100, points=1),
            actor=SYSTEM,
        )
        add_reward(
            self.ctx,
            self.merchant_id,
            programme_id,
            slug="coffee",
            name="Coffee",
            cost=10,
            actor=SYSTEM,
        )
        publish(self.ctx, self.merchant_id, programme_id, actor=SYSTEM)
        return programme_id


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """One sandbox for the whole run; each world has phones of its own on it."""
    with SandboxProcess(Path(tmp_path_factory.mktemp("sandbox"))) as running:
        yield running


@pytest.fixture
def world(sandbox: SandboxProcess, database_url: str, keyring: Keyring) -> Iterator[World]:
    """A whole installation, on each engine in turn."""
    with World(sandbox, database_url, keyring) as made:
        yield made
