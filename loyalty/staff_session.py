"""Who stands at a paired till: the PIN picks the person, and the till locks again by itself.

Not done here: pairing a device (tills.py), cookies (web).

Rules (reliability C2, DESIGN 8):
- A PIN works only on a paired device. No list of people is shown before it: the PIN alone picks.
- Argon2 is bounded: signing runs two hashes at once, a try is refused before hashing when the
  till's bucket is empty, and at most STAFF_MAX people are compared.
- Five wrong tries in a row, then one every half minute; forty wrong ones a day on one till. A
  right PIN returns only its own token, so knowing one PIN does not buy guesses at another.
- The till locks IDLE after the last thing that was done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn

from common.actor import Actor, ActorKind
from common.errors import InvalidInput, NotFound, NotSignedIn, TooMany
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.posting import MerchantSuspended
from loyalty.staff import PIN_PURPOSE, STAFF_MAX, refuse_taken_pin
from signing.passwords import hash_pin, pin_complaint, verify_pin
from signing.tokens import token_hash
from storage.places import Staff
from storage.sessions import OneTimeLink, Session
from storage.unit_of_work import UnitOfWork, open_work, run_work

IDLE: Final = timedelta(minutes=5)
WRONG_IN_A_ROW: Final = 5
WRONG_REFILL_PER_S: Final = 1 / 30
WRONG_A_DAY: Final = 40
_DAY_S: Final = 86_400
_TOUCH_AFTER: Final = timedelta(seconds=30)
_KIND: Final = "till"
MANAGER: Final = "manager"


class NotPaired(NotSignedIn):
    """This device is not a till."""

    code = "not_paired"


class TillLocked(NotSignedIn):
    """The till is locked. Type your PIN."""

    code = "till_locked"


class WrongPin(InvalidInput):
    """This PIN is not right."""

    code = "wrong_pin"


class PinLinkSpent(NotFound):
    """This link has been used or has run out."""

    code = "pin_link_spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class TillSession:
    """A paired device and, while `staff_id` is set, who works at it."""

    merchant_id: int
    merchant_name: str
    currency: str
    sale_max_minor: int
    refund_max_minor: int
    language: str
    time_zone: str
    sandbox: bool
    till_id: int
    till_name: str
    location_id: int
    location_name: str
    staff_id: int | None
    staff_name: str
    staff_role: str
    staff_until: datetime | None

    @property
    def locked(self) -> bool:
        """Whether a PIN must be typed first."""
        return self.staff_id is None

    @property
    def is_manager(self) -> bool:
        """Whether whoever is at the till may override."""
        return self.staff_role == MANAGER

    def actor(self) -> Actor:
        """Who acts.

        Raises:
            TillLocked: nobody is at the till.
        """
        if self.staff_id is None:
            raise TillLocked(_("The till is locked. Type your PIN."))
        return Actor(
            kind=ActorKind.STAFF,
            id=self.staff_id,
            till_id=self.till_id,
            location_id=self.location_id,
        )


def till_session(ctx: Loyalty, token: str) -> TillSession:
    """The paired device of a cookie's value, with whoever is still at it.

    Raises:
        NotPaired: no such session, it ended, or its till was revoked.
        MerchantSuspended: nothing moves at this shop until it is active again.
    """
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        session = work.sessions.by_hash(token_hash(token)) if token else None
        merchant_id = _living_till(session, now=work.clock.now())
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return _described(work, session) if session else _refuse()


def enter_pin(ctx: Loyalty, token: str, pin: str) -> TillSession:
    """Open the till for the person whose PIN this is.

    Raises:
        NotPaired: see `till_session`.
        WrongPin: nobody's PIN.
        TooMany: too many wrong tries.
    """
    till = till_session(ctx, token)
    person = _person_of_pin(ctx, till, pin, field="pin", accept=lambda _staff: True)

    def unlock(work: UnitOfWork) -> TillSession:
        now = work.clock.now()
        work.sessions.update(
            token_hash(token), staff_id=person.id, staff_until=now + IDLE, seen_at=now
        )
        session = work.sessions.by_hash(token_hash(token))
        return _described(work, session) if session else _refuse()

    return run_work(ctx.database, till.merchant_id, unlock, clock=ctx.clock)


def approve_by_manager(ctx: Loyalty, till: TillSession, pin: str, *, member_id: int) -> Actor:
    """A manager's PIN for one act that staff may not do alone; who approved is audited.

    Returns:
        The manager as the actor at this till.

    Raises:
        WrongPin: not a manager's PIN.
        TooMany: too many wrong tries.
    """
    manager = _person_of_pin(
        ctx, till, pin, field="manager_pin", accept=lambda staff: staff.role == MANAGER
    )
    actor = Actor(
        kind=ActorKind.STAFF, id=manager.id, till_id=till.till_id, location_id=till.location_id
    )

    def note(work: UnitOfWork) -> None:
        work.audit.add(
            actor=actor,
            action="till.manager_override",
            subject_kind="member",
            subject_id=member_id,
            detail={"till_id": till.till_id, "staff_id": till.staff_id},
        )

    run_work(ctx.database, till.merchant_id, note, clock=ctx.clock)
    return actor


def stay_awake(ctx: Loyalty, token: str, till: TillSession) -> None:
    """Move the lock on, because something was done."""
    now = ctx.clock.now()
    if till.staff_until is None or till.staff_until - now > IDLE - _TOUCH_AFTER:
        return
    run_work(
        ctx.database,
        till.merchant_id,
        lambda work: work.sessions.update(token_hash(token), staff_until=now + IDLE, seen_at=now),
        clock=ctx.clock,
    )


def lock(ctx: Loyalty, token: str) -> None:
    """Nobody is at the till any more; the device stays paired."""
    till = till_session(ctx, token)
    run_work(
        ctx.database,
        till.merchant_id,
        lambda work: work.sessions.update(token_hash(token), staff_id=None, staff_until=None),
        clock=ctx.clock,
    )


def open_pin_link(ctx: Loyalty, token: str) -> str:
    """The name of whom a one-time link lets choose a PIN; changes nothing.

    Raises:
        PinLinkSpent: used, run out, or no such link.
    """
    link = _pin_link(ctx, token)
    with open_work(ctx.database, link.merchant_id, clock=ctx.clock, writing=False) as work:
        staff: Staff = work.places.staff(link.subject_id)
        return staff.name


def choose_pin(ctx: Loyalty, token: str, pin: str) -> None:
    """Set the PIN of whom the link was made for, and spend the link.

    Raises:
        PinLinkSpent: used, run out, or no such link.
        InvalidInput: the PIN is too easy, or cannot be used at this shop.
    """
    link = _pin_link(ctx, token)
    complaint = pin_complaint(pin)
    if complaint:
        raise InvalidInput(complaint, field="pin")
    refuse_taken_pin(ctx, link.merchant_id, link.subject_id, pin)
    hashed = hash_pin(ctx.keyring, pin, merchant_id=link.merchant_id, staff_id=link.subject_id)

    def store(work: UnitOfWork) -> None:
        if not work.sessions.spend_link(link.token_hash):
            raise PinLinkSpent(_("This link has been used or has run out. Ask for a new one."))
        work.places.set_pin(link.subject_id, hashed)
        work.audit.add(
            actor=Actor(kind=ActorKind.STAFF, id=link.subject_id),
            action="staff.pin_chosen",
            subject_kind="staff",
            subject_id=link.subject_id,
        )

    run_work(ctx.database, link.merchant_id, store, clock=ctx.clock)


def _living_till(session: Session | None, *, now: datetime) -> int:
    if session is None or session.kind != _KIND or session.expires_at <= now:
        _refuse()
    if session is None or session.merchant_id is None:
        _refuse()
    return session.merchant_id


def _refuse() -> NoReturn:
    raise NotPaired(_("This device is not a till yet. Pair it with a code from the console."))


def _described(work: UnitOfWork, session: Session) -> TillSession:
    merchant = work.merchants.get()
    till = work.places.till(session.till_id or 0)
    if till.revoked_at is not None:
        _refuse()
    if merchant.status != "active":
        raise MerchantSuspended(
            _("This shop is suspended; cards cannot move until it is active again.")
        )
    location = work.places.get(till.location_id)
    staff = _present_staff(work, session)
    return TillSession(
        merchant_id=merchant.id,
        merchant_name=merchant.name,
        currency=merchant.currency,
        sale_max_minor=merchant.sale_max_minor,
        refund_max_minor=merchant.staff_refund_max_minor,
        language=merchant.language,
        time_zone=location.time_zone,
        sandbox=merchant.sandbox,
        till_id=till.id,
        till_name=till.name,
        location_id=location.id,
        location_name=location.name,
        staff_id=staff.id if staff else None,
        staff_name=staff.name if staff else "",
        staff_role=staff.role if staff else "",
        staff_until=session.staff_until if staff else None,
    )


def _present_staff(work: UnitOfWork, session: Session) -> Staff | None:
    if session.staff_id is None or session.staff_until is None:
        return None
    if session.staff_until <= work.clock.now():
        return None
    staff = work.places.staff(session.staff_id)
    return staff if staff.disabled_at is None else None


def _person_of_pin(
    ctx: Loyalty, till: TillSession, pin: str, *, field: str, accept: Callable[[Staff], bool]
) -> Staff:
    _take_try(ctx, till)
    with open_work(ctx.database, till.merchant_id, clock=ctx.clock, writing=False) as work:
        everybody = work.places.all_staff()
    candidates = [one for one in everybody if _may_try(one) and accept(one)]
    for staff in candidates[:STAFF_MAX]:
        if staff.pin_hash and verify_pin(
            ctx.keyring, staff.pin_hash, pin, merchant_id=till.merchant_id, staff_id=staff.id
        ):
            _put_try_back(ctx, till)
            return staff
    raise WrongPin(_("This PIN is not right. Try again."), field=field)


def _may_try(staff: Staff) -> bool:
    return staff.disabled_at is None and staff.pin_hash is not None


def _buckets(till: TillSession) -> tuple[tuple[str, int, float], ...]:
    return (
        (f"pin|{till.till_id}", WRONG_IN_A_ROW, WRONG_REFILL_PER_S),
        (f"pin-day|{till.till_id}", WRONG_A_DAY, WRONG_A_DAY / _DAY_S),
    )


def _take_try(ctx: Loyalty, till: TillSession) -> None:
    # Taken before hashing, so that many tries at once cannot slip past the count.
    def take(work: UnitOfWork) -> float:
        waits = [
            work.buckets.take(name, capacity=capacity, refill_per_s=refill)
            for name, capacity, refill in _buckets(till)
        ]
        return max(waits)

    wait_s = run_work(ctx.database, None, take, clock=ctx.clock)
    if wait_s > 0:
        seconds = int(wait_s) + 1
        raise TooMany(
            _("Too many wrong PINs. Try again in %(seconds)d seconds.", seconds=seconds),
            retry_after_s=seconds,
        )


def _put_try_back(ctx: Loyalty, till: TillSession) -> None:
    def put_back(work: UnitOfWork) -> None:
        for name, capacity, _refill in _buckets(till):
            work.buckets.put_back(name, capacity=capacity)

    run_work(ctx.database, None, put_back, clock=ctx.clock)


def _pin_link(ctx: Loyalty, token: str) -> OneTimeLink:
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        link = work.sessions.link(token_hash(token))
        now = work.clock.now()
    if link is None or link.purpose != PIN_PURPOSE or link.spent_at or link.expires_at <= now:
        raise PinLinkSpent(_("This link has been used or has run out. Ask for a new one."))
    return link
