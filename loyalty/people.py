"""Managers of a merchant: an owner lets them in and out. Owners are made by `regulars`.

Rule: an owner gets a one-time link for whom they add, so somebody who serves another merchant too
is added only by whoever runs the machine; else the link would open the other merchant's door.
"""

from __future__ import annotations

from common.actor import Actor
from common.errors import Conflict, InvalidInput, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.contacts import clean_name, normalise_email
from loyalty.context import Loyalty
from storage.merchants import Person
from storage.unit_of_work import UnitOfWork, open_work, run_work

MANAGER = "manager"


def add_manager(ctx: Loyalty, merchant_id: int, *, email: str, name: str, actor: Actor) -> str:
    """Let somebody manage the merchant; the address they sign in with is returned.

    Raises:
        InvalidInput: the address cannot be one.
        Conflict: they serve this merchant already, or another one.
    """
    address = normalise_email(email).lower()
    if not address:
        raise InvalidInput(_("Type the person's e-mail address."), field="email")
    cleaned = clean_name(name)
    _refuse_of_others(ctx, merchant_id, address)

    def action(work: UnitOfWork) -> str:
        person = work.merchants.person_by_email(address)
        if person is None:
            person = Person(
                id=new_id(),
                email=address,
                name=cleaned or address.partition("@")[0],
                created_at=ctx.clock.now(),
            )
            work.merchants.add_person(person)
        if work.merchants.role_of(person.id) is not None:
            raise Conflict(_("This person can sign in here already."))
        work.merchants.add_role(person.id, MANAGER)
        _note(work, actor, "manager.add", person.id)
        return address

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def remove_manager(ctx: Loyalty, merchant_id: int, person_id: int, *, actor: Actor) -> None:
    """Take a manager's role away.

    Raises:
        NotFound: not this merchant's.
        Conflict: an owner cannot be removed here.
    """

    def action(work: UnitOfWork) -> None:
        role = work.merchants.role_of(person_id)
        if role is None:
            raise NotFound(_("There is no such person."))
        if role != MANAGER:
            raise Conflict(_("An owner cannot be removed here."))
        work.merchants.remove_role(person_id)
        _note(work, actor, "manager.remove", person_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _refuse_of_others(ctx: Loyalty, merchant_id: int, address: str) -> None:
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        person = work.merchants.person_by_email(address)
        served = {one for one, _role in work.merchants.roles_of(person.id)} if person else set()
    if served - {merchant_id}:
        raise Conflict(
            _("This address cannot be added here. Whoever runs the machine can, with `regulars`.")
        )


def _note(work: UnitOfWork, actor: Actor, action: str, person_id: int) -> None:
    work.audit.add(actor=actor, action=action, subject_kind="person", subject_id=person_id)
