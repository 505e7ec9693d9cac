"""One tap to try again what was parked."""

from __future__ import annotations

from common.actor import Actor
from loyalty.context import Loyalty
from storage.unit_of_work import UnitOfWork, run_work


def retry_parked(ctx: Loyalty, merchant_id: int, *, actor: Actor) -> int:
    """Let the worker try every parked target of the merchant again; returns how many."""

    def action(work: UnitOfWork) -> int:
        count = work.deliveries.retry_parked()
        if count:
            work.audit.add(
                actor=actor,
                action="delivery.retry",
                subject_kind="merchant",
                subject_id=merchant_id,
                detail={"count": count},
            )
        return count

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)
