"""Enrol somebody at the counter: staff type a phone number or a name, and that is enough."""

from __future__ import annotations

from dataclasses import dataclass

from common.actor import Actor
from common.errors import InvalidInput, NotFound
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.enrol import EnrolRequest, enrol
from loyalty.find_member import FoundBy, FoundMember, member_now
from storage.join_rules import ProgrammeState
from storage.members import MemberState
from storage.unit_of_work import open_work

TILL = "till"


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterForm:
    """What staff typed; one of name, phone and e-mail is enough. `form_key` names one form."""

    programme_id: int
    name: str = ""
    phone: str = ""
    email: str = ""
    form_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenProgramme:
    """A card that staff can hand out now."""

    id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterEnrolment:
    """The member; `known` when the contact had a card already."""

    found: FoundMember
    known: bool


def open_programmes(ctx: Loyalty, merchant_id: int) -> list[OpenProgramme]:
    """Cards that take members, the oldest first; gift cards are sold, not joined."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return [
            OpenProgramme(id=one.id, name=one.name)
            for one in work.programmes.all()
            if one.design_version
            and one.kind == "card"
            and work.joining.door(one.id).state in {ProgrammeState.LIVE, ProgrammeState.PILOT}
        ]


def enrol_at_counter(
    ctx: Loyalty, merchant_id: int, form: CounterForm, *, language: str, actor: Actor
) -> CounterEnrolment:
    """Make a card, or find the one the contact has.

    Raises:
        InvalidInput: nothing was typed, or it cannot be used; field `programme`: not open.
        NotOpen: the card takes nobody at the moment.
        NotFound: the contact belongs to a membership that ended.
    """
    if not (form.name or form.phone or form.email):
        raise InvalidInput(_("Type a name, a phone number or an e-mail address."), field="name")
    if form.programme_id not in {one.id for one in open_programmes(ctx, merchant_id)}:
        raise InvalidInput(_("Choose a card that takes new members."), field="programme")
    request = EnrolRequest(
        programme_id=form.programme_id,
        name=form.name,
        phone=form.phone,
        email=form.email,
        language=language,
        source=TILL,
        actor=actor,
        form_key=form.form_key,
    )
    done = enrol(ctx, merchant_id, request)
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        member = work.members.get(done.member_id)
    if member.state != MemberState.ACTIVE:
        raise NotFound(_("This contact belongs to a membership that has ended."))
    # Staff typed it: the card is not in anybody's hand yet, so it redeems nothing by this.
    found = member_now(ctx, merchant_id, member.id, generation=member.generation, by=FoundBy.NUMBER)
    return CounterEnrolment(found=found, known=done.known)
