"""A second factor for the console: turn it on, show a code at sign-in, turn it off.

Rules (reliability C1): a code works once, the step it belongs to is remembered; tries are counted
per person; the secret is sealed. Whoever lost the phone signs in by a one-time link of whoever runs
the machine, which stands in for the code, and turns it off.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from common.errors import InvalidInput, NotSignedIn, SealBroken
from common.i18n import gettext as _
from loyalty.console_session import PENDING, ConsoleSession, living_session, start_session
from loyalty.context import Loyalty
from loyalty.limits import take
from signing.sealing import seal, unseal
from signing.second_factor import enrolment_address, matching_step, new_secret
from storage.unit_of_work import UnitOfWork, open_work, run_work

COLUMN: Final = "person.totp"
INSTALLATION: Final = 0
"""A person belongs to the installation, so the secret is sealed for merchant 0."""

ISSUER: Final = "Regulars"
TRIES: Final = 6
TRIES_REFILL_PER_S: Final = 1 / 60
SEALED_TEXT_MAX: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A secret to scan or type; `sealed` comes back with the first code and opens nothing."""

    secret: str
    address: str
    sealed: str


def propose(ctx: Loyalty, session: ConsoleSession) -> Proposal:
    """A new secret; nothing is stored before a code proves that the app has it."""
    secret = new_secret()
    blob = seal(
        ctx.keyring, secret.encode(), merchant_id=INSTALLATION, column=_proposed(session.person_id)
    )
    return Proposal(
        secret=secret,
        address=enrolment_address(secret, name=session.email, issuer=ISSUER),
        sealed=base64.urlsafe_b64encode(blob).decode(),
    )


def proposed_again(ctx: Loyalty, session: ConsoleSession, sealed: str) -> Proposal:
    """The same secret once more, after a wrong code.

    Raises:
        InvalidInput: it was not made for this person.
    """
    secret = _open_proposal(ctx, session, sealed)
    address = enrolment_address(secret, name=session.email, issuer=ISSUER)
    return Proposal(secret=secret, address=address, sealed=sealed)


def turn_on(ctx: Loyalty, session: ConsoleSession, sealed: str, code: str) -> None:
    """Ask for codes from the next sign-in on.

    Raises:
        InvalidInput: field `code`: not a code of the proposed secret.
        TooMany: too many tries.
    """
    secret = _open_proposal(ctx, session, sealed)
    step = _step(ctx, session.person_id, secret, code)
    blob = seal(ctx.keyring, secret.encode(), merchant_id=INSTALLATION, column=COLUMN)

    def action(work: UnitOfWork) -> None:
        work.merchants.set_second_factor(session.person_id, blob, last_step=step)
        _note(work, session, "person.second_factor_on")

    run_work(ctx.database, session.merchant_id, action, clock=ctx.clock)


def turn_off(ctx: Loyalty, session: ConsoleSession, code: str) -> None:
    """Ask for codes no more; a code proves it, unless a one-time link was just spent.

    Raises:
        InvalidInput: field `code`: not right, or used before.
        TooMany: too many tries.
    """
    if not session.has_second_factor:
        return
    if not session.by_link:
        step = _step(ctx, session.person_id, _secret(ctx, session.person_id), code)
        _use(ctx, session.person_id, step)

    def action(work: UnitOfWork) -> None:
        work.merchants.set_second_factor(session.person_id, None, last_step=None)
        _note(work, session, "person.second_factor_off")

    run_work(ctx.database, session.merchant_id, action, clock=ctx.clock)


def show_code(ctx: Loyalty, token: str, code: str, *, browser: str = "") -> str:
    """Finish a sign-in that waits for its code; the session's new token is returned.

    Raises:
        NotSignedIn: no sign-in waits, or it waited too long.
        InvalidInput: field `code`: not right, or used before.
        TooMany: too many tries.
    """
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        waiting = living_session(work, token)
    if not waiting.facts.get(PENDING) or waiting.person_id is None or waiting.merchant_id is None:
        raise NotSignedIn
    person_id, merchant_id = waiting.person_id, waiting.merchant_id
    step = _step(ctx, person_id, _secret(ctx, person_id), code)
    _use(ctx, person_id, step)

    def action(work: UnitOfWork) -> str:
        work.sessions.end(waiting.token_hash)
        person = work.merchants.person(person_id)
        return start_session(work, person, merchant_id, browser=browser, verified=True)

    return run_work(ctx.database, None, action, clock=ctx.clock)


def use_code(ctx: Loyalty, person_id: int, code: str) -> None:
    """Prove by a fresh code that the person asks, for what a session alone does not open.

    Raises:
        NotSignedIn: the person has no second factor.
        InvalidInput: field `code`: not right, or used before.
        TooMany: too many tries.
    """
    _use(ctx, person_id, _step(ctx, person_id, _secret(ctx, person_id), code))


def _proposed(person_id: int) -> str:
    return f"{COLUMN}.proposed.{person_id}"


def _open_proposal(ctx: Loyalty, session: ConsoleSession, sealed: str) -> str:
    try:
        blob = base64.urlsafe_b64decode(sealed[:SEALED_TEXT_MAX].encode())
        column = _proposed(session.person_id)
        return unseal(ctx.keyring, blob, merchant_id=INSTALLATION, column=column).decode()
    except (SealBroken, binascii.Error, ValueError) as error:
        raise InvalidInput(_("Begin again: this code was too old."), field="code") from error


def _secret(ctx: Loyalty, person_id: int) -> str:
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        sealed = work.merchants.person(person_id).totp_sealed
    if sealed is None:
        raise NotSignedIn
    return unseal(ctx.keyring, sealed, merchant_id=INSTALLATION, column=COLUMN).decode()


def _step(ctx: Loyalty, person_id: int, secret: str, code: str) -> int:
    take(ctx, f"second-factor|{person_id}", capacity=TRIES, refill_per_s=TRIES_REFILL_PER_S)
    step = matching_step(secret, code, now=ctx.clock.now())
    if step is None:
        raise InvalidInput(
            _("This code is not right. Type the six digits your app shows now."), field="code"
        )
    return step


def _use(ctx: Loyalty, person_id: int, step: int) -> None:
    fresh = run_work(
        ctx.database,
        None,
        lambda work: work.merchants.use_second_factor(person_id, step),
        clock=ctx.clock,
    )
    if not fresh:
        raise InvalidInput(_("This code was used already. Wait for the next one."), field="code")


def _note(work: UnitOfWork, session: ConsoleSession, action: str) -> None:
    work.audit.add(
        actor=session.actor(),
        action=action,
        subject_kind="person",
        subject_id=session.person_id,
    )
