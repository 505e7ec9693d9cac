"""Take over objects that were at Google before, under the merchant's own issuer.

A shop that comes from another system keeps the cards in its customers' phones: a member's card is
told which object is its own, and the worker brings that object to what the card says. Rules: all of
a list or nothing; the object stays where it is (nothing at Google can be renamed), its class
becomes ours; a card that is at Google already keeps its object.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.actor import Actor
from common.crockford import normalise
from common.errors import Conflict, InvalidInput, InvalidInputs, NotFound
from common.i18n import gettext as _
from loyalty.context import Loyalty
from storage.google_identities import google_home
from storage.unit_of_work import UnitOfWork, run_work

LINES_MAX: Final = 10_000
_SUFFIX: Final = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """Whose object: a member number, and the whole id `<issuer>.<suffix>` at Google."""

    member_number: str
    object_id: str


def adopt_google_objects(
    ctx: Loyalty, merchant_id: int, wanted: Sequence[Adoption], *, actor: Actor
) -> int:
    """Tell members' cards which object at Google is theirs; returns how many changed.

    Twice is no error.

    Raises:
        InvalidInputs: field `line <n>` for every line that cannot be taken; nothing is changed.
        NotFound: the merchant has no Google account.
    """
    if len(wanted) > LINES_MAX:
        raise InvalidInput(_("Take at most %(max)d lines at once.", max=LINES_MAX), field="file")

    def action(work: UnitOfWork) -> int:
        home = google_home(work, public_url=ctx.settings.public_url)
        complaints: list[InvalidInput] = []
        changed = 0
        for line, one in enumerate(wanted, start=1):
            try:
                changed += _adopt(work, home.account.issuer_id, one)
            except (Conflict, InvalidInput, NotFound) as error:
                complaints.append(InvalidInput(error.message, field=f"line {line}"))
        if complaints:
            raise InvalidInputs(complaints)
        work.audit.add(
            actor=actor,
            action="google_objects.adopt",
            subject_kind="google_account",
            subject_id=home.account.id,
            detail={"cards": changed},
        )
        return changed

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _adopt(work: UnitOfWork, issuer_id: str, one: Adoption) -> int:
    issuer, _dot, suffix = one.object_id.partition(".")
    if issuer != issuer_id or not _SUFFIX.fullmatch(suffix):
        raise InvalidInput(
            _("An object of issuer %(issuer)s begins with its number and a dot.", issuer=issuer_id),
            field="object",
        )
    member = work.members.by_number(normalise(one.member_number))
    if member is None:
        raise NotFound(_("There is no member with this number."))
    card = work.passes.current_of_member(member.id)
    if card.google_object_id == one.object_id:
        return 0
    if card.google_object_id is not None:
        raise Conflict(_("This member's card is at Google already, as another object."))
    if work.passes.by_google_object(one.object_id) is not None:
        raise Conflict(_("Another member's card has this object."))
    work.passes.set_google_object(card.id, one.object_id)
    work.deliveries.want_google_class(card.programme_id)
    work.deliveries.want_google_object(card.id)
    return 1
