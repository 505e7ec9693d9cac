"""The outbox as its owner sees it: what waits, what was refused and why, and sending it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.actor import Actor
from loyalty.context import Loyalty
from storage.breakers import Breakers, OpenBreaker
from storage.outbox import OutboxLine, OutboxState
from storage.unit_of_work import UnitOfWork, open_work, run_work

PAGE: Final = 50
MAIL: Final = "mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPage:
    """A page of rows; `stopped` says why no mail leaves at all, `older` where the next page begins."""

    sends_mail: bool
    lines: tuple[OutboxLine, ...]
    counts: dict[str, int]
    stopped: OpenBreaker | None
    older: int | None


def mail_page(
    ctx: Loyalty, merchant_id: int, *, state: str | None = None, before_id: int | None = None
) -> MailPage:
    """The merchant's rows, the newest first, of one state or of all."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        lines = work.outbox.lines(
            state=OutboxState(state) if state else None, limit=PAGE, before_id=before_id
        )
        return MailPage(
            sends_mail=ctx.settings.sends_mail,
            lines=tuple(lines),
            counts=work.outbox.counts(),
            stopped=Breakers(work.scope).of_channel(MAIL),
            older=lines[-1].id if len(lines) == PAGE else None,
        )


def replay_mails(ctx: Loyalty, merchant_id: int, *, row_id: int | None = None, actor: Actor) -> int:
    """Send one dead row again, or all of the merchant's; returns how many.

    Raises:
        NotFound: there is no such dead row, or what it said is gone.
    """

    def action(work: UnitOfWork) -> int:
        count = work.outbox.replay(row_id)
        # Whoever asks again has mended the account: what it held up leaves too.
        Breakers(work.scope).close(MAIL)
        work.audit.add(
            actor=actor,
            action="outbox.replay",
            subject_kind="outbox",
            subject_id=row_id,
            detail={"rows": count},
        )
        return count

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)
