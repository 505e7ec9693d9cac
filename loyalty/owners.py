"""The people of the console: who owns a merchant."""

from __future__ import annotations

import re
from typing import Final

from common.actor import Actor
from common.errors import InvalidInput, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from storage.merchants import Person
from storage.unit_of_work import UnitOfWork, open_work, run_work

EMAIL_MAX: Final = 254
_EMAIL: Final = re.compile(r"[^@\s<>\"]{1,64}@[^@\s<>\"]{1,189}")


def add_owner(ctx: Loyalty, merchant_id: int, *, email: str, name: str, actor: Actor) -> int:
    """Make somebody an owner of the merchant; a person who is known keeps their password.

    Raises:
        InvalidInput: the address cannot be one.
    """
    address = email.strip().lower()
    if len(address) > EMAIL_MAX or not _EMAIL.fullmatch(address):
        raise InvalidInput(_("Write an address like owner@example.com."), field="email")

    def action(work: UnitOfWork) -> int:
        known = work.merchants.person_by_email(address)
        person_id = known.id if known else new_id()
        if known is None:
            work.merchants.add_person(_person(ctx, person_id, email=address, name=name))
        if work.merchants.role_of(person_id) is None:
            work.merchants.add_role(person_id, "owner")
            work.audit.add(
                actor=actor, action="owner.add", subject_kind="person", subject_id=person_id
            )
        return person_id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _person(ctx: Loyalty, person_id: int, *, email: str, name: str) -> Person:
    return Person(
        id=person_id,
        email=email,
        name=name.strip() or email.partition("@")[0],
        password_hash=None,
        disabled_at=None,
        created_at=ctx.clock.now(),
        totp_sealed=None,
        totp_last_step=None,
    )


def list_owners(ctx: Loyalty, merchant_id: int) -> list[Person]:
    """The merchant's owners, the first one first.

    Raises:
        NotFound: it has none.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        owners = work.merchants.owners()
    if not owners:
        raise NotFound(_("This merchant has no owner. Add one with `regulars init --email`."))
    return owners
