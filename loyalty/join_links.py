"""Where join links hang, invitations, and a pilot's list.

Rule: a pilot's list keeps blind indexes alone: it can tell that a contact is on it, and not whose
contacts are.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.actor import Actor
from common.errors import InvalidInput, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.contact_seals import ContactSeals
from loyalty.contacts import clean_name, normalise_email, normalise_phone
from loyalty.context import Loyalty
from signing.tokens import invitation_code, join_code
from storage.joining import Invitation, JoinSource
from storage.unit_of_work import UnitOfWork, open_work, run_work

SOURCES_MAX: Final = 200
INVITATIONS_AT_ONCE: Final = 200
USES_MAX: Final = 100_000
LIST_LINES_MAX: Final = 20_000
COMPLAINTS_MAX: Final = 20
_PHONE_DIGITS_MIN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """A source, how many came by it, and how many of them hold a card now."""

    source: JoinSource
    came: int
    stayed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListResult:
    """What became of a pilot's list: new contacts, and lines nobody could read."""

    added: int
    known: int
    refused: tuple[int, ...]


def sources(ctx: Loyalty, merchant_id: int, programme_id: int) -> list[SourceLine]:
    """A programme's sources with their counts, the oldest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return [
            SourceLine(source=source, came=came, stayed=stayed)
            for source, came, stayed in work.joining.sources(programme_id)
        ]


def add_source(
    ctx: Loyalty, merchant_id: int, programme_id: int, *, name: str, actor: Actor
) -> JoinSource:
    """Make a code for a place where the link hangs.

    Raises:
        InvalidInput: field `source_name`.
        NotFound: the programme is not this merchant's.
    """
    cleaned = clean_name(name, field="source_name")
    if not cleaned:
        raise InvalidInput(_("Name the place, such as: Parcel."), field="source_name")

    def action(work: UnitOfWork) -> JoinSource:
        work.programmes.get(programme_id)
        if len(work.joining.sources(programme_id)) >= SOURCES_MAX:
            raise InvalidInput(
                _("Use at most %(max)d places.", max=SOURCES_MAX), field="source_name"
            )
        new = JoinSource(
            id=new_id(),
            programme_id=programme_id,
            code=join_code(),
            name=cleaned,
            created_at=work.clock.now(),
        )
        work.joining.add_source(new)
        _note(work, actor, "join_source.add", new.id)
        return new

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def archive_source(ctx: Loyalty, merchant_id: int, source_id: int, *, actor: Actor) -> int:
    """Count nobody under it any more; the programme's id is returned.

    Raises:
        NotFound: it is not this merchant's.
    """

    def action(work: UnitOfWork) -> int:
        found = work.joining.source(source_id)
        if found is None:
            raise NotFound(_("There is no such place."))
        work.joining.archive_source(source_id)
        _note(work, actor, "join_source.archive", source_id)
        return found.programme_id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def invitations(ctx: Loyalty, merchant_id: int, programme_id: int) -> list[Invitation]:
    """A programme's invitations, the newest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.joining.invitations(programme_id)


