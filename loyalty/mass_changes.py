"""Hold, let go on or end a change of many cards at once.

What was moved before still goes out: a phone that was told cannot be untold.
"""

from __future__ import annotations

from common.actor import Actor
from common.errors import Conflict, NotFound
from common.i18n import gettext as _
from loyalty.context import Loyalty
from storage.mass_changes import MassChanges
from storage.unit_of_work import UnitOfWork, run_work


class MassChangeOver(Conflict):
    """That change is done or was ended; nothing is left to hold."""

    code = "mass_change_over"


def pause(ctx: Loyalty, merchant_id: int, change_id: int, *, actor: Actor) -> None:
    """Move no further cards for now.

    Raises:
        NotFound: this merchant has no such change.
        MassChangeOver: it is not under way.
    """
    _turn(ctx, merchant_id, change_id, verb="pause", actor=actor)


def resume(ctx: Loyalty, merchant_id: int, change_id: int, *, actor: Actor) -> None:
    """Go on where it stopped.

    Raises:
        NotFound: this merchant has no such change.
        MassChangeOver: it is not paused.
    """
    _turn(ctx, merchant_id, change_id, verb="resume", actor=actor)


def cancel(ctx: Loyalty, merchant_id: int, change_id: int, *, actor: Actor) -> None:
    """Move no further cards ever; they show the change with their next movement.

    Raises:
        NotFound: this merchant has no such change.
        MassChangeOver: it is not under way.
    """
    _turn(ctx, merchant_id, change_id, verb="cancel", actor=actor)


def _turn(ctx: Loyalty, merchant_id: int, change_id: int, *, verb: str, actor: Actor) -> None:
    def action(work: UnitOfWork) -> None:
        changes = MassChanges(work.scope)
        turn = {"pause": changes.pause, "resume": changes.resume, "cancel": changes.cancel}[verb]
        if not changes.has(change_id):
            raise NotFound(_("There is no such change here."))
        if not turn(change_id):
            raise MassChangeOver(_("That change is over already, or it was held or let go before."))
        work.audit.add(
            actor=actor,
            action=f"mass_change.{verb}",
            subject_kind="mass_change",
            subject_id=change_id,
            detail={},
        )
        work.deliveries.wake()

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)
