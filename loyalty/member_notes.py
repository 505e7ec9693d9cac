"""Notes of the owner and managers about a member: sealed, in the member's export, gone with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.actor import Actor
from common.errors import InvalidInput, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from signing.sealing import seal, unseal
from storage.member_notes import NOTES_MAX, Note
from storage.members import MemberState
from storage.unit_of_work import UnitOfWork, open_work, run_work

NOTE_MAX: Final = 500
_COLUMN: Final = "member_note.text"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenNote:
    """A note as it is read."""

    id: int
    text: str
    actor_kind: str
    actor_id: int | None
    created_at: datetime


def add_note(ctx: Loyalty, merchant_id: int, member_id: int, text: str, *, actor: Actor) -> int:
    """Keep a note; its id is returned.

    Raises:
        InvalidInput: field `note`; empty, too long, or too many.
        NotFound: this merchant has no such member, or they were erased.
    """
    typed = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if not typed or len(typed) > NOTE_MAX:
        raise InvalidInput(_("Write 1 to %(max)d characters.", max=NOTE_MAX), field="note")

    def action(work: UnitOfWork) -> int:
        if work.members.get(member_id).state == MemberState.ERASED:
            raise NotFound(_("This member was erased."))
        if work.notes.count(member_id) >= NOTES_MAX:
            raise InvalidInput(
                _("A member has at most %(max)d notes. Remove an old one.", max=NOTES_MAX),
                field="note",
            )
        new = Note(
            id=new_id(),
            member_id=member_id,
            text_sealed=seal(ctx.keyring, typed.encode(), merchant_id=merchant_id, column=_COLUMN),
            actor_kind=str(actor.kind),
            actor_id=actor.id,
            created_at=work.clock.now(),
        )
        work.notes.add(new)
        _audit(work, actor, member_id)
        return new.id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def remove_note(
    ctx: Loyalty, merchant_id: int, member_id: int, note_id: int, *, actor: Actor
) -> None:
    """Take a note away.

    Raises:
        NotFound: there is none.
    """

    def action(work: UnitOfWork) -> None:
        if not work.notes.drop(member_id, note_id):
            raise NotFound(_("There is no such note."))
        _audit(work, actor, member_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def read_notes(ctx: Loyalty, merchant_id: int, member_id: int) -> list[OpenNote]:
    """A member's notes, the newest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        found = work.notes.of_member(member_id)
    return [
        OpenNote(
            id=one.id,
            text=unseal(
                ctx.keyring, one.text_sealed, merchant_id=merchant_id, column=_COLUMN
            ).decode(),
            actor_kind=one.actor_kind,
            actor_id=one.actor_id,
            created_at=one.created_at,
        )
        for one in found
    ]


def _audit(work: UnitOfWork, actor: Actor, member_id: int) -> None:
    work.audit.add(
        actor=actor, action="member.note", subject_kind="member", subject_id=member_id, detail={}
    )
