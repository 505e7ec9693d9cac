"""Who may come in: places a join link hangs, invitations, a pilot's list, and who wants to be told.

Contacts arrive here sealed and as blind indexes. Not done here: deciding (loyalty/enrol.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import case, func, or_

from common.errors import NotFound
from common.i18n import gettext as _
from common.ids import new_id
from storage.join_rules import JoinRules, ProgrammeState, rules_document, rules_of_document
from storage.records import columns, maybe_record, record_of, values_of
from storage.scope import Scope
from storage.tables import (
    invitation,
    join_source,
    member,
    pilot_contact,
    programme,
    waiting_contact,
)

LIST_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A programme's state and rules of joining; `opens_at` is the day an announced one tells."""

    state: ProgrammeState
    opens_at: datetime | None
    rules: JoinRules


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinSource:
    """Where a join link hangs; its code stands in the link."""

    id: int
    programme_id: int
    code: str
    name: str
    created_at: datetime
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A code that opens a door; `uses_max` None lets it open any number of times."""

    id: int
    programme_id: int
    code: str
    label: str
    uses_max: int | None
    uses: int = 0
    ends_at: datetime | None = None
    withdrawn_at: datetime | None = None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Somebody who wants to be told when a card opens."""

    id: int
    programme_id: int
    email_sealed: bytes
    email_index: bytes
    language: str
    wording_version: int
    created_at: datetime


