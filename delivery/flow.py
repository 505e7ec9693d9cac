"""The loop of a lane: claim what is due, hand it over, collect what ended, until told to stop.

A lane keeps several batches on the way, so that what hangs holds up nobody else; a merchant that
has its share on the way gets no more until some of it ended. Not here: what a lane does with a
claim (apple_lane.py, google_lane.py).
Rules:
- work is found in the tables; wake-ups only make it sooner;
- what breaks a batch is tried row by row, and a row that breaks alone is parked after
  `poison_tries_max` times: others flow;
- told to stop, a lane collects for `STOP_S` and gives the rest back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from common.errors import Unavailable
from common.ids import new_id
from delivery.desk import Desk
from delivery.retry import bound_s
from storage import claims as settle
from storage.claims import Claim, Claims, Settlement
from storage.deliveries import Channel
from storage.engine import Database
from storage.unit_of_work import open_work, run_work
from storage.wakeups import Wakeups, open_wakeups

POISON: Final = "broken_row"
AFTER_FAILURE_S: Final = 1.0
COLLECT_S: Final = 0.02
"""How long is waited for an end before the tables are looked at again."""
STOP_S: Final = 3.0
HAND_MAX: Final = 512
"""Claims a lane has on the way at most."""
_LOOK_AHEAD: Final = 4

_log = logging.getLogger("regulars.delivery")


class Lane(Protocol):
    """What delivers claims of its channels and returns when all are settled."""

    def deliver(self, claims: Sequence[Claim]) -> None: ...

    def close(self) -> None: ...


class FlowingLane(Protocol):
    """What keeps claims on the way."""

    def begin(self, merchant_id: int, claims: Sequence[Claim]) -> None:
        """Take a merchant's claims in hand."""

    def collect(self, wait_s: float) -> None:
        """Settle what has ended; wait at most so long for the first."""

    def abandon(self) -> None:
        """Give back what is in hand."""

    @property
    def in_hand(self) -> int:
        """Claims that are not settled."""

    @property
    def full(self) -> Collection[int]:
        """Merchants that have their share on the way."""

    def close(self) -> None: ...


class Hears(Protocol):
    """What opens wake-ups."""

    def __call__(
        self, database: Database, *, stop: threading.Event
    ) -> AbstractContextManager[Wakeups]: ...


def run_lane(
    desk: Desk,
    make_lane: Callable[[Desk], FlowingLane],
    channels: Sequence[Channel],
    *,
    hear: Hears = open_wakeups,
) -> None:
    """Claim and deliver rows of these channels until told to stop; `hear` tells of commits."""
    lane = make_lane(desk)
    try:
        while not desk.stop.is_set():
            try:
                with hear(desk.database, stop=desk.stop) as wakeups:
                    while not desk.stop.is_set():
                        step(desk, lane, channels, wakeups)
            except Exception:  # noqa: BLE001 - the loop's edge
                # Whatever broke, the lane must live; the rows are leased and come back.
                _log.exception("delivery.lane_failed", extra={"channel": str(channels[0])})
                desk.stop.wait(AFTER_FAILURE_S)
        _finish(desk, lane)
    finally:
        lane.close()


def step(desk: Desk, lane: FlowingLane, channels: Sequence[Channel], wakeups: Wakeups) -> None:
    """Take what is due and settle what ended; wait when there is neither."""
    claims = _claim(desk, channels, without=lane.full) if lane.in_hand < HAND_MAX else []
    for merchant_id, mine in by_merchant(claims).items():
        _row_by_row(desk, mine, partial(lane.begin, merchant_id))
    if lane.in_hand:
        lane.collect(0.0 if claims else COLLECT_S)
    elif not claims:
        lane.collect(0.0)  # it may want to look after what it keeps open
        wakeups.wait(desk.settings.poll_s)


def turn(desk: Desk, lane: Lane, channels: Sequence[Channel]) -> int:
    """Claim one batch and deliver it; returns how many rows were claimed."""
    claims = _claim(desk, channels)
    if desk.stop.is_set():
        write_settlements(desk, [settle.given_back(claim) for claim in claims])
    elif claims:
        _row_by_row(desk, claims, lane.deliver)
    return len(claims)


def by_merchant(claims: Sequence[Claim]) -> dict[int, list[Claim]]:
    """Claims by merchant, in their order."""
    found: dict[int, list[Claim]] = {}
    for claim in claims:
        found.setdefault(claim.merchant_id, []).append(claim)
    return found


def write_settlements(desk: Desk, settlements: Sequence[Settlement]) -> None:
    """Write what became of claims of any merchants."""
    if settlements:
        run_work(
            desk.database,
            None,
            lambda work: Claims(work.scope).settle(settlements),
            clock=desk.clock,
        )


def poisoned(desk: Desk, claim: Claim) -> Settlement:
    """What becomes of a row that breaks whoever works on it."""
    if claim.attempts + 1 >= desk.settings.poison_tries_max:
        return settle.parked(claim, error=POISON)
    due_at = desk.clock.now() + timedelta(seconds=bound_s(claim.attempts))
    return settle.later(claim, due_at, error=POISON, attempt=True)


def _claim(
    desk: Desk, channels: Sequence[Channel], *, without: Collection[int] = ()
) -> list[Claim]:
    """One batch. What is due is read first, so that an idle worker never writes."""
    limit = desk.settings.batch
    with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
        due = Claims(work.scope).due(channels, limit=limit * _LOOK_AHEAD, without=without)
    if not due:
        return []
    lease = f"{desk.settings.worker_name}-{new_id()}"
    return run_work(
        desk.database,
        None,
        lambda work: Claims(work.scope).claim(channels, lease=lease, limit=limit, due=due),
        clock=desk.clock,
    )


def _row_by_row(
    desk: Desk, claims: Sequence[Claim], work_on: Callable[[Sequence[Claim]], None]
) -> None:
    """Work on a batch; what breaks it is found row by row."""
    if _works(claims, work_on):
        return
    for claim in claims:
        if not _works([claim], work_on):
            write_settlements(desk, [poisoned(desk, claim)])


def _works(claims: Sequence[Claim], work_on: Callable[[Sequence[Claim]], None]) -> bool:
    try:
        work_on(claims)
    except Unavailable:
        raise  # the database is away: no row's fault
    except Exception:  # noqa: BLE001 - one broken row must not stop the others
        _log.exception(
            "delivery.batch_failed",
            extra={"deliveries": [claim.id for claim in claims][:20], "rows": len(claims)},
        )
        return False
    return True


def _finish(desk: Desk, lane: FlowingLane) -> None:
    """Wait a little for what is on the way, then give it back."""
    end_s = desk.clock.monotonic_s() + STOP_S
    while lane.in_hand and desk.clock.monotonic_s() < end_s:
        lane.collect(COLLECT_S)
    lane.abandon()
