"""The people at the counter: add one, let them choose a PIN, stop one.

Not done here: opening a till with a PIN and choosing one by a link (staff_session.py).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.contacts import clean_name
from loyalty.context import Loyalty
from signing.passwords import hash_pin, pin_complaint, verify_pin
from signing.tokens import random_token, token_hash
from storage.places import Staff
from storage.sessions import OneTimeLink
from storage.unit_of_work import UnitOfWork, open_work, run_work

ROLES: Final = ("staff", "manager")
STAFF_MAX: Final = 60
"""A till does not say who is typing: a PIN is tried against everyone, so everyone is bounded."""
PIN_LINK_LIFE: Final = timedelta(days=2)
PIN_PURPOSE: Final = "staff_pin"


def add_staff(ctx: Loyalty, merchant_id: int, *, name: str, role: str, actor: Actor) -> int:
    """Store a person without a PIN; the id is returned.

    Raises:
        InvalidInputs: fields `name` and `role`.
        Conflict: sixty people work here already.
    """
    cleaned = _checked(name, role)

    def action(work: UnitOfWork) -> int:
        working = [one for one in work.places.all_staff() if one.disabled_at is None]
        if len(working) >= STAFF_MAX:
            raise Conflict(_("At most %(max)d people can work here at once.", max=STAFF_MAX))
        staff_id = new_id()
        work.places.add_staff(
            Staff(id=staff_id, name=cleaned, role=role, created_at=ctx.clock.now())
        )
        _note(work, actor, "staff.add", staff_id)
        return staff_id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def make_pin_link(ctx: Loyalty, merchant_id: int, staff_id: int, *, actor: Actor) -> str:
    """The token of a link by which a person chooses a PIN, once, within two days.

    Raises:
        NotFound: not this merchant's.
        Conflict: the person does not work here any more.
    """

    def action(work: UnitOfWork) -> str:
        if work.places.staff(staff_id).disabled_at is not None:
            raise Conflict(_("This person does not work here any more."))
        token = random_token()
        work.sessions.drop_links(PIN_PURPOSE, staff_id)
        work.sessions.add_link(
            OneTimeLink(
                token_hash=token_hash(token),
                purpose=PIN_PURPOSE,
                merchant_id=merchant_id,
                subject_id=staff_id,
                created_at=work.clock.now(),
                expires_at=work.clock.now() + PIN_LINK_LIFE,
            )
        )
        _note(work, actor, "staff.pin_link", staff_id)
        return token

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def set_pin(ctx: Loyalty, merchant_id: int, staff_id: int, pin: str, *, actor: Actor) -> None:
    """Give a person a PIN.

    Raises:
        InvalidInput: too easy, not four to six digits, or somebody else's.
        NotFound: not this merchant's.
    """
    complaint = pin_complaint(pin)
    if complaint:
        raise InvalidInput(complaint, field="pin")
    refuse_taken_pin(ctx, merchant_id, staff_id, pin)
    hashed = hash_pin(ctx.keyring, pin, merchant_id=merchant_id, staff_id=staff_id)

    def action(work: UnitOfWork) -> None:
        work.places.staff(staff_id)
        work.places.set_pin(staff_id, hashed)
        _note(work, actor, "staff.pin_set", staff_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def change_role(ctx: Loyalty, merchant_id: int, staff_id: int, role: str, *, actor: Actor) -> None:
    """Make a person staff or manager.

    Raises:
        InvalidInput: another word.
        NotFound: not this merchant's.
    """
    if role not in ROLES:
        raise InvalidInput(_("Choose staff or manager."), field="role")

    def action(work: UnitOfWork) -> None:
        if work.places.staff(staff_id).role != role:
            work.places.set_role(staff_id, role)
            _note(work, actor, "staff.role", staff_id, role=role)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def disable_staff(
    ctx: Loyalty, merchant_id: int, staff_id: int, *, disabled: bool = True, actor: Actor
) -> None:
    """Stop a person's PIN at once, or let them work again with a PIN they choose anew.

    Raises:
        NotFound: not this merchant's.
    """

    def action(work: UnitOfWork) -> None:
        if (work.places.staff(staff_id).disabled_at is not None) == disabled:
            return
        work.places.disable_staff(staff_id, disabled=disabled)
        # Meanwhile somebody else may have chosen the same PIN; who comes back chooses anew.
        work.places.set_pin(staff_id, None)
        work.sessions.drop_links(PIN_PURPOSE, staff_id)
        _note(work, actor, "staff.disable" if disabled else "staff.enable", staff_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def list_staff(ctx: Loyalty, merchant_id: int) -> list[Staff]:
    """Everyone, those who work first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.places.all_staff()


def read_staff(ctx: Loyalty, merchant_id: int, staff_id: int) -> Staff:
    """One person.

    Raises:
        NotFound: not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.places.staff(staff_id)


def refuse_taken_pin(ctx: Loyalty, merchant_id: int, staff_id: int, pin: str) -> None:
    """The PIN alone picks the person, so two people cannot have the same one.

    Raises:
        InvalidInput: somebody else who works here has it.
    """
    others = [one for one in list_staff(ctx, merchant_id) if one.id != staff_id]
    for one in others[:STAFF_MAX]:
        if (
            one.pin_hash is not None
            and one.disabled_at is None
            and verify_pin(ctx.keyring, one.pin_hash, pin, merchant_id=merchant_id, staff_id=one.id)
        ):
            raise InvalidInput(_("Choose another PIN; this one cannot be used."), field="pin")


def _checked(name: str, role: str) -> str:
    found = []
    cleaned = ""
    try:
        cleaned = clean_name(name)
    except InvalidInput as complaint:
        found.append(complaint)
    if not cleaned and not found:
        found.append(InvalidInput(_("Type the person's name."), field="name"))
    if role not in ROLES:
        found.append(InvalidInput(_("Choose staff or manager."), field="role"))
    if found:
        raise InvalidInputs(found)
    return cleaned


def _note(work: UnitOfWork, actor: Actor, action: str, staff_id: int, **detail: str) -> None:
    work.audit.add(
        actor=actor, action=action, subject_kind="staff", subject_id=staff_id, detail=detail
    )
