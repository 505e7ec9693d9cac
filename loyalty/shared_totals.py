"""What all members gave together, on every card within minutes and never once per donation.

A total that changed moves the cards of its programme at most once in a quarter of an hour, and not
while an earlier change of them is still under way: a thousand donations are one round of cards.
The member who gives sees the new total at once, with the movement.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ledger.offers import RewardKind
from loyalty.context import Loyalty
from storage.mass_changes import MassChanges
from storage.night import known_fact, note_fact
from storage.unit_of_work import UnitOfWork, run_work

AT_MOST_EVERY: Final = timedelta(minutes=15)


def tell_totals(ctx: Loyalty, merchant_id: int) -> int:
    """Let cards be sent anew whose programme's total changed; returns how many programmes."""

    def action(work: UnitOfWork) -> int:
        programmes = [one.id for one in work.programmes.all()]
        return sum(_tell(work, merchant_id, programme_id) for programme_id in programmes)

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _tell(work: UnitOfWork, merchant_id: int, programme_id: int) -> bool:
    total = sum(
        one.used * (one.value or 0)
        for one in work.programmes.rewards(programme_id)
        if one.kind == RewardKind.DONATION
    )
    name = f"donated {merchant_id} {programme_id}"
    known = known_fact(work.scope, name)
    told, told_at = _read(known)
    now = work.clock.now()
    if total == told or MassChanges(work.scope).is_moving(programme_id):
        return False
    # A moment ahead of now was written by a wrong clock.
    if told_at is not None and timedelta() <= now - told_at < AT_MOST_EVERY:
        return False
    if not note_fact(work.scope, name, f"{total} {now.isoformat()}", known=known):
        return False  # another worker told it
    work.deliveries.bump_programme(programme_id, reason="terms")
    return True


def _read(known: str | None) -> tuple[int, datetime | None]:
    total, _space, moment = (known or "0").partition(" ")
    return int(total), datetime.fromisoformat(moment) if moment else None
