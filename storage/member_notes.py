"""What staff and owners wrote down about members: sealed, and gone with the member.

Not done here: sealing and opening (loyalty/member_notes.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func

from storage.records import columns, record_of, values_of
from storage.scope import Scope
from storage.tables import member_note

NOTES_MAX: Final = 100
"""Of one member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note and who wrote it."""

    id: int
    member_id: int
    text_sealed: bytes
    actor_kind: str
    actor_id: int | None
    created_at: datetime


class MemberNotes:
    """The notes of one merchant's members."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, new: Note) -> None:
        """Keep a note."""
        self._scope.execute(self._scope.insert(member_note, **values_of(new)))

    def of_member(self, member_id: int) -> list[Note]:
        """A member's notes, the newest first."""
        query = self._scope.select(member_note, *columns(member_note, Note)).where(
            member_note.c.member_id == member_id
        )
        rows = self._scope.execute(query.order_by(member_note.c.id.desc()).limit(NOTES_MAX))
        return [record_of(Note, row) for row in rows]

    def count(self, member_id: int) -> int:
        """How many notes a member has."""
        query = self._scope.select(member_note, func.count()).where(
            member_note.c.member_id == member_id
        )
        return int(self._scope.execute(query).scalar_one())

    def drop(self, member_id: int, note_id: int) -> bool:
        """Take one note away; False where there is none."""
        gone = member_note.delete().where(
            member_note.c.merchant_id == self._scope.merchant,
            member_note.c.member_id == member_id,
            member_note.c.id == note_id,
        )
        return bool(self._scope.execute(gone).rowcount == 1)

    def drop_all(self, member_id: int) -> None:
        """Take every note of a member away."""
        self._scope.execute(
            member_note.delete().where(
                member_note.c.merchant_id == self._scope.merchant,
                member_note.c.member_id == member_id,
            )
        )