class Joining:
    """The doors of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def door(self, programme_id: int) -> Door:
        """The state and rules of a programme.

        Raises:
            NotFound: there is none with this id.
        """
        wanted = (programme.c.state, programme.c.opens_at, programme.c.joining)
        query = self._scope.select(programme, *wanted).where(programme.c.id == programme_id)
        row = self._scope.execute(query).one_or_none()
        if row is None:
            raise NotFound(_("There is no such programme."))
        return Door(
            state=ProgrammeState(row.state),
            opens_at=row.opens_at,
            rules=rules_of_document(row.joining),
        )

    def set_state(
        self, programme_id: int, state: ProgrammeState, *, opens_at: datetime | None
    ) -> None:
        """Open, announce or close a programme."""
        mine = self._scope.update(programme).where(programme.c.id == programme_id)
        self._scope.execute(mine.values(state=str(state), opens_at=opens_at))

    def set_rules(self, programme_id: int, rules: JoinRules) -> None:
        """Say who may join and what they are asked."""
        mine = self._scope.update(programme).where(programme.c.id == programme_id)
        self._scope.execute(mine.values(joining=rules_document(rules)))

    def lock_door(self, programme_id: int) -> None:
        """Hold the programme's row to the end of the transaction, so that counting it is exact."""
        mine = self._scope.update(programme).where(programme.c.id == programme_id)
        self._scope.execute(mine.values(state=programme.c.state))

    def active_members(self, programme_id: int) -> int:
        """How many hold a card of the programme now."""
        query = self._scope.select(member, func.count()).where(
            member.c.programme_id == programme_id, member.c.state == "active"
        )
        return int(self._scope.execute(query).scalar_one())

    # --- sources ---

    def add_source(self, new: JoinSource) -> None:
        """Keep a place where the link hangs."""
        self._scope.execute(self._scope.insert(join_source, **values_of(new)))

    def archive_source(self, source_id: int) -> None:
        """Count nobody under it any more; who came by it stays counted."""
        mine = self._scope.update(join_source).where(
            join_source.c.id == source_id, join_source.c.archived_at.is_(None)
        )
        self._scope.execute(mine.values(archived_at=self._scope.clock.now()))

    def source(self, source_id: int) -> JoinSource | None:
        """A source by its id."""
        return self._source(join_source.c.id == source_id)

    def source_of_code(self, programme_id: int, code: str) -> JoinSource | None:
        """The living source of a link's code."""
        return self._source(
            join_source.c.code == code,
            join_source.c.programme_id == programme_id,
            join_source.c.archived_at.is_(None),
        )

    def sources(self, programme_id: int) -> list[tuple[JoinSource, int, int]]:
        """Each source with how many members came by it, and how many of them hold a card now."""
        counts = {
            row.join_source_id: (int(row.came), int(row.stayed))
            for row in self._scope.execute(
                self._scope.select(
                    member,
                    member.c.join_source_id,
                    func.count().label("came"),
                    func.sum(case((member.c.state == "active", 1), else_=0)).label("stayed"),
                )
                .where(member.c.join_source_id.is_not(None))
                .group_by(member.c.join_source_id)
            )
        }
        query = (
            self._scope.select(join_source, *columns(join_source, JoinSource))
            .where(join_source.c.programme_id == programme_id)
            .order_by(join_source.c.id)
            .limit(LIST_MAX)
        )
        found = [record_of(JoinSource, row) for row in self._scope.execute(query)]
        return [(one, *counts.get(one.id, (0, 0))) for one in found]

    def _source(self, *conditions: Any) -> JoinSource | None:
        query = self._scope.select(join_source, *columns(join_source, JoinSource))
        return maybe_record(JoinSource, self._scope.execute(query.where(*conditions)).one_or_none())

    # --- invitations ---

    def add_invitation(self, new: Invitation) -> None:
        """Keep a code."""
        self._scope.execute(self._scope.insert(invitation, **values_of(new)))

    def invitations(self, programme_id: int) -> list[Invitation]:
        """The codes of a programme, the newest first."""
        query = self._scope.select(invitation, *columns(invitation, Invitation)).where(
            invitation.c.programme_id == programme_id
        )
        rows = self._scope.execute(query.order_by(invitation.c.id.desc()).limit(LIST_MAX))
        return [record_of(Invitation, row) for row in rows]

    def invitation(self, invitation_id: int) -> Invitation | None:
        """A code by its id."""
        query = self._scope.select(invitation, *columns(invitation, Invitation)).where(
            invitation.c.id == invitation_id
        )
        return maybe_record(Invitation, self._scope.execute(query).one_or_none())

    def is_invitation(self, programme_id: int, code: str) -> bool:
        """Whether a code opens the door now."""
        query = self._scope.select(invitation, invitation.c.id)
        living = self._living(programme_id, code)
        return self._scope.execute(query.where(*living)).first() is not None

    def use_invitation(self, programme_id: int, code: str) -> int | None:
        """Use a code once more; its id, None where it opens nothing (any more)."""
        used = self._scope.update(invitation).where(*self._living(programme_id, code))
        if self._scope.execute(used.values(uses=invitation.c.uses + 1)).rowcount != 1:
            return None
        query = self._scope.select(invitation, invitation.c.id).where(invitation.c.code == code)
        return int(self._scope.execute(query).scalar_one())

    def _living(self, programme_id: int, code: str) -> tuple[Any, ...]:
        table = invitation
        return (
            table.c.programme_id == programme_id,
            table.c.code == code,
            table.c.withdrawn_at.is_(None),
            or_(table.c.ends_at.is_(None), table.c.ends_at > self._scope.clock.now()),
            or_(table.c.uses_max.is_(None), table.c.uses < table.c.uses_max),
        )

    def withdraw_invitation(self, invitation_id: int) -> None:
        """Let a code open nothing any more; who came by it stays."""
        mine = self._scope.update(invitation).where(
            invitation.c.id == invitation_id, invitation.c.withdrawn_at.is_(None)
        )
        self._scope.execute(mine.values(withdrawn_at=self._scope.clock.now()))

    # --- a pilot's list ---

    def add_pilots(self, programme_id: int, indexes: Iterable[bytes]) -> int:
        """Put contacts on the list; how many were not there yet."""
        now = self._scope.clock.now()
        return sum(
            self._scope.insert_new(
                pilot_contact,
                merchant_id=self._scope.merchant,
                id=new_id(),
                programme_id=programme_id,
                contact_index=index,
                created_at=now,
            )
            for index in indexes
        )

    def clear_pilots(self, programme_id: int) -> int:
        """Empty the list."""
        gone = pilot_contact.delete().where(
            pilot_contact.c.merchant_id == self._scope.merchant,
            pilot_contact.c.programme_id == programme_id,
        )
        return int(self._scope.execute(gone).rowcount)

    def pilots(self, programme_id: int) -> int:
        """How many contacts stand on the list."""
        query = self._scope.select(pilot_contact, func.count()).where(
            pilot_contact.c.programme_id == programme_id
        )
        return int(self._scope.execute(query).scalar_one())

    def is_pilot(self, programme_id: int, indexes: Iterable[bytes]) -> bool:
        """Whether one of the contacts stands on the list."""
        query = self._scope.select(pilot_contact, pilot_contact.c.id).where(
            pilot_contact.c.programme_id == programme_id,
            pilot_contact.c.contact_index.in_(list(indexes)),
        )
        return self._scope.execute(query.limit(1)).first() is not None

    # --- who wants to be told ---

    def add_waiting(self, new: Waiting) -> bool:
        """Keep whom to tell; False when they are kept already."""
        values = {"merchant_id": self._scope.merchant, **values_of(new)}
        return self._scope.insert_new(waiting_contact, **values)

    def waiting(self, programme_id: int) -> int:
        """How many wait."""
        query = self._scope.select(waiting_contact, func.count()).where(
            waiting_contact.c.programme_id == programme_id
        )
        return int(self._scope.execute(query).scalar_one())

    def take_waiting(self, programme_id: int, limit: int) -> list[Waiting]:
        """The next to be told, who are forgotten by it."""
        table = waiting_contact
        query = self._scope.select(table, *columns(table, Waiting)).where(
            table.c.programme_id == programme_id
        )
        rows = self._scope.execute(query.order_by(table.c.id).limit(limit))
        found = [record_of(Waiting, row) for row in rows]
        ids = [one.id for one in found]
        gone = table.delete().where(
            table.c.merchant_id == self._scope.merchant, table.c.id.in_(ids)
        )
        if ids and self._scope.execute(gone).rowcount != len(ids):
            return []  # somebody else tells them at this moment
        return found

    def forget_contacts(self, indexes: Iterable[bytes]) -> None:
        """Take contacts off every list of this file."""
        wanted = list(indexes)
        for table, column in (
            (pilot_contact, pilot_contact.c.contact_index),
            (waiting_contact, waiting_contact.c.email_index),
        ):
            self._scope.execute(
                table.delete().where(
                    table.c.merchant_id == self._scope.merchant, column.in_(wanted)
                )
            )
