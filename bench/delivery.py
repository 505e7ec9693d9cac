"""From commit to the phone: how long until Apple has the push, and until the phone has the card.

Everything is real and runs as `regulars serve` runs it: a web process, a worker process, SQLite,
and the sandbox's push server and phones over sockets. Goals are milliseconds on an idle worker;
loopback and the sandbox's own work are in them. Each phone gets so few changes that the pace
iPhones ask for holds none back.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.row import Row
from common.actor import SYSTEM
from common.ids import new_id
from loyalty.earn import EarnRequest, earn
from loyalty.enrol import EnrolRequest, enrol
from loyalty.merchants import find_merchant
from regulars.installation import Installation
from storage.unit_of_work import open_work
from tests.support.processes import running
from tests.support.sandbox import SandboxProcess

PHONES = 20
CHANGES = 2
WAIT_S = 20.0
GOALS_MS = {"p50": 50.0, "p95": 250.0}
# A phone asks, fetches and checks a signature after the push.
FETCHED_GOALS_MS = {"p50": 150.0, "p95": 500.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    member_id: int
    phone: str


def run() -> list[Row]:
    """Four rows: p50 and p95 to the push and to the fetched card."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with running(folder) as house:
            installation, sandbox = house.installation, house.sandbox
            # What the set-up changed must not be taken for ours.
            house.settle()
            first, *cards = [_join(installation, sandbox, number) for number in range(PHONES + 1)]
            house.settle()
            # The first change opens the connection to the push server.
            _change(installation, sandbox, first)
            samples = [
                _change(installation, sandbox, card) for _ in range(CHANGES) for card in cards
            ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    pushed, fetched = zip(*samples, strict=True)
    return [*_rows("push", pushed, GOALS_MS), *_rows("fetched card", fetched, FETCHED_GOALS_MS)]


def _rows(what: str, times_ms: tuple[float, ...], goals: dict[str, float]) -> Iterator[Row]:
    found = {
        "p50": statistics.median(times_ms),
        "p95": statistics.quantiles(times_ms, n=20, method="inclusive")[-1],
    }
    for name, goal in goals.items():
        yield Row(
            name=f"commit to {what}, {name}",
            baseline="idle worker",
            goal=goal,
            measured=found[name],
            more_is_better=False,
            unit="ms",
            facts={"samples": len(times_ms), "slowest_ms": round(max(times_ms))},
        )


def _change(
    installation: Installation, sandbox: SandboxProcess, card: _Card
) -> tuple[float, float]:
    """Milliseconds from the commit to the push, and to the fetched card."""
    ctx = installation.loyalty
    merchant = find_merchant(ctx, None)
    before = sandbox.last_event()
    request = EarnRequest(
        member_id=card.member_id,
        amount_minor=1000,
        visits=None,
        actor=SYSTEM,
        idempotency_key=f"bench-{new_id()}",
    )
    earn(ctx, merchant.id, request)
    # Both clocks are this machine's; the sandbox tells time in milliseconds.
    committed_s = time.time()
    pushed = sandbox.wait_for_kind("push.received", WAIT_S, after=before, phone=card.phone)
    fetched = sandbox.wait_for_kind("fetched", WAIT_S, after=before, phone=card.phone, changed=True)
    return _ms(pushed["at"], committed_s), _ms(fetched["at"], committed_s)


def _ms(at: str, start_s: float) -> float:
    return max(0.0, (datetime.fromisoformat(at).timestamp() - start_s) * 1000)


def _join(installation: Installation, sandbox: SandboxProcess, number: int) -> _Card:
    ctx = installation.loyalty
    merchant = find_merchant(ctx, None)
    request = EnrolRequest(
        programme_id=_programme(installation, merchant.id),
        name=f"Guest {number}",
        source="command",
        actor=SYSTEM,
    )
    member = enrol(ctx, merchant.id, request)
    phone = sandbox.create_phone("iphone")
    address = f"{ctx.settings.public_url}/m/{member.card_token}/apple.pkpass"
    before = sandbox.last_event()
    sandbox.do(phone, "add", url=address)
    sandbox.wait_for_kind("registered", phone=phone, after=before, timeout_s=WAIT_S)
    return _Card(member_id=member.member_id, phone=phone)


def _programme(installation: Installation, merchant_id: int) -> int:
    ctx = installation.loyalty
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        (programme,) = work.programmes.all()
    return programme.id
