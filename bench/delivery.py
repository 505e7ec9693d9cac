"""From the commit of a sale to the push and to the phone's fetch, over real sockets.

    python bench/delivery.py [--sales 60] [--engine sqlite]

Prints p50 and p95 in milliseconds of both, of the product's own path: earn, worker, push server of
the sandbox, "what changed?", fetch of a signed pass. Pace is off: its waits are meant. The sandbox
runs on the same machine and its phone takes its part of the time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from signing.keyring import new_keyring
from storage.engine import Database, DatabaseSettings
from storage.migrate import upgrade
from storage.unit_of_work import open_work
from tests.support.builders import CAFE
from tests.support.sandbox import SandboxProcess
from tests.support.world import World

SALES_A_CARD = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sales", type=int, default=60)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        _furnish(url)
        with SandboxProcess(Path(folder) / "sandbox") as sandbox:
            sandbox.settings(push_thresholds=[])  # a phone that never holds back
            pushed, fetched = _measure(sandbox, url, wanted.sales)
    for name, values in (("commit to push", pushed), ("commit to fetched", fetched)):
        cuts = statistics.quantiles(values, n=20)
        print(f"{name:18} p50 {cuts[9]:7.1f} ms   p95 {cuts[18]:7.1f} ms   n {len(values)}")


def _furnish(url: str) -> None:
    database = Database(DatabaseSettings(url=url))
    upgrade(database)
    from common.clock import SystemClock

    with open_work(database, None, clock=SystemClock()) as work:
        work.merchants.add(CAFE)
        work.commit()
    database.close()


def _measure(sandbox: SandboxProcess, url: str, sales: int) -> tuple[list[float], list[float]]:
    pushed, fetched = [], []
    with World(sandbox, url, new_keyring()) as world:
        world.start_worker()
        for sale in range(sales + 3):
            if sale % SALES_A_CARD == 0:  # a card may earn so often in a day
                card = world.join()
                world.put_on_iphone(card)
            after = sandbox.last_event()
            world.spend(card, 100)
            committed = world.clock.now()
            sandbox.wait_for_kind("phone.notified", after=after, phone=world.iphone)
            world.settled()
            if sale < 3:  # warm: connection, images, signer
                continue
            events = sandbox.events(after)
            pushed.append(_ms(events, "push.received", committed))
            fetched.append(_ms(events, "fetched", committed))
    return pushed, fetched


def _ms(events: list[dict[str, object]], kind: str, since: datetime) -> float:
    at = next(str(event["at"]) for event in events if event["kind"] == kind)
    return (datetime.fromisoformat(at) - since).total_seconds() * 1000


if __name__ == "__main__":
    main()
