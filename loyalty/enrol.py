"""Let somebody join a programme: a member, an account, a card, and what they consented to.

Not done here: throttling and bots (web), sending the card to a wallet (read_pass, save_to_google).

Rules:
- A contact that joined before gets no second card and no hint who it belongs to: `known` is for
  the caller's counting, the page must look the same (DESIGN 8).
- The same form sent twice (a double tap, a lost answer) is one member: `form_key` remembers it.
- Nothing typed is kept in the clear but the name: contacts are sealed, and found by blind index.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from common.actor import Actor
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.admission import Entrance, check_door, enter, refuse_unpublished
from loyalty.admission import NotOpen as NotOpen  # noqa: PLC0414 - known from here too
from loyalty.contact_seals import ContactSeals
from loyalty.contacts import fold_name
from loyalty.context import Loyalty
from loyalty.greet import greet
from loyalty.join_answers import Person, checked_person
from loyalty.member_details import seal_details
from loyalty.new_card import card_token, make_card
from loyalty.posting import MerchantSuspended
from signing.keyring import Keyring
from signing.tokens import member_number
from storage.members import ConsentPurpose, Member, MemberExists
from storage.merchants import Merchant
from storage.programmes import Programme
from storage.sessions import OneTimeLink
from storage.unit_of_work import UnitOfWork, run_work

WORDING_VERSION: Final = 1
"""Raise it with every change of the consent texts in templates/join."""

FORM_KEY_LIFE: Final = timedelta(minutes=10)
TRIES_MAX: Final = 3
_FORM_PURPOSE: Final = "join_form"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolRequest:
    """What a person gave, as typed.

    `source` says where: at `join` the programme's questions are binding (off, optional,
    required); `till`, `command` and `import` may give what they have. `form_key` names one filled
    form: the same key within ten minutes is answered with the same card.

    `birthday` is `MM-DD`; `answers` go by the key of the owner's question; `invitation` is a code;
    `interested` the yes to the owner's question; `came_from` the code of a join link's source;
    `purchases_before` what was counted of them elsewhere.
    """

    programme_id: int
    name: str = ""
    email: str = ""
    phone: str = ""
    language: str = "en"
    offers: bool = False
    source: str = "join"
    actor: Actor
    form_key: str = ""
    address: str = ""
    birthday: str = ""
    brand: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    invitation: str = ""
    interested: bool = False
    came_from: str = ""
    purchases_before: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """The member; `known` says the contact joined before, and then `card_token` is empty.

    `again` says that this very form was sent before.
    """

    member_id: int
    number: str
    card_token: str
    known: bool
    again: bool = False


def enrol(
    ctx: Loyalty,
    merchant_id: int,
    request: EnrolRequest,
    *,
    then: Callable[[UnitOfWork, Enrolment], None] | None = None,
) -> Enrolment:
    """Make a member with a card, or recognise one; `then` is done in the same transaction.

    Raises:
        InvalidInput: what was given cannot be used, or something asked for is missing; no
            invitation, or no yes, where one is wanted.
        NotOpen: the card was never published, or takes nobody at the moment; a pilot's list.
        MerchantSuspended: the merchant is suspended.
        NotFound: no such programme.
    """

    def enrol_and_more(work: UnitOfWork) -> Enrolment:
        done = enrol_in(work, request, merchant_id=merchant_id, keyring=ctx.keyring)
        if then is not None:
            then(work, done)
        return done

    for attempt in range(TRIES_MAX):
        try:
            return run_work(
                ctx.database,
                merchant_id,
                enrol_and_more,
                clock=ctx.clock,
            )
        except MemberExists:
            # Somebody took the number or the contact in between; now the look-up will see it.
            if attempt == TRIES_MAX - 1:
                raise
    raise AssertionError("the loop returns or raises")


def enrol_in(
    work: UnitOfWork, request: EnrolRequest, *, merchant_id: int, keyring: Keyring
) -> Enrolment:
    """`enrol` as a part of the caller's transaction.

    Raises:
        MemberExists: number or contact was taken in between; run the transaction again.
    """
    merchant = work.merchants.get()
    programme = work.programmes.get(request.programme_id)
    refuse_closed(merchant, programme)
    door = work.joining.door(programme.id)
    person = checked_person(request, programme, door.rules, country=merchant.country)
    member_id = new_id()
    seen = _seen_form(work, request, person, member_id=member_id)
    if seen is not None:
        return replace(_enrolment(seen, merchant_id=merchant_id, keyring=keyring), again=True)
    seals = ContactSeals(keyring, merchant_id)
    check_door(work, request, door, contacts=seals.indexes(person.email, person.phone))
    known = known_member(work, programme.id, person, seals=seals)
    if known is not None:
        nothing = ""
        return Enrolment(member_id=known.id, number=known.number, card_token=nothing, known=True)
    entrance = enter(work, request, door)
    new = _member(work, request, person, member_id=member_id, seals=seals)
    member = _add_member(work, new, request, entrance, unit=programme.unit)
    make_card(work, member, merchant_id=merchant_id, keyring=keyring, generation=member.generation)
    return _enrolment(member, merchant_id=merchant_id, keyring=keyring)


def refuse_closed(merchant: Merchant, programme: Programme) -> None:
    """Raise when nobody gets a card: a suspended merchant, a card never published."""
    if merchant.status != "active":
        raise MerchantSuspended(_("This shop's cards are paused at the moment."))
    refuse_unpublished(programme)


def _enrolment(member: Member, *, merchant_id: int, keyring: Keyring) -> Enrolment:
    token = card_token(keyring, member.id, merchant_id=merchant_id, generation=member.generation)
    return Enrolment(member_id=member.id, number=member.number, card_token=token, known=False)


def known_member(
    work: UnitOfWork, programme_id: int, person: Person, *, seals: ContactSeals
) -> Member | None:
    """Who of the programme gave this contact before; of a merged card the kept one."""
    email = seals.index(person.email, "email")
    phone = seals.index(person.phone, "phone")
    found = work.members.by_email_index(programme_id, email) if email else None
    if found is None and phone:
        found = work.members.by_phone_index(programme_id, phone)
    if found is not None and found.merged_into_id is not None:
        return work.members.get(found.merged_into_id)
    return found


def _member(
    work: UnitOfWork, request: EnrolRequest, person: Person, *, member_id: int, seals: ContactSeals
) -> Member:
    return Member(
        id=member_id,
        programme_id=request.programme_id,
        number=member_number(),
        name=person.name,
        name_folded=fold_name(person.name),
        email_sealed=seals.seal(person.email, "email"),
        email_index=seals.index(person.email, "email"),
        phone_sealed=seals.seal(person.phone, "phone"),
        phone_index=seals.index(person.phone, "phone"),
        language=request.language,
        source=request.source,
        joined_at=work.clock.now(),
        birthday=person.birthday,
        details_sealed=seal_details(seals.keyring, person.details, merchant_id=seals.merchant_id),
        purchases_before=request.purchases_before,
    )


def _add_member(
    work: UnitOfWork, new: Member, request: EnrolRequest, entrance: Entrance, *, unit: str
) -> Member:
    member = replace(
        new,
        join_source_id=entrance.join_source_id,
        invitation_id=entrance.invitation_id,
        candidate_until=entrance.candidate_until,
    )
    work.members.add(member)
    work.books.open_member(member.id, member.programme_id, unit)
    greet(work, member)
    answers = {ConsentPurpose.MEMBERSHIP: True, ConsentPurpose.OFFERS: request.offers}
    for purpose, given in answers.items():
        work.members.add_consent(
            member.id, purpose, version=WORDING_VERSION, language=request.language, given=given
        )
    return member


def _form_hash(request: EnrolRequest, person: Person) -> bytes:
    # The answers are part of it: another person on the same, still open page is another form.
    parts = (request.form_key, person.name, person.email, person.phone)
    return hashlib.sha256("\0".join((_FORM_PURPOSE, *parts)).encode()).digest()


def _seen_form(
    work: UnitOfWork, request: EnrolRequest, person: Person, *, member_id: int
) -> Member | None:
    """The member this form made before; else the form is claimed for `member_id`.

    Claiming comes before anything else is written: a second try at the same moment waits here
    until the first is done, and then finds the first one's member.
    """
    if not request.form_key:
        return None
    now = work.clock.now()
    claim = OneTimeLink(
        token_hash=_form_hash(request, person),
        purpose=_FORM_PURPOSE,
        merchant_id=work.scope.merchant,
        subject_id=member_id,
        created_at=now,
        expires_at=now + FORM_KEY_LIFE,
    )
    if work.sessions.add_link_once(claim):
        return None
    link = work.sessions.link(claim.token_hash)
    return work.members.find(link.subject_id) if link and link.expires_at > now else None
