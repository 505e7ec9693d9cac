"""Tills: add one, pair a device with it, end one.

Rules: a pairing code works once, for ten minutes, and is a whole random token; a till holds one
device, so pairing anew signs the old one out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from common import crockford
from common.actor import SYSTEM, Actor
from common.errors import Conflict, InvalidInput, InvalidInputs, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from loyalty.limits import take
from signing.tokens import join_code, random_session_token, token_hash
from storage.places import Till
from storage.sessions import OneTimeLink, Session
from storage.unit_of_work import UnitOfWork, open_work, run_work

NAME_MAX: Final = 40
TILLS_MAX: Final = 500
PAIRING_PURPOSE: Final = "till_pairing"
PAIRING_LIFE: Final = timedelta(minutes=10)
TILL_SESSION_LIFE: Final = timedelta(days=365)
CODE_TEXT_MAX: Final = 64
# A code has 40 bits; ten tries and one more every half minute per address leave no hope.
TRIES: Final = 10
TRIES_REFILL_PER_S: Final = 1 / 30


class PairingCodeSpent(NotFound):
    """This code has been used or has run out."""

    code = "pairing_code_spent"


def add_till(ctx: Loyalty, merchant_id: int, *, location_id: int, name: str, actor: Actor) -> int:
    """Store a till without a device; its id is returned.

    Raises:
        InvalidInputs: fields `name` and `location_id`.
        Conflict: there are too many.
    """

    def action(work: UnitOfWork) -> int:
        _check(work, location_id, name)
        if len(work.places.tills()) >= TILLS_MAX:
            raise Conflict(_("There can be at most %(max)d tills.", max=TILLS_MAX))
        till_id = new_id()
        work.places.add_till(
            Till(
                id=till_id,
                location_id=location_id,
                name=name.strip(),
                created_at=ctx.clock.now(),
            )
        )
        _note(work, actor, "till.add", till_id)
        return till_id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def make_pairing_code(ctx: Loyalty, merchant_id: int, till_id: int, *, actor: Actor) -> str:
    """Eight characters to type at the device, once, within ten minutes.

    Raises:
        NotFound: not this merchant's.
        Conflict: the till was ended.
    """

    def action(work: UnitOfWork) -> str:
        _living(work, till_id)
        code = join_code()
        work.sessions.drop_links(PAIRING_PURPOSE, till_id)
        work.sessions.add_link(
            OneTimeLink(
                token_hash=_code_hash(code),
                purpose=PAIRING_PURPOSE,
                merchant_id=merchant_id,
                subject_id=till_id,
                created_at=work.clock.now(),
                expires_at=work.clock.now() + PAIRING_LIFE,
            )
        )
        _note(work, actor, "till.code", till_id)
        return code

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def pair_till(ctx: Loyalty, code: str, *, address: str = "") -> str:
    """Make a device the till of a code; the session's token is returned.

    Raises:
        PairingCodeSpent: used, run out, or no such code.
        TooMany: too many tries from this address.
    """
    take(ctx, f"pair|{address}", capacity=TRIES, refill_per_s=TRIES_REFILL_PER_S)
    code_hash = _code_hash(code[:CODE_TEXT_MAX])
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        link = work.sessions.link(code_hash)
    if link is None or link.purpose != PAIRING_PURPOSE:
        raise _spent()
    merchant_id, till_id = link.merchant_id, link.subject_id

    def action(work: UnitOfWork) -> str:
        if not work.sessions.spend_link(code_hash):
            raise _spent()
        _living(work, till_id)
        return _pair(work, till_id, actor=SYSTEM)

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def use_this_device(ctx: Loyalty, merchant_id: int, till_id: int, *, actor: Actor) -> str:
    """Make the browser that asks the till; the session's token is returned.

    Raises:
        NotFound: not this merchant's.
        Conflict: the till was ended.
    """

    def action(work: UnitOfWork) -> str:
        _living(work, till_id)
        return _pair(work, till_id, actor=actor)

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def revoke_till(ctx: Loyalty, merchant_id: int, till_id: int, *, actor: Actor) -> None:
    """End a till and its device at once; twice is no error.

    Raises:
        NotFound: not this merchant's.
    """

    def action(work: UnitOfWork) -> None:
        if work.places.till(till_id).revoked_at is not None:
            return
        work.places.revoke(till_id)
        work.sessions.end_of_till(till_id)
        work.sessions.drop_links(PAIRING_PURPOSE, till_id)
        _note(work, actor, "till.revoke", till_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def list_tills(ctx: Loyalty, merchant_id: int) -> list[Till]:
    """The tills that were not ended, the oldest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.places.tills()


def read_till(ctx: Loyalty, merchant_id: int, till_id: int) -> Till:
    """One till.

    Raises:
        NotFound: not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.places.till(till_id)


def _check(work: UnitOfWork, location_id: int, name: str) -> None:
    found = []
    if not 0 < len(name.strip()) <= NAME_MAX or not name.isprintable():
        message = _("Name the till in at most %(max)d characters.", max=NAME_MAX)
        found.append(InvalidInput(message, field="name"))
    if location_id not in {one.id for one in work.places.all()}:
        found.append(InvalidInput(_("Choose one of your branches."), field="location_id"))
    if found:
        raise InvalidInputs(found)


def _living(work: UnitOfWork, till_id: int) -> Till:
    till = work.places.till(till_id)
    if till.revoked_at is not None:
        raise Conflict(_("This till was removed. Add a new one."))
    return till


def _pair(work: UnitOfWork, till_id: int, *, actor: Actor) -> str:
    token = random_session_token()
    now = work.clock.now()
    work.sessions.end_of_till(till_id)
    work.sessions.drop_links(PAIRING_PURPOSE, till_id)
    work.sessions.add(
        Session(
            token_hash=token_hash(token),
            kind="till",
            merchant_id=work.scope.merchant,
            till_id=till_id,
            created_at=now,
            seen_at=now,
            expires_at=now + TILL_SESSION_LIFE,
        )
    )
    work.places.pair(till_id)
    _note(work, actor, "till.pair", till_id)
    return token


def _code_hash(code: str) -> bytes:
    # The purpose is part of it, so that a join code can never be taken for a pairing code.
    return token_hash(f"{PAIRING_PURPOSE}|{crockford.normalise(code)}")


def _spent() -> PairingCodeSpent:
    return PairingCodeSpent(_("This code has been used or has run out. Make a new one."))


def _note(work: UnitOfWork, actor: Actor, action: str, till_id: int) -> None:
    work.audit.add(actor=actor, action=action, subject_kind="till", subject_id=till_id, detail={})
