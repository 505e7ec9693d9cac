"""Make a paid gift card alive: its holder, its card, its number, its money, and the mail.

Part of a use case (gift_cards, gift_orders): opens no transaction of its own. Everything is one
commit, so money that was taken and a card that holds it never part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from common.actor import Actor
from common.errors import Conflict
from common.i18n import gettext as _
from common.ids import new_id
from common.money import format_money
from ledger.accounts import AccountKind, OperationKind
from ledger.gifts import gift_lot
from ledger.given_reasons import GIFT, given_reason
from ledger.limits import LIMITS, check_balance
from loyalty import posting
from loyalty.contacts import fold_name
from loyalty.context import Loyalty
from loyalty.event_posting import Chain
from loyalty.event_results import event_result
from loyalty.gift_numbers import draw_number, enter_number
from loyalty.gift_people import GiftPeople, kept_people
from loyalty.gift_programme import shop_in, terms_in
from loyalty.member_states import load_state
from loyalty.new_card import card_token, make_card
from loyalty.results import OperationResult
from signing.tokens import member_number
from storage.book_records import Claim, Heading
from storage.entries import Event, SoldSale
from storage.gift_cards import GiftCard, GiftCards, GiftState
from storage.mails import Mail, write_mail
from storage.members import Member
from storage.outbox import OutboxKind
from storage.unit_of_work import UnitOfWork

MAIL_LIFE: Final = timedelta(days=14)
SOURCE: Final = "gift"


@dataclass(frozen=True, slots=True, kw_only=True)
class AliveGift:
    """A gift card that is worth something; `pin` is shown this once, empty where there is none."""

    gift_id: int
    member_id: int
    amount_minor: int
    card_token: str = field(repr=False)
    number: str = field(repr=False)
    pin: str = field(repr=False)
    again: bool = False


def come_alive(
    ctx: Loyalty,
    work: UnitOfWork,
    gift: GiftCard,
    *,
    actor: Actor,
    payment: str,
    payment_ref: str | None = None,
) -> AliveGift:
    """Put the money on a gift card that was just paid, and send it unless its day is to come.

    Raises:
        Conflict: somebody else paid the same order a moment ago, or it ended.
        MemberExists: the holder's number was taken; run the transaction again.
    """
    now = work.clock.now()
    people = kept_people(ctx.keyring, work.scope.merchant, gift)
    holder = _holder(ctx, work, gift, people)
    shop = shop_in(work)
    fresh = draw_number(with_pin=shop is not None and shop.settings.pins)
    sealed, hashed = enter_number(ctx, work, gift.id, fresh)
    waits = gift.send_at is not None and gift.send_at > now
    won = GiftCards(work.scope).change(
        gift.id,
        was=GiftState.ORDERED,
        state=GiftState.PAID if waits else GiftState.SENT,
        member_id=holder.id,
        number_sealed=sealed,
        pin_hash=hashed,
        payment=payment,
        payment_ref=payment_ref or gift.payment_ref,
        paid_at=now,
        sent_at=None if waits else now,
    )
    if not won:
        raise Conflict(_("This gift card was paid or ended a moment ago."))
    load(ctx, work, holder.id, gift.amount_minor, what="sold", actor=actor, key=f"gift-{gift.id}")
    if not waits:
        mail_gift(ctx, work, holder, people, amount_minor=gift.amount_minor)
    work.audit.add(
        actor=actor,
        action="gift.sold",
        subject_kind="gift_card",
        subject_id=gift.id,
        detail={"amount_minor": gift.amount_minor, "payment": payment},
    )
    return AliveGift(
        gift_id=gift.id,
        member_id=holder.id,
        amount_minor=gift.amount_minor,
        card_token=token_of(ctx, work, holder),
        number=fresh.number,
        pin=fresh.pin,
    )


def token_of(ctx: Loyalty, work: UnitOfWork, holder: Member) -> str:
    """The personal link's token of a holder's present card."""
    return card_token(
        ctx.keyring, holder.id, merchant_id=work.scope.merchant, generation=holder.generation
    )


def load(
    ctx: Loyalty,
    work: UnitOfWork,
    member_id: int,
    amount_minor: int,
    *,
    what: str,
    actor: Actor,
    key: str,
) -> OperationResult:
    """Put money on a holder's card; the shop's books know it as gift cards sold.

    Raises:
        LimitReached: the card would hold more than any may.
        IdempotencyMismatch: the key stands for something else.
    """
    del ctx
    claim = load_claim(member_id, amount_minor, what=what, key=key)
    standing = work.books.standing(member_id, claim, contra=AccountKind.SOLD)
    earlier = posting.replay(work, standing, claim)
    if earlier is not None:
        return earlier
    posting.demand_active(standing)
    check_balance(standing.account.balance + amount_minor, LIMITS)
    programme_id, now = standing.account.programme_id, work.clock.now()
    terms = terms_in(work, programme_id)
    loaded = load_state(
        work, terms, member_id=member_id, programme_id=programme_id, at=now, whole=True
    )
    unit = terms.units[0].code
    chain = Chain(work=work, loaded=loaded, terms_version=terms.version)
    chain.add(
        unit,
        OperationKind.LOAD,
        units=amount_minor,
        reason=given_reason(GIFT, terms, what=what, unit=unit, units=amount_minor),
        transfers=chain.from_programme(AccountKind.SOLD, unit, amount_minor),
        lots=(gift_lot(terms, amount_minor, now=now),),
    )
    event = Event(
        entries=chain.entries,
        heading=Heading(claim=claim, actor=actor, created_at=now),
        first=0,
        sale=SoldSale(
            sold_at=now,
            currency=terms.currency,
            gross_minor=amount_minor,
            gift_minor=amount_minor,
            net_minor=amount_minor,
        ),
    )
    ids = work.books.post_event(event)
    work.deliveries.bump_member(member_id)
    return event_result(event, ids, terms=terms, reward_name="")


def load_claim(member_id: int, amount_minor: int, *, what: str, key: str) -> Claim:
    """What makes putting this money there the same as before.

    Raises:
        InvalidInput: the key is no short printable text.
    """
    return posting.claim(
        OperationKind.LOAD,
        {"member": member_id, "amount_minor": amount_minor, "what": what},
        key=key,
        source=SOURCE,
        source_ref=None,
    )


def mail_gift(
    ctx: Loyalty, work: UnitOfWork, holder: Member, people: GiftPeople, *, amount_minor: int
) -> bool:
    """Write the mail to whom it is for; False where no address was given or no mail is sent."""
    if not people.email or not ctx.settings.sends_mail:
        return False
    merchant = work.merchants.get()
    public_url = (merchant.public_url or ctx.settings.public_url).rstrip("/")
    facts = {
        "shop": merchant.name,
        "amount": format_money(amount_minor, merchant.currency, language=holder.language),
        "recipient": people.recipient,
        "buyer": people.buyer,
        "message": people.message,
        "url": f"{public_url}/m/{token_of(ctx, work, holder)}",
    }
    mail = Mail(
        to=people.email, language=holder.language, time_zone=merchant.time_zone, facts=facts
    )
    write_mail(
        work, mail, OutboxKind.GIFT, keyring=ctx.keyring, life=MAIL_LIFE, member_id=holder.id
    )
    return True


def _holder(ctx: Loyalty, work: UnitOfWork, gift: GiftCard, people: GiftPeople) -> Member:
    programme = work.programmes.get(gift.programme_id)
    holder = Member(
        id=new_id(),
        programme_id=programme.id,
        number=member_number(),
        name=people.recipient,
        name_folded=fold_name(people.recipient),
        language=gift.language,
        source=SOURCE,
        joined_at=work.clock.now(),
    )
    work.members.add(holder)
    work.books.open_member(holder.id, programme.id, programme.unit)
    make_card(work, holder, merchant_id=work.scope.merchant, keyring=ctx.keyring, generation=1)
    return holder
