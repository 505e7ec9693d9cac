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
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.contacts import clean_name, fold_name, normalise_email, normalise_phone
from loyalty.context import Loyalty
from loyalty.greet import greet
from loyalty.new_card import card_token, make_card
from loyalty.posting import MerchantSuspended
from signing.keyring import Keyring
from signing.sealing import blind_index, seal
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


class NotOpen(Conflict):
    """This programme takes no new members at the moment."""

    code = "programme_not_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolRequest:
    """What a person gave, as typed.

    `source` says where: at `join` the programme's questions are binding (off, optional,
    required); `till`, `command` and `import` may give what they have. `form_key` names one filled
    form: the same key within ten minutes is answered with the same card.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    name: str
    email: str
    phone: str


def enrol(
    ctx: Loyalty,
    merchant_id: int,
    request: EnrolRequest,
    *,
    then: Callable[[UnitOfWork, Enrolment], None] | None = None,
) -> Enrolment:
    """Make a member with a card, or recognise one; `then` is done in the same transaction.

    Raises:
        InvalidInput: what was given cannot be used, or something asked for is missing.
        NotOpen: the card was never published.
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
    person = _checked(request, programme, country=merchant.country)
    member_id = new_id()
    seen = _seen_form(work, request, person, member_id=member_id)
    if seen is not None:
        return replace(_enrolment(seen, merchant_id=merchant_id, keyring=keyring), again=True)
    sealer = _Sealer(keyring, merchant_id)
    known = _known(work, programme.id, person, sealer=sealer)
    if known is not None:
        nothing = ""
        return Enrolment(member_id=known.id, number=known.number, card_token=nothing, known=True)
    member = _new_member(work, request, person, member_id=member_id, sealer=sealer)
    make_card(work, member, merchant_id=merchant_id, keyring=keyring, generation=member.generation)
    return _enrolment(member, merchant_id=merchant_id, keyring=keyring)


def refuse_closed(merchant: Merchant, programme: Programme) -> None:
    """Raise when nobody can join: a suspended merchant, a card never published."""
    if merchant.status != "active":
        raise MerchantSuspended(_("This shop's cards are paused at the moment."))
    if programme.design_version == 0:
        raise NotOpen(
            _("This card is not open yet. The owner publishes it in the console, under Card.")
        )


def _enrolment(member: Member, *, merchant_id: int, keyring: Keyring) -> Enrolment:
    token = card_token(keyring, member.id, merchant_id=merchant_id, generation=member.generation)
    return Enrolment(member_id=member.id, number=member.number, card_token=token, known=False)


def _checked(request: EnrolRequest, programme: Programme, *, country: str) -> _Person:
    """The answers in one form, every complaint at once."""
    complaints: list[InvalidInput] = []
    binding = request.source == "join"
    values = {}
    for field, asked, clean in _questions(programme, country):
        text = getattr(request, field).strip()
        if binding and asked == "off":
            text = ""
        if binding and asked == "required" and not text:
            complaints.append(InvalidInput(_missing(field), field=field))
        try:
            values[field] = clean(text) if text else ""
        except InvalidInput as complaint:
            complaints.append(complaint)
    if complaints:
        raise complaints[0] if len(complaints) == 1 else InvalidInputs(complaints)
    return _Person(**values)


def _questions(programme: Programme, country: str) -> list[tuple[str, str, Callable[[str], str]]]:
    return [
        ("name", programme.ask_name, clean_name),
        ("email", programme.ask_email, normalise_email),
        ("phone", programme.ask_phone, lambda text: normalise_phone(text, country=country)),
    ]


def _missing(field: str) -> str:
    return {
        "name": _("Type your name."),
        "email": _("Type your e-mail address."),
        "phone": _("Type your phone number."),
    }[field]


class _Sealer:
    """Seals and indexes the contacts of one merchant."""

    def __init__(self, keyring: Keyring, merchant_id: int) -> None:
        self._keyring = keyring
        self._merchant_id = merchant_id

    def seal(self, text: str, column: str) -> bytes | None:
        if not text:
            return None
        return seal(
            self._keyring,
            text.encode(),
            merchant_id=self._merchant_id,
            column=f"member.{column}",
        )

    def index(self, text: str, column: str) -> bytes | None:
        if not text:
            return None
        return blind_index(self._keyring, text, merchant_id=self._merchant_id, column=column)


def _known(
    work: UnitOfWork, programme_id: int, person: _Person, *, sealer: _Sealer
) -> Member | None:
    email = sealer.index(person.email, "email")
    phone = sealer.index(person.phone, "phone")
    found = work.members.by_email_index(programme_id, email) if email else None
    if found is None and phone:
        found = work.members.by_phone_index(programme_id, phone)
    return found


def _new_member(
    work: UnitOfWork, request: EnrolRequest, person: _Person, *, member_id: int, sealer: _Sealer
) -> Member:
    programme = work.programmes.get(request.programme_id)
    member = Member(
        id=member_id,
        programme_id=programme.id,
        number=member_number(),
        name=person.name,
        name_folded=fold_name(person.name),
        email_sealed=sealer.seal(person.email, "email"),
        email_index=sealer.index(person.email, "email"),
        phone_sealed=sealer.seal(person.phone, "phone"),
        phone_index=sealer.index(person.phone, "phone"),
        language=request.language,
        source=request.source,
        joined_at=work.clock.now(),
    )
    work.members.add(member)
    work.books.open_member(member.id, programme.id, programme.unit)
    greet(work, member)
    answers = {ConsentPurpose.MEMBERSHIP: True, ConsentPurpose.OFFERS: request.offers}
    for purpose, given in answers.items():
        work.members.add_consent(
            member.id, purpose, version=WORDING_VERSION, language=request.language, given=given
        )
    return member


def _form_hash(request: EnrolRequest, person: _Person) -> bytes:
    # The answers are part of it: another person on the same, still open page is another form.
    parts = (request.form_key, person.name, person.email, person.phone)
    return hashlib.sha256("\0".join((_FORM_PURPOSE, *parts)).encode()).digest()


def _seen_form(
    work: UnitOfWork, request: EnrolRequest, person: _Person, *, member_id: int
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