def invite(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    *,
    label: str,
    count: int = 1,
    uses: int | None = 1,
    ends_at: datetime | None = None,
    actor: Actor,
) -> list[Invitation]:
    """Make codes that let somebody join: `count` codes, each good for `uses` (None: any number).

    Raises:
        InvalidInput: fields `label`, `count`, `uses`, `ends_at`.
        NotFound: the programme is not this merchant's.
    """
    cleaned = clean_name(label, field="label")
    if not 1 <= count <= INVITATIONS_AT_ONCE:
        raise InvalidInput(
            _("Make 1 to %(max)d codes at once.", max=INVITATIONS_AT_ONCE), field="count"
        )
    if uses is not None and not 1 <= uses <= USES_MAX:
        raise InvalidInput(_("Use 1 to %(max)d uses.", max=USES_MAX), field="uses")
    if ends_at is not None and ends_at <= ctx.clock.now():
        raise InvalidInput(_("Choose a day that is still to come."), field="ends_at")

    def action(work: UnitOfWork) -> list[Invitation]:
        work.programmes.get(programme_id)
        made = [
            Invitation(
                id=new_id(),
                programme_id=programme_id,
                code=invitation_code(),
                label=cleaned,
                uses_max=uses,
                ends_at=ends_at,
                created_at=work.clock.now(),
            )
            for _number in range(count)
        ]
        for one in made:
            work.joining.add_invitation(one)
        work.audit.add(
            actor=actor,
            action="invitation.add",
            subject_kind="programme",
            subject_id=programme_id,
            detail={"codes": count},
        )
        return made

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def withdraw_invitation(ctx: Loyalty, merchant_id: int, invitation_id: int, *, actor: Actor) -> int:
    """Let a code open nothing any more; the programme's id is returned.

    Raises:
        NotFound: it is not this merchant's.
    """

    def action(work: UnitOfWork) -> int:
        found = work.joining.invitation(invitation_id)
        if found is None:
            raise NotFound(_("There is no such invitation."))
        work.joining.withdraw_invitation(invitation_id)
        _note(work, actor, "invitation.withdraw", invitation_id)
        return found.programme_id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def add_pilots(
    ctx: Loyalty, merchant_id: int, programme_id: int, text: str, *, actor: Actor
) -> ListResult:
    """Put the contacts of a text or CSV on a pilot's list: each line's first e-mail or phone.

    Raises:
        InvalidInput: field `contacts`; no line holds a contact, or there are too many lines.
        NotFound: the programme is not this merchant's.
    """
    lines = text.splitlines()
    if len(lines) > LIST_LINES_MAX:
        raise InvalidInput(_("Use at most %(max)d lines.", max=LIST_LINES_MAX), field="contacts")

    def action(work: UnitOfWork) -> ListResult:
        work.programmes.get(programme_id)
        seals = ContactSeals(ctx.keyring, merchant_id)
        indexes, refused = _contacts(lines, seals, country=work.merchants.get().country)
        if not indexes:
            raise InvalidInput(
                _("No line holds an e-mail address or a phone number."), field="contacts"
            )
        added = work.joining.add_pilots(programme_id, indexes)
        work.audit.add(
            actor=actor,
            action="pilot.add",
            subject_kind="programme",
            subject_id=programme_id,
            detail={"contacts": added},
        )
        return ListResult(added=added, known=len(indexes) - added, refused=tuple(refused))

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def clear_pilots(ctx: Loyalty, merchant_id: int, programme_id: int, *, actor: Actor) -> None:
    """Empty a pilot's list; who joined stays."""

    def action(work: UnitOfWork) -> None:
        work.programmes.get(programme_id)
        gone = work.joining.clear_pilots(programme_id)
        work.audit.add(
            actor=actor,
            action="pilot.clear",
            subject_kind="programme",
            subject_id=programme_id,
            detail={"contacts": gone},
        )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _contacts(
    lines: list[str], seals: ContactSeals, *, country: str
) -> tuple[dict[bytes, None], list[int]]:
    """The different contacts, and the numbers of lines that hold text and no contact."""
    indexes: dict[bytes, None] = {}
    refused: list[int] = []
    for number, line in enumerate(lines, start=1):
        found = _contact(line, seals, country=country)
        if found is not None:
            indexes[found] = None
        elif line.strip() and number > 1 and len(refused) < COMPLAINTS_MAX:
            refused.append(number)  # the first line may be a head
    return indexes, refused


def _contact(line: str, seals: ContactSeals, *, country: str) -> bytes | None:
    separator = next((one for one in (";", "\t") if one in line), ",")
    for row in csv.reader(io.StringIO(line.replace("\0", "")), delimiter=separator):
        for cell in row:
            try:
                if "@" in cell:
                    return seals.index(normalise_email(cell), "email")
                if sum(symbol.isdigit() for symbol in cell) >= _PHONE_DIGITS_MIN:
                    return seals.index(normalise_phone(cell.strip(), country=country), "phone")
            except InvalidInput:
                continue
    return None


def _note(work: UnitOfWork, actor: Actor, action: str, subject_id: int) -> None:
    work.audit.add(
        actor=actor,
        action=action,
        subject_kind=action.partition(".")[0],
        subject_id=subject_id,
        detail={},
    )
