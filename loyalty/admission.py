"""Who may come in: the state of a programme and whom its owner wants.

Rules:
- What a stranger may learn here a member learns alike: the door is judged before anybody looks
  whether the contact is known, and a known contact uses up no invitation and no place.
- Staff stand for an invitation: who is enrolled at the till needs none. A closed door is closed for
  them too.
- The last place of a pilot and the last use of a code go to one of two who come at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from common.crockford import normalise
from common.errors import Conflict, InvalidInput
from common.i18n import gettext as _
from storage.join_rules import ProgrammeState, Who
from storage.joining import Door
from storage.programmes import Programme
from storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from loyalty.enrol import EnrolRequest

CODE_TEXT_MAX: Final = 32
JOIN: Final = "join"
TILL: Final = "till"
"""The doors that are held to the programme's state; import and the command line are the owner's."""


class NotOpen(Conflict):
    """This programme takes no new members at the moment."""

    code = "programme_not_open"


class PilotOnly(NotOpen):
    """This card is open to a few invited customers for now."""

    code = "pilot_only"


class PilotFull(NotOpen):
    """Every place of this card's first round is taken."""

    code = "pilot_full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What is kept of how somebody came in."""

    join_source_id: int | None = None
    invitation_id: int | None = None
    candidate_until: int | None = None


def refuse_unpublished(programme: Programme) -> None:
    """Raise while the card was never published: there is nothing to hand out."""
    if programme.design_version == 0:
        raise NotOpen(
            _("This card is not open yet. The owner publishes it in the console, under Card.")
        )


def refuse_state(door: Door) -> None:
    """Raise where nobody can join: a draft, an announced card, a closed one."""
    match door.state:
        case ProgrammeState.DRAFT | ProgrammeState.ANNOUNCED:
            raise NotOpen(_("This card is not open yet. Please come back later."))
        case ProgrammeState.CLOSED:
            raise NotOpen(_("This card takes no new members any more."))
        case ProgrammeState.PILOT | ProgrammeState.LIVE:
            pass


def check_door(
    work: UnitOfWork, request: EnrolRequest, door: Door, *, contacts: Sequence[bytes]
) -> None:
    """Judge who stands at the door, member or stranger alike.

    Raises:
        NotOpen, PilotOnly, PilotFull: it is closed for now.
        InvalidInput: fields `invite` and `interest`.
    """
    if request.source not in {JOIN, TILL}:
        return
    refuse_state(door)
    if door.state is ProgrammeState.PILOT:
        _check_pilot(work, request, door, contacts=contacts)
        return
    if request.source != JOIN:
        return
    if door.rules.who is Who.INVITED:
        _check_invitation(work, request)
    if door.rules.who is Who.INTEREST and not request.interested:
        raise InvalidInput(
            _("This card is for who says yes here. Ask at the counter for another one."),
            field="interest",
        )


def enter(work: UnitOfWork, request: EnrolRequest, door: Door) -> Entrance:
    """Let a new member in: their invitation is used, and where they came from is kept.

    Raises:
        InvalidInput: field `invite`; somebody used it up in this moment.
    """
    source = _source(work, request)
    invitation_id = None
    if _wants_invitation(request, door):
        invitation_id = work.joining.use_invitation(request.programme_id, _code(request))
        if invitation_id is None:
            raise _no_invitation()
    needed = door.rules.purchases if door.rules.who is Who.PURCHASES else 0
    return Entrance(
        join_source_id=source,
        invitation_id=invitation_id,
        candidate_until=needed if needed > request.purchases_before else None,
    )


def _check_pilot(
    work: UnitOfWork, request: EnrolRequest, door: Door, *, contacts: Sequence[bytes]
) -> None:
    programme_id = request.programme_id
    listed = work.joining.pilots(programme_id)
    on_list = bool(contacts) and work.joining.is_pilot(programme_id, contacts)
    if request.source == JOIN and listed and not on_list:
        raise PilotOnly(
            _("This card is open to a few invited customers for now. Please come back later.")
        )
    if door.rules.pilot_max is not None:
        work.joining.lock_door(programme_id)
        if work.joining.active_members(programme_id) >= door.rules.pilot_max:
            raise PilotFull(
                _("Every place of this card's first round is taken. Please come back later.")
            )


def _wants_invitation(request: EnrolRequest, door: Door) -> bool:
    invited = door.state is ProgrammeState.LIVE and door.rules.who is Who.INVITED
    return invited and request.source == JOIN


def _check_invitation(work: UnitOfWork, request: EnrolRequest) -> None:
    if not work.joining.is_invitation(request.programme_id, _code(request)):
        raise _no_invitation()


def _no_invitation() -> InvalidInput:
    return InvalidInput(
        _("This card is by invitation. Type the code of yours; it may be used up or too old."),
        field="invite",
    )


def _code(request: EnrolRequest) -> str:
    text = request.invitation.strip()
    return normalise(text) if len(text) <= CODE_TEXT_MAX else ""


def _source(work: UnitOfWork, request: EnrolRequest) -> int | None:
    text = request.came_from.strip()
    if not text or len(text) > CODE_TEXT_MAX:
        return None
    found = work.joining.source_of_code(request.programme_id, normalise(text))
    return None if found is None else found.id
