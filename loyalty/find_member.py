"""Find the member a till means: by the card's code, or by number, e-mail, phone or name.

Not done here: throttling of failed look-ups (web/till.py).

Rules (DESIGN 6):
- The code in the QR proves that the card is here: with it, rewards may be redeemed.
- A code of the system before us finds its card; a long one proves it (old_codes.py).
- Number, e-mail, phone and name only look up: who is found is shown masked, may collect, and
  redeems with the card's code or a manager's PIN.
- A dead code (a lost card's) and an unknown one get the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.candidates import candidacy, candidate_words
from loyalty.contacts import (
    fold_name,
    initials,
    masked_name,
    masked_number,
    normalise_email,
    normalise_phone,
)
from loyalty.context import Loyalty
from loyalty.gift_numbers import gift_of_number, proves_gift
from loyalty.new_card import BARCODE
from loyalty.old_codes import pass_of_old_code, proves_card
from loyalty.rotating_code import UnknownCard, by_rotating_code
from signing.sealing import blind_index
from signing.tokens import check_member_number, token_hash
from storage.members import Member, MemberState
from storage.unit_of_work import UnitOfWork, open_work

TEXT_MAX: Final = 120
FOUND_MAX: Final = 6
_NAME_MIN: Final = 2
_PHONE_DIGITS_MIN: Final = 6


class FoundBy(StrEnum):
    """What led to the member; only `code` and `old_card` prove the card."""

    CODE = "code"
    OLD_CARD = "old_card"
    OLD_CODE = "old_code"
    GIFT_NUMBER = "gift_number"
    NUMBER = "number"
    EMAIL = "email"
    PHONE = "phone"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMember:
    """Who was found, as much as a till may show.

    `shown_name` is the full name only after a scan. `last_used` is the last movement's moment.
    `candidate` says what a card still misses that gives nothing yet.
    `generation` lets a later step notice that the card was replaced in between.
    """

    member_id: int
    pass_id: int
    programme_id: int
    generation: int
    shown_name: str
    initials: str
    number_masked: str
    by: FoundBy
    may_redeem: bool
    last_used: datetime | None
    candidate: str = ""

    @property
    def shows_old_card(self) -> bool:
        """Whether a card of the system before us was shown: its holder may want the new one."""
        return self.by in {FoundBy.OLD_CARD, FoundBy.OLD_CODE}


def find_by_code(ctx: Loyalty, merchant_id: int, scanned: str) -> FoundMember:
    """The member of a scanned code, or of a typed member number.

    Raises:
        InvalidInput: nothing, or much too much, was scanned.
        UnknownCard: no living card of this merchant has this code.
    """
    text = _checked(scanned)
    rotating = by_rotating_code(ctx, merchant_id, text)
    if rotating is not None:
        return _card_in_hand(ctx, merchant_id, rotating)
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        found = _exact(work, text, merchant_id=merchant_id)
    if found is None:
        raise UnknownCard(
            _("This code belongs to no card of this shop. Scan the code on the customer's card.")
        )
    return found


def find_members(ctx: Loyalty, merchant_id: int, typed: str) -> tuple[FoundMember, ...]:
    """Everybody a typed or scanned text can mean, at most six.

    Raises:
        InvalidInput: nothing, or much too much, was typed.
        UnknownCard: nobody was found; the sentence says what can be typed.
    """
    text = _checked(typed)
    rotating = by_rotating_code(ctx, merchant_id, text)
    if rotating is not None:
        return (_card_in_hand(ctx, merchant_id, rotating),)
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        exact = _exact(work, text, merchant_id=merchant_id)
        found = (exact,) if exact else _by_contact(ctx, work, text) or _by_name(work, text)
    if not found:
        raise UnknownCard(
            _("Nobody found. Scan the card, or type its number, a name, e-mail or phone number.")
        )
    return found


def member_now(
    ctx: Loyalty, merchant_id: int, member_id: int, *, generation: int, by: FoundBy
) -> FoundMember:
    """A member found a moment ago, as of now.

    Raises:
        UnknownCard: the card was replaced or ended since.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        member = work.members.get(member_id)
        if member.generation != generation or member.state != MemberState.ACTIVE:
            raise UnknownCard(_("This card was replaced. Scan the new one."))
        return _found(work, member, by=by)


def _card_in_hand(ctx: Loyalty, merchant_id: int, pass_id: int) -> FoundMember:
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        member = work.members.get(work.passes.get(pass_id).member_id)
        return _found(work, member, by=FoundBy.CODE)


