"""A till as its own process, made to be killed: earns the keys it is given and tells each answer.

    python -m tests.support.earning_till URL MERCHANT_ID THREADS < orders

An order is a line `key member_id amount`; each answer is a line `key operation_id units` on
standard output, written at once and only after the use case has answered.
"""

from __future__ import annotations

import os
import queue
import sys
import threading

from common.actor import SYSTEM
from common.clock import SystemClock
from common.errors import OperationInFlight, Unavailable
from ledger.limits import Limits
from loyalty.context import Loyalty, LoyaltySettings
from loyalty.earn import EarnRequest, earn
from signing.keyring import new_keyring
from storage.engine import Database, DatabaseSettings

LIMITS = Limits(earns_per_card_day=1_000_000)
TRIES = 20


def main() -> None:
    url, merchant_id, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    ctx = Loyalty(
        database=Database(DatabaseSettings(url=url)),
        clock=SystemClock(),
        keyring=new_keyring(),
        settings=LoyaltySettings(public_url="http://127.0.0.1:1", google_save_url=""),
    )
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    for line in sys.stdin:
        orders.put(line)
    workers = [
        threading.Thread(target=_work, args=(ctx, merchant_id, orders)) for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _work(ctx: Loyalty, merchant_id: int, orders: queue.SimpleQueue[str]) -> None:
    while True:
        try:
            line = orders.get_nowait()
        except queue.Empty:
            return
        key, member_id, amount = line.split()
        request = EarnRequest(
            member_id=int(member_id),
            amount_minor=int(amount),
            visits=None,
            actor=SYSTEM,
            idempotency_key=key,
        )
        answer = _earn(ctx, merchant_id, request)
        os.write(1, f"{key} {answer}\n".encode())


def _earn(ctx: Loyalty, merchant_id: int, request: EarnRequest) -> str:
    for _ in range(TRIES):
        try:
            result = earn(ctx, merchant_id, request, limits=LIMITS)
        except (Unavailable, OperationInFlight):
            continue
        return f"{result.operation_id} {result.units}"
    raise RuntimeError(f"{request.idempotency_key} was not taken")


if __name__ == "__main__":
    main()
