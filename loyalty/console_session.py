"""A console session: who is signed in, for which merchant, and until when.

Rules (reliability C1): the token has 256 bits and is stored hashed; a session ends after SESSION_IDLE
without a request and after SESSION_LIFE in any case, at sign-out, when the person is disabled or loses
the role, and everywhere else when the password changes. Not done here: cookies (web), passwords
(sign_in.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from common.actor import Actor, ActorKind
from common.errors import NotAllowed, NotFound, NotSignedIn
from common.i18n import gettext as _
from loyalty.context import Loyalty
from signing.tokens import random_session_token, token_hash
from storage.merchants import Merchant, Person
from storage.sessions import Session
from storage.unit_of_work import UnitOfWork, open_work, run_work

SESSION_IDLE: Final = timedelta(hours=12)
SESSION_LIFE: Final = timedelta(days=14)
SECOND_FACTOR_LIFE: Final = timedelta(minutes=10)
TOUCH_AFTER: Final = timedelta(minutes=1)
TOKEN_LENGTH_MAX: Final = 128
BY_LINK: Final = "by_link"
"""Set while a password may be chosen without the old one, because a one-time link was spent."""
PENDING: Final = "second_factor"
"""Set while the second factor is still to be shown."""


class OwnerOnly(NotAllowed):
    """Only an owner may do this."""

    code = "owner_only"


class SecondFactorWanted(NotSignedIn):
    """Type the code of your second factor first."""

    code = "second_factor_wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSession:
    """Who asks, at the console."""

    token_hash: bytes
    person_id: int
    person_name: str
    email: str
    role: str
    merchant: Merchant
    merchants: tuple[Merchant, ...]
    has_password: bool
    has_second_factor: bool
    by_link: bool
    created_at: datetime

    @property
    def merchant_id(self) -> int:
        """The merchant this session works for."""
        return self.merchant.id

    @property
    def is_owner(self) -> bool:
        """Whether the person owns the merchant."""
        return self.role == "owner"

    def actor(self) -> Actor:
        """Who acts."""
        return Actor(kind=ActorKind.OWNER, id=self.person_id)

    def require_owner(self) -> None:
        """Refuse a manager.

        Raises:
            OwnerOnly: the person is a manager.
        """
        if not self.is_owner:
            raise OwnerOnly(_("Only an owner may do this. Ask the owner of the shop."))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLine:
    """One of a person's sessions; `handle` names it in a form and opens nothing."""

    handle: str
    browser: str
    created_at: datetime
    seen_at: datetime
    current: bool


def start_session(
    work: UnitOfWork,
    person: Person,
    merchant_id: int,
    *,
    browser: str,
    by_link: bool = False,
    verified: bool = False,
) -> str:
    """Store a new session in the caller's transaction; its token is returned.

    Where the person has a second factor the session opens nothing until it was shown, unless it
    was `verified` just now or a link of whoever runs the machine (`by_link`) stands in for it.
    """
    token = random_session_token()
    now = work.clock.now()
    pending = person.totp_sealed is not None and not (by_link or verified)
    life = SECOND_FACTOR_LIFE if pending else SESSION_LIFE
    facts = {"browser": browser[:60], BY_LINK: by_link, PENDING: pending}
    work.sessions.add(
        Session(
            token_hash=token_hash(token),
            kind="console",
            person_id=person.id,
            merchant_id=merchant_id,
            facts=facts,
            created_at=now,
            seen_at=now,
            expires_at=now + life,
        )
    )
    return token


def read_session(ctx: Loyalty, token: str) -> ConsoleSession:
    """Who a cookie's value speaks for.

    Raises:
        NotSignedIn: nobody, or not any more.
        SecondFactorWanted: the password was right, the code is still to come.
    """
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        session = living_session(work, token)
        if session.facts.get(PENDING):
            raise SecondFactorWanted
        found = _described(work, session)
    _touch(ctx, session)
    return found


def living_session(work: UnitOfWork, token: str) -> Session:
    """The console session of a token, its second factor shown or not.

    Raises:
        NotSignedIn: there is none, or it ended.
    """
    session = (
        work.sessions.by_hash(token_hash(token)) if 0 < len(token) <= TOKEN_LENGTH_MAX else None
    )
    if session is None or session.kind != "console" or session.person_id is None:
        raise NotSignedIn
    now = work.clock.now()
    if session.expires_at <= now or session.seen_at + SESSION_IDLE <= now:
        raise NotSignedIn(_("You were signed out because nothing happened for a while."))
    return session


def switch_merchant(ctx: Loyalty, session: ConsoleSession, merchant_id: int) -> None:
    """Work for another of the person's merchants.

    Raises:
        NotFound: not one of theirs.
    """
    if merchant_id not in {one.id for one in session.merchants}:
        raise NotFound(_("There is no such merchant."))
    run_work(
        ctx.database,
        None,
        lambda work: work.sessions.update(session.token_hash, merchant_id=merchant_id),
        clock=ctx.clock,
    )


def sign_out(ctx: Loyalty, token: str) -> None:
    """End the session of a token; twice is no error."""
    if 0 < len(token) <= TOKEN_LENGTH_MAX:
        run_work(
            ctx.database, None, lambda work: work.sessions.end(token_hash(token)), clock=ctx.clock
        )


def list_sessions(ctx: Loyalty, session: ConsoleSession) -> list[SessionLine]:
    """Where the person is signed in, the last seen first."""
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        now = work.clock.now()
        return [
            SessionLine(
                handle=_handle(one),
                browser=str(one.facts.get("browser") or ""),
                created_at=one.created_at,
                seen_at=one.seen_at,
                current=one.token_hash == session.token_hash,
            )
            for one in work.sessions.of_person(session.person_id)
            if one.expires_at > now and one.seen_at + SESSION_IDLE > now
        ]


def end_session(ctx: Loyalty, session: ConsoleSession, handle: str) -> None:
    """End one of the person's own sessions.

    Raises:
        NotFound: none of theirs.
    """

    def action(work: UnitOfWork) -> None:
        own = [one for one in work.sessions.of_person(session.person_id) if _handle(one) == handle]
        if not own:
            raise NotFound(_("This session has ended already."))
        work.sessions.end(own[0].token_hash)

    run_work(ctx.database, None, action, clock=ctx.clock)


def _described(work: UnitOfWork, session: Session) -> ConsoleSession:
    person = work.merchants.person(session.person_id or 0)
    roles = dict(work.merchants.roles_of(person.id))
    if person.disabled_at is not None or session.merchant_id not in roles:
        raise NotSignedIn
    merchants = {one.id: one for one in work.merchants.all() if one.id in roles}
    return ConsoleSession(
        token_hash=session.token_hash,
        person_id=person.id,
        person_name=person.name,
        email=person.email,
        role=roles[session.merchant_id],
        merchant=merchants[session.merchant_id],
        merchants=tuple(merchants.values()),
        has_password=person.password_hash is not None,
        has_second_factor=person.totp_sealed is not None,
        by_link=bool(session.facts.get(BY_LINK)),
        created_at=session.created_at,
    )


def _touch(ctx: Loyalty, session: Session) -> None:
    now = ctx.clock.now()
    if now - session.seen_at < TOUCH_AFTER:
        return
    run_work(
        ctx.database,
        None,
        lambda work: work.sessions.update(session.token_hash, seen_at=now),
        clock=ctx.clock,
    )


def _handle(session: Session) -> str:
    return session.token_hash[:8].hex()