def _checked(text: str) -> str:
    text = text.strip()
    if not text or len(text) > TEXT_MAX:
        raise InvalidInput(
            _("Scan a card, or type a member number, name, e-mail or phone number."), field="code"
        )
    return text


def _exact(work: UnitOfWork, text: str, *, merchant_id: int) -> FoundMember | None:
    return (
        _by_barcode(work, text, merchant_id=merchant_id)
        or _by_number(work, text)
        or _by_old_code(work, text)
        or _by_gift_number(work, text)
    )


def _by_gift_number(work: UnitOfWork, text: str) -> FoundMember | None:
    gift = gift_of_number(work, text)
    if gift is None or gift.member_id is None:
        return None
    holder = work.members.get(gift.member_id)
    if holder.state != MemberState.ACTIVE:
        return None
    return _found(work, holder, by=FoundBy.CODE if proves_gift(gift) else FoundBy.GIFT_NUMBER)


def _by_old_code(work: UnitOfWork, text: str) -> FoundMember | None:
    pass_id = pass_of_old_code(work, text)
    if pass_id is None:
        return None
    wallet_pass = work.passes.get(pass_id)
    member = work.members.get(wallet_pass.member_id)
    if wallet_pass.voided_at is not None or member.state != MemberState.ACTIVE:
        return None
    return _found(work, member, by=FoundBy.OLD_CARD if proves_card(text) else FoundBy.OLD_CODE)


def _by_barcode(work: UnitOfWork, text: str, *, merchant_id: int) -> FoundMember | None:
    entry = work.directory.token(token_hash(text))
    if entry is None or entry.kind != BARCODE or entry.merchant_id != merchant_id:
        return None
    wallet_pass = work.passes.get(entry.subject_id)
    member = work.members.get(wallet_pass.member_id)
    if wallet_pass.voided_at is not None or member.state != MemberState.ACTIVE:
        return None
    return _found(work, member, by=FoundBy.CODE)


def _by_number(work: UnitOfWork, text: str) -> FoundMember | None:
    number = check_member_number(text)
    member = work.members.by_number(number) if number else None
    if member is not None and member.merged_into_id is not None:
        member = work.members.get(member.merged_into_id)
    if member is None or member.state != MemberState.ACTIVE:
        return None
    return _found(work, member, by=FoundBy.NUMBER)


def _by_contact(ctx: Loyalty, work: UnitOfWork, text: str) -> tuple[FoundMember, ...]:
    found = members_by_contact(ctx, work, text, country=work.merchants.get().country)
    by = FoundBy.EMAIL if "@" in text else FoundBy.PHONE
    return tuple(_found(work, member, by=by) for member in found[:FOUND_MAX])


def members_by_contact(ctx: Loyalty, work: UnitOfWork, text: str, *, country: str) -> list[Member]:
    """Active members with this e-mail address or phone number; none for what is no contact."""
    try:
        if "@" in text:
            by, value = FoundBy.EMAIL, normalise_email(text)
        elif sum(symbol.isdigit() for symbol in text) >= _PHONE_DIGITS_MIN:
            by, value = FoundBy.PHONE, normalise_phone(text, country=country)
        else:
            return []
    except InvalidInput:
        return []
    index = blind_index(ctx.keyring, value, merchant_id=work.scope.merchant, column=by.value)
    if by is FoundBy.EMAIL:
        return work.members.with_contact(email_index=index)
    return work.members.with_contact(phone_index=index)


def _by_name(work: UnitOfWork, text: str) -> tuple[FoundMember, ...]:
    folded = fold_name(text)
    if len(folded) < _NAME_MIN:
        return ()
    members = work.members.search_name(folded, FOUND_MAX)
    return tuple(_found(work, member, by=FoundBy.NAME) for member in members)


def _found(work: UnitOfWork, member: Member, *, by: FoundBy) -> FoundMember:
    wallet_pass = work.passes.current_of_member(member.id)
    scanned = by in {FoundBy.CODE, FoundBy.OLD_CARD}
    return FoundMember(
        member_id=member.id,
        pass_id=wallet_pass.id,
        programme_id=member.programme_id,
        generation=member.generation,
        shown_name=member.name if scanned else masked_name(member.name),
        initials=initials(member.name),
        number_masked=masked_number(member.number),
        by=by,
        may_redeem=scanned,
        last_used=work.members.last_used(member.id),
        candidate=_candidate(work, member),
    )


def _candidate(work: UnitOfWork, member: Member) -> str:
    found = candidacy(work, member.id) if member.candidate_until is not None else None
    return candidate_words(found) if found else ""
