"""Ways into the console: a one-time link, handed over or mailed, or e-mail address and password.

Not done here: what a session is (console_session.py), the second factor (second_factor.py).

Rules (reliability C1, DESIGN 8):
- A link is looked at without being spent, and spent by exactly one POST, within LINK_LIFE.
- Every wrong answer is the same sentence after the same work, whether the address is known or not.
- Tries are counted per account and per address of the network before a hash is computed.
- A new password ends every other session of the person and gives this one a new token.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

from common.errors import InvalidInput, InvalidInputs, NotFound, NotSignedIn
from common.i18n import current_language
from common.i18n import gettext as _
from loyalty.console_session import ConsoleSession, sign_out, start_session
from loyalty.context import Loyalty
from loyalty.limits import take
from signing.passwords import hash_password, password_complaint, verify_password
from signing.tokens import random_token, token_hash
from storage.mails import Mail, write_mail
from storage.merchants import Person
from storage.outbox import OutboxKind
from storage.sessions import OneTimeLink
from storage.unit_of_work import UnitOfWork, open_work, run_work

__all__ = [
    "LinkSpent",
    "check_owner_link",
    "mail_sign_in_link",
    "make_owner_link",
    "set_password",
    "sign_in",
    "sign_out",
    "spend_owner_link",
]

LINK_LIFE: Final = timedelta(hours=24)
LINK_PURPOSE: Final = "owner_sign_in"
MAILED_LIFE: Final = timedelta(minutes=30)
MAILED_PURPOSE: Final = "mailed_sign_in"
EMAIL_MAX: Final = 254
# An owner who mistypes has ten tries at once; a guesser has one every two minutes after that.
ACCOUNT_TRIES: Final = 10
ACCOUNT_REFILL_PER_S: Final = 1 / 120
ADDRESS_TRIES: Final = 20
ADDRESS_REFILL_PER_S: Final = 1 / 30
LINK_TRIES: Final = 30
MAILED_TRIES: Final = 3
MAILED_REFILL_PER_S: Final = 1 / 600


class LinkSpent(NotFound):
    """This sign-in link has been used or has run out."""

    code = "sign_in_link_spent"


class WrongPassword(InvalidInput):
    """E-mail address and password do not belong together."""

    code = "wrong_password"


def make_owner_link(ctx: Loyalty, merchant_id: int, email: str) -> str:
    """The token of a link that signs a person of the merchant in, once, within a day.

    Raises:
        NotFound: nobody of this merchant has the address.
    """

    def action(work: UnitOfWork) -> str:
        person = work.merchants.person_by_email(email.strip().lower())
        if person is None or work.merchants.role_of(person.id) is None:
            raise NotFound(_("Nobody of this merchant has the address %(email)s.", email=email))
        token = random_token()
        now = work.clock.now()
        work.sessions.drop_links(LINK_PURPOSE, person.id)
        work.sessions.add_link(
            OneTimeLink(
                token_hash=token_hash(token),
                purpose=LINK_PURPOSE,
                merchant_id=merchant_id,
                subject_id=person.id,
                created_at=now,
                expires_at=now + LINK_LIFE,
            )
        )
        return token

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def mail_sign_in_link(ctx: Loyalty, email: str, *, address: str) -> None:
    """Mail somebody of the console a link, if the address is known; the caller never learns which.

    Earlier links stay as they are: a stranger who asks must not end the owner's.

    Raises:
        TooMany: too many tries for this account or from this address, known or not.
    """
    folded = email.strip().lower()[:EMAIL_MAX]
    account = hashlib.sha256(folded.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    take(ctx, f"mail-link|{address}", capacity=ADDRESS_TRIES, refill_per_s=ADDRESS_REFILL_PER_S)
    take(ctx, f"mail-link-to|{account}", capacity=MAILED_TRIES, refill_per_s=MAILED_REFILL_PER_S)
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        person = work.merchants.person_by_email(folded)
        roles = work.merchants.roles_of(person.id) if person else []
    if person is None or person.disabled_at is not None or not roles or not ctx.settings.sends_mail:
        return
    merchant_id = roles[0][0]
    run_work(
        ctx.database,
        merchant_id,
        lambda work: _mail_link(ctx, work, person, address=folded),
        clock=ctx.clock,
    )


def _mail_link(ctx: Loyalty, work: UnitOfWork, person: Person, *, address: str) -> None:
    merchant = work.merchants.get()
    token = random_token()
    now = work.clock.now()
    work.sessions.add_link(
        OneTimeLink(
            token_hash=token_hash(token),
            purpose=MAILED_PURPOSE,
            merchant_id=merchant.id,
            subject_id=person.id,
            created_at=now,
            expires_at=now + MAILED_LIFE,
        )
    )
    facts = {
        "shop": merchant.name,
        "url": f"{ctx.settings.public_url}/console/link/{token}",
        "minutes": str(MAILED_LIFE // timedelta(minutes=1)),
    }
    write_mail(
        work,
        Mail(to=address, language=current_language(), time_zone=merchant.time_zone, facts=facts),
        OutboxKind.SIGN_IN,
        keyring=ctx.keyring,
        life=MAILED_LIFE,
    )


def check_owner_link(ctx: Loyalty, token: str) -> None:
    """Return when a link would still sign somebody in; changes nothing.

    Raises:
        LinkSpent: used, run out, or no such link.
    """
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        _living_link(work, token)


def spend_owner_link(ctx: Loyalty, token: str, *, browser: str = "", address: str = "") -> str:
    """Sign in by a link; the session's token is returned.

    Raises:
        LinkSpent: used, run out, or no such link; of two clicks one gets this.
        TooMany: too many tries from this address.
    """
    take(ctx, f"owner-link|{address}", capacity=LINK_TRIES, refill_per_s=ADDRESS_REFILL_PER_S)

    def action(work: UnitOfWork) -> str:
        link = _living_link(work, token)
        if not work.sessions.spend_link(link.token_hash):
            raise _spent()
        person = work.merchants.person(link.subject_id)
        served = {merchant_id for merchant_id, _role in work.merchants.roles_of(person.id)}
        if person.disabled_at is not None or link.merchant_id not in served:
            raise _spent()
        # A mailbox is one factor: where the person has a second one, it is asked for as well.
        trusted = link.purpose == LINK_PURPOSE or person.totp_sealed is None
        return start_session(work, person, link.merchant_id, browser=browser, by_link=trusted)

    return run_work(ctx.database, None, action, clock=ctx.clock)


def sign_in(ctx: Loyalty, email: str, password: str, *, address: str, browser: str = "") -> str:
    """Sign in with e-mail address and password; the session's token is returned.

    Raises:
        WrongPassword: unknown address, wrong password, disabled, or no merchant: all the same.
        TooMany: too many tries for this account or from this address.
    """
    folded = email.strip().lower()[:EMAIL_MAX]
    account = hashlib.sha256(folded.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    take(ctx, f"sign-in|{address}", capacity=ADDRESS_TRIES, refill_per_s=ADDRESS_REFILL_PER_S)
    take(ctx, f"sign-in-as|{account}", capacity=ACCOUNT_TRIES, refill_per_s=ACCOUNT_REFILL_PER_S)
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        person = work.merchants.person_by_email(folded)
        roles = work.merchants.roles_of(person.id) if person else []
    # Hashing takes its time outside any transaction, and takes as long for nobody.
    right = verify_password(person.password_hash if person else None, password)
    if person is None or not right or person.disabled_at is not None or not roles:
        raise WrongPassword(
            _("E-mail address and password do not belong together. Check both."), field="password"
        )
    return run_work(
        ctx.database,
        None,
        lambda work: start_session(work, person, roles[0][0], browser=browser),
        clock=ctx.clock,
    )


def set_password(
    ctx: Loyalty, session: ConsoleSession, new: str, *, current: str = "", browser: str = ""
) -> str:
    """Give the person a new password; this session's new token is returned.

    The old one is asked for unless there is none or a one-time link was just spent.

    Raises:
        InvalidInputs: fields `new_password` and `current_password`.
        TooMany: too many wrong tries.
    """
    person = _person(ctx, session.person_id)
    found = []
    if person.password_hash is not None and not session.by_link:
        take(
            ctx,
            f"password|{person.id}",
            capacity=ACCOUNT_TRIES,
            refill_per_s=ACCOUNT_REFILL_PER_S,
        )
        if not verify_password(person.password_hash, current):
            found.append(InvalidInput(_("This is not your password."), field="current_password"))
    complaint = password_complaint(new, context=(session.merchant.name, person.email, person.name))
    if complaint:
        found.append(InvalidInput(complaint, field="new_password"))
    if found:
        raise InvalidInputs(found)
    hashed = hash_password(new)

    def action(work: UnitOfWork) -> str:
        if work.sessions.by_hash(session.token_hash) is None:
            raise NotSignedIn
        work.merchants.set_password(person.id, hashed)
        work.sessions.end_of_person(person.id)
        work.audit.add(
            actor=session.actor(),
            action="person.password",
            subject_kind="person",
            subject_id=person.id,
        )
        return start_session(work, person, session.merchant_id, browser=browser, verified=True)

    return run_work(ctx.database, session.merchant_id, action, clock=ctx.clock)


def _person(ctx: Loyalty, person_id: int) -> Person:
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        return work.merchants.person(person_id)


def _living_link(work: UnitOfWork, token: str) -> OneTimeLink:
    link = work.sessions.link(token_hash(token[:64]))
    if link is None or link.spent_at is not None:
        raise _spent()
    if link.purpose not in {LINK_PURPOSE, MAILED_PURPOSE}:
        raise _spent()
    if link.expires_at <= work.clock.now():
        raise _spent()
    return link


def _spent() -> LinkSpent:
    return LinkSpent(
        _(
            "This sign-in link has been used or has run out. "
            "Whoever runs the machine makes a new one with `regulars owner-link`."
        )
    )
