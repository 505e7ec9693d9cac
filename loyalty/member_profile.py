"""What is kept of a member, to be seen and changed by the member or the owner.

Not done here: proving who asks (member_proof.py), the export (member_export.py), leaving
(erase_member.py).

Rules:
- A contact that another card of the programme has stays as it was, and the answer is the same as
  for a free one: nobody learns here who is a member.
- Who changes the e-mail address is told so at the address before.
- Offers are answered anew only when the answer changes; the log keeps wording, language and time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from common.actor import Actor
from common.errors import InvalidInput, NotFound
from common.i18n import gettext as _
from common.i18n import languages
from loyalty.contact_seals import ContactSeals
from loyalty.contacts import fold_name
from loyalty.context import Loyalty
from loyalty.enrol import WORDING_VERSION, EnrolRequest
from loyalty.join_answers import Person, birthday_text, checked_person
from loyalty.member_details import open_details, seal_details
from loyalty.member_proof import PROOF
from storage.join_rules import Question
from storage.mails import Mail, write_mail
from storage.members import ConsentPurpose, Member, MemberState
from storage.outbox import OutboxKind
from storage.unit_of_work import UnitOfWork, open_work, run_work

MAIL_LIFE: Final = timedelta(days=3)
SOURCE: Final = "profile"
"""Not `join`: what the owner wants at the join page is not wanted of members who are in already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is kept of a member; `birthday` is `MM-DD`, `questions` the owner's own."""

    name: str
    email: str
    phone: str
    address: str
    birthday: str
    brand: str
    answers: Mapping[str, str]
    language: str
    offers: bool
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChange:
    """What somebody wants kept from now on; all of it, as typed."""

    name: str = ""
    email: str = ""
    phone: str = ""
    address: str = ""
    birthday: str = ""
    brand: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    language: str = ""
    offers: bool = False


def read_profile(ctx: Loyalty, merchant_id: int, member_id: int) -> Profile:
    """What is kept of a member.

    Raises:
        NotFound: this merchant has no such member.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        member = work.members.get(member_id)
        door = work.joining.door(member.programme_id)
        offers = _wants_offers(work, member_id)
    seals = ContactSeals(ctx.keyring, merchant_id)
    details = open_details(ctx.keyring, member.details_sealed, merchant_id=merchant_id)
    return Profile(
        name=member.name,
        email=seals.open(member.email_sealed, "email"),
        phone=seals.open(member.phone_sealed, "phone"),
        address=details.address,
        birthday=birthday_text(member.birthday),
        brand=details.brand,
        answers=details.answers,
        language=member.language,
        offers=offers,
        questions=door.rules.questions,
    )


def change_profile(
    ctx: Loyalty, merchant_id: int, member_id: int, change: ProfileChange, *, actor: Actor
) -> bool:
    """Keep what is wanted from now on; whether the e-mail address is another one now.

    Raises:
        InvalidInput, InvalidInputs: by form field; nothing was changed.
        NotFound: this merchant has no such member, or the membership ended.
    """
    return run_work(
        ctx.database,
        merchant_id,
        lambda work: _change(ctx, work, member_id, change, actor=actor),
        clock=ctx.clock,
    )


def _change(
    ctx: Loyalty, work: UnitOfWork, member_id: int, change: ProfileChange, *, actor: Actor
) -> bool:
    member = work.members.get(member_id)
    if member.state != MemberState.ACTIVE:
        raise NotFound(_("This membership has ended."))
    merchant = work.merchants.get()
    if change.language not in {"", member.language, *languages()}:
        raise InvalidInput(_("Choose one of the languages."), field="language")
    person = _person(work, member, change, actor=actor, country=merchant.country)
    seals = ContactSeals(ctx.keyring, merchant.id)
    changed = _with_contacts(work, _changed(member, change, person, seals), person, seals)
    work.members.change(changed)
    _answer_offers(work, changed, wanted=change.offers)
    new_address = changed.email_index != member.email_index
    if new_address:
        _tell_old_address(ctx, work, member, seals)
        work.sessions.drop_links(PROOF, member_id)
    work.deliveries.bump_member(member_id)
    work.audit.add(
        actor=actor, action="member.change", subject_kind="member", subject_id=member_id, detail={}
    )
    return new_address


def _person(
    work: UnitOfWork, member: Member, change: ProfileChange, *, actor: Actor, country: str
) -> Person:
    request = EnrolRequest(
        programme_id=member.programme_id,
        name=change.name,
        email=change.email,
        phone=change.phone,
        address=change.address,
        birthday=change.birthday,
        brand=change.brand,
        answers=change.answers,
        source=SOURCE,
        actor=actor,
    )
    programme = work.programmes.get(member.programme_id)
    rules = work.joining.door(member.programme_id).rules
    return checked_person(request, programme, rules, country=country)


def _changed(member: Member, change: ProfileChange, person: Person, seals: ContactSeals) -> Member:
    return replace(
        member,
        name=person.name,
        name_folded=fold_name(person.name),
        language=change.language or member.language,
        birthday=person.birthday,
        details_sealed=seal_details(seals.keyring, person.details, merchant_id=seals.merchant_id),
    )


def _with_contacts(work: UnitOfWork, member: Member, person: Person, seals: ContactSeals) -> Member:
    """The member with the contacts that no other card of the programme has."""
    email = seals.index(person.email, "email")
    other = work.members.by_email_index(member.programme_id, email) if email else None
    if other is None or other.id == member.id:
        member = replace(member, email_index=email, email_sealed=seals.seal(person.email, "email"))
    phone = seals.index(person.phone, "phone")
    other = work.members.by_phone_index(member.programme_id, phone) if phone else None
    if other is None or other.id == member.id:
        member = replace(member, phone_index=phone, phone_sealed=seals.seal(person.phone, "phone"))
    return member


def _wants_offers(work: UnitOfWork, member_id: int) -> bool:
    given = [
        one.given
        for one in work.members.consents(member_id)
        if one.purpose == ConsentPurpose.OFFERS
    ]
    return bool(given) and given[-1]


def _answer_offers(work: UnitOfWork, member: Member, *, wanted: bool) -> None:
    if _wants_offers(work, member.id) == wanted:
        return
    work.members.add_consent(
        member.id,
        ConsentPurpose.OFFERS,
        version=WORDING_VERSION,
        language=member.language,
        given=wanted,
    )


def _tell_old_address(ctx: Loyalty, work: UnitOfWork, before: Member, seals: ContactSeals) -> None:
    to = seals.open(before.email_sealed, "email")
    if not to or not ctx.settings.sends_mail:
        return
    merchant = work.merchants.get()
    mail = Mail(
        to=to,
        language=before.language,
        time_zone=merchant.time_zone,
        facts={"shop": merchant.name},
    )
    write_mail(
        work,
        mail,
        OutboxKind.CONTACT_CHANGED,
        keyring=ctx.keyring,
        life=MAIL_LIFE,
        member_id=before.id,
    )
