"""The outbox's loop in a worker: claim, hand over, record, for each channel in a thread of its own.

Not done here: what a channel does with a row (mail_lane.py, google_messages.py). Rules as for
deliveries (worker.py): work is found in the table, a row that breaks alone is dead after a few
tries, told to stop a worker gives its leases back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, Protocol

from common.errors import Unavailable
from common.ids import new_id
from delivery.desk import Desk
from delivery.outcomes import Answer, Outcome
from delivery.retry import bound_s, decide
from storage import outbox_claims as settle
from storage.outbox import OutboxChannel
from storage.outbox_claims import OutboxClaim, OutboxClaims, OutboxSettlement
from storage.unit_of_work import open_work, run_work
from storage.wakeups import open_wakeups

BATCH: Final = 20
POISON: Final = "broken_row"
BURY_EVERY_S: Final = 30.0
AFTER_FAILURE_S: Final = 1.0

_log = logging.getLogger("regulars.delivery")


class OutboxLane(Protocol):
    """What hands rows of its channel over, and settles every one."""

    def deliver(self, claims: Sequence[OutboxClaim]) -> None: ...

    def close(self) -> None: ...


def run_outbox(desk: Desk, make_lane: Callable[[Desk], OutboxLane], channel: OutboxChannel) -> None:
    """Claim and hand over rows of a channel until told to stop."""
    lane = make_lane(desk)
    try:
        while not desk.stop.is_set():
            try:
                _flow(desk, lane, channel)
            except Exception:  # noqa: BLE001 - the loop's edge
                _log.exception("delivery.outbox_failed", extra={"channel": str(channel)})
                desk.stop.wait(AFTER_FAILURE_S)
    finally:
        lane.close()


def outbox_turn(desk: Desk, lane: OutboxLane, channel: OutboxChannel) -> int:
    """Claim one batch and hand it over; returns how many rows were claimed."""
    with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
        if not OutboxClaims(work.scope).any_due([channel]):
            return 0
    lease = f"{desk.settings.worker_name}-{new_id()}"
    claims = run_work(
        desk.database,
        None,
        lambda work: OutboxClaims(work.scope).claim([channel], lease=lease, limit=BATCH),
        clock=desk.clock,
    )
    if desk.stop.is_set():
        record(desk, [settle.given_back(claim) for claim in claims])
    elif claims:
        _deliver_all(desk, lane, claims)
    return len(claims)


def record(desk: Desk, settlements: Sequence[OutboxSettlement]) -> None:
    """Write what became of claims."""
    run_work(
        desk.database,
        None,
        lambda work: OutboxClaims(work.scope).settle(settlements),
        clock=desk.clock,
    )


def settlement(desk: Desk, claim: OutboxClaim, answer: Answer) -> OutboxSettlement:
    """What an answer makes of a row."""
    now = desk.clock.now()
    match answer.outcome:
        case Outcome.DELIVERED:
            return settle.sent(claim)
        case Outcome.PERMANENT | Outcome.GONE | Outcome.MISSING:
            return settle.dead(claim, error=answer.reason)
        case Outcome.BREAKER:
            return settle.later(claim, claim.due_at, error=answer.reason, attempt=False)
        case Outcome.THROTTLED:
            due_at = now + timedelta(seconds=max(answer.retry_after_s or 1.0, 0.05))
            return settle.later(claim, due_at, error=answer.reason, attempt=False)
        case _:
            decision = decide(
                now=now,
                attempts=claim.attempts,
                draw=desk.draw,
                retry_after_s=answer.retry_after_s,
                tries_max=desk.settings.tries_max,
            )
            if decision.due_at is None:
                return settle.dead(claim, error=answer.reason)
            return settle.later(claim, decision.due_at, error=answer.reason, attempt=True)


def _flow(desk: Desk, lane: OutboxLane, channel: OutboxChannel) -> None:
    buried_s = -BURY_EVERY_S
    with open_wakeups(desk.database, stop=desk.stop) as wakeups:
        while not desk.stop.is_set():
            if desk.clock.monotonic_s() - buried_s >= BURY_EVERY_S:
                buried_s = desk.clock.monotonic_s()
                _bury(desk)
            if not outbox_turn(desk, lane, channel):
                wakeups.wait(desk.settings.poll_s)


def _bury(desk: Desk) -> None:
    with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
        if not OutboxClaims(work.scope).any_late():
            return
    run_work(
        desk.database, None, lambda work: OutboxClaims(work.scope).bury_late(), clock=desk.clock
    )


def _deliver_all(desk: Desk, lane: OutboxLane, claims: Sequence[OutboxClaim]) -> None:
    """Hand a batch over; what breaks it is found row by row."""
    if _delivers(lane, claims):
        return
    for claim in claims:
        if not _delivers(lane, [claim]):
            record(desk, [_poisoned(desk, claim)])


def _delivers(lane: OutboxLane, claims: Sequence[OutboxClaim]) -> bool:
    try:
        lane.deliver(claims)
    except Unavailable:
        raise  # the database is away: no row's fault
    except Exception as error:  # noqa: BLE001 - one broken row must not stop the others
        # The kind of error alone: its text may hold what the row says.
        _log.error(
            "delivery.outbox_batch_failed",
            extra={"rows": [claim.id for claim in claims][:20], "error": type(error).__name__},
        )
        return False
    return True


def _poisoned(desk: Desk, claim: OutboxClaim) -> OutboxSettlement:
    if claim.attempts + 1 >= desk.settings.poison_tries_max:
        return settle.dead(claim, error=POISON)
    due_at = desk.clock.now() + timedelta(seconds=bound_s(claim.attempts))
    return settle.later(claim, due_at, error=POISON, attempt=True)
