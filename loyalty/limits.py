"""Say "not so fast": token buckets in front of whatever a stranger may try again and again.

Not done here: which limit belongs to which door; the caller names purpose, size and refill.

Rules:
- A bucket is taken in its own transaction before the attempt, so a failing attempt costs too.
- The name holds no contact and no token: an address, a till's or a card's id, or a hash.
"""

from __future__ import annotations

import math

from common.errors import TooMany
from loyalty.context import Loyalty
from storage.unit_of_work import UnitOfWork, run_work


def take(ctx: Loyalty, name: str, *, capacity: int, refill_per_s: float, cost: int = 1) -> None:
    """Take `cost` tokens of the bucket `name`; it starts full with `capacity`.

    Raises:
        TooMany: they are not there; it says after how many seconds they will be.
        Unavailable: the bucket could not be asked; nothing was taken.
    """

    def action(work: UnitOfWork) -> float:
        return work.buckets.take(name, capacity=capacity, refill_per_s=refill_per_s, cost=cost)

    wait_s = run_work(ctx.database, None, action, clock=ctx.clock)
    if wait_s > 0:
        raise TooMany(retry_after_s=max(1, math.ceil(wait_s)))
