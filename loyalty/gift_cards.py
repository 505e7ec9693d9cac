"""Gift cards at the till and in the console: sell, reload, freeze, replace.

Using one is paying with its units (pay_with_points.py). Orders of the public page are gift_orders.

Rules:
- A form sent twice sells one card.
- Frozen, nothing of it can be spent; replacing it makes code, link and number before it dead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from common.actor import Actor
from common.errors import Conflict, IdempotencyMismatch, InvalidInput, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from ledger.gifts import check_gift_amount
from loyalty.context import Loyalty
from loyalty.gift_alive import AliveGift, come_alive, load, mail_gift, token_of
from loyalty.gift_numbers import (
    draw_number,
    enter_number,
    kept_number,
)
from loyalty.gift_people import GiftPeople, index_of, kept_people, sealed_people
from loyalty.gift_programme import GiftShop, shop_in
from loyalty.lost_card import replace_in
from loyalty.results import OperationResult
from storage.gift_cards import ALIVE, GiftCard, GiftCards, GiftState
from storage.members import Member, MemberExists
from storage.printed_codes import PrintedCodes
from storage.unit_of_work import UnitOfWork, run_work

PAGE: Final = 50
TRIES_MAX: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SellRequest:
    """What is sold at a till, already paid there."""

    amount_minor: int
    people: GiftPeople
    language: str
    actor: Actor
    idempotency_key: str
    source: str = "till"


def sell_gift(ctx: Loyalty, merchant_id: int, request: SellRequest) -> AliveGift:
    """Sell a gift card that was just paid at the till; it is alive at once.

    Raises:
        NotFound: the shop sells none.
        InvalidInput: field `amount` or `idempotency_key`.
        IdempotencyMismatch: the form was used for another amount.
    """
    if not request.idempotency_key:
        raise InvalidInput(_("Open the form again."), field="idempotency_key")

    def action(work: UnitOfWork) -> AliveGift:
        shop = _shop(work)
        check_gift_amount(
            request.amount_minor,
            least=shop.settings.least_minor,
            most=shop.settings.most_minor,
            currency=shop.currency,
        )
        gift = _new_gift(ctx, work, shop, request)
        gifts = GiftCards(work.scope)
        if not gifts.add(gift):
            return _sold_before(ctx, work, request, gift)
        return come_alive(ctx, work, gift, actor=request.actor, payment=request.source)

    return retried(ctx, merchant_id, action)


def retried(ctx: Loyalty, merchant_id: int, action: Callable[[UnitOfWork], AliveGift]) -> AliveGift:
    """Run `action`, again where a holder's number was taken in the same moment."""
    for attempt in range(TRIES_MAX):
        try:
            return run_work(ctx.database, merchant_id, action, clock=ctx.clock)
        except MemberExists:
            if attempt == TRIES_MAX - 1:
                raise
    raise AssertionError("the loop returns or raises")


def _new_gift(ctx: Loyalty, work: UnitOfWork, shop: GiftShop, request: SellRequest) -> GiftCard:
    merchant_id = work.scope.merchant
    return GiftCard(
        id=new_id(),
        programme_id=shop.programme_id,
        amount_minor=request.amount_minor,
        people_sealed=sealed_people(ctx.keyring, merchant_id, request.people),
        email_index=index_of(ctx.keyring, merchant_id, request.people),
        language=request.language,
        source=request.source,
        order_hash=_order_hash(merchant_id, request.idempotency_key),
        created_at=work.clock.now(),
    )


def _order_hash(merchant_id: int, key: str) -> bytes:
    return hashlib.sha256(f"gift sale\0{merchant_id}\0{key}".encode()).digest()


def _sold_before(ctx: Loyalty, work: UnitOfWork, request: SellRequest, gift: GiftCard) -> AliveGift:
    known = GiftCards(work.scope).by_order(gift.order_hash or b"")
    if known is None or known.member_id is None or known.amount_minor != request.amount_minor:
        raise IdempotencyMismatch(_("This key was used before for another request."))
    holder = work.members.get(known.member_id)
    return AliveGift(
        gift_id=known.id,
        member_id=holder.id,
        amount_minor=known.amount_minor,
        card_token=token_of(ctx, work, holder),
        number=kept_number(ctx.keyring, work.scope.merchant, known),
        pin="",
        again=True,
    )


def reload_gift(
    ctx: Loyalty,
    merchant_id: int,
    gift_id: int,
    *,
    amount_minor: int,
    actor: Actor,
    idempotency_key: str,
) -> OperationResult:
    """Put more money on a card that was paid for at the till.

    Raises:
        InvalidInput: field `amount`; IdempotencyMismatch: the key stands for something else.
        Conflict: the card is frozen, or ended.
    """

    def action(work: UnitOfWork) -> OperationResult:
        shop, gift, holder = _alive(work, gift_id)
        check_gift_amount(
            amount_minor,
            least=1,
            most=shop.settings.most_minor,
            currency=shop.currency,
        )
        if gift.state == GiftState.FROZEN:
            raise Conflict(_("This gift card is frozen."))
        return load(
            ctx, work, holder.id, amount_minor, what="reload", actor=actor, key=idempotency_key
        )

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def freeze_gift(
    ctx: Loyalty, merchant_id: int, gift_id: int, *, frozen: bool, actor: Actor
) -> None:
    """Let nothing of a gift card be spent, or let it be again; twice is no error.

    Raises:
        NotFound: there is no such gift card; Conflict: nobody paid it, or it ended.
    """

    def action(work: UnitOfWork) -> None:
        _shop_now, gift, holder = _alive(work, gift_id)
        if (gift.state == GiftState.FROZEN) is frozen:
            return
        work.rules.hold([holder.id])
        for found in work.rules.accounts(holder.id, gift.programme_id).values():
            work.rules.lock(found.account.id, locked=frozen)
        back = GiftState.PAID if gift.sent_at is None else GiftState.SENT
        GiftCards(work.scope).change(
            gift.id, was=GiftState(gift.state), state=GiftState.FROZEN if frozen else back
        )
        work.deliveries.bump_member(holder.id)
        _note(work, actor, "gift.freeze" if frozen else "gift.thaw", gift.id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def replace_gift(ctx: Loyalty, merchant_id: int, gift_id: int, *, actor: Actor) -> AliveGift:
    """A new card with the same money; code, link and number of the lost one are dead.

    A frozen card is thawed by it. Where an address is known and the card was out, the new one is
    mailed there.

    Raises:
        NotFound: there is no such gift card; Conflict: nobody paid it, or it ended.
    """

    def action(work: UnitOfWork) -> AliveGift:
        shop, gift, holder = _alive(work, gift_id)
        replaced = replace_in(ctx, work, holder.id, actor=actor)
        work.outbox.drop_member(holder.id)
        PrintedCodes(work.scope).end_of("gift", gift.id)
        fresh = draw_number(with_pin=shop.settings.pins)
        sealed, hashed = enter_number(ctx, work, gift.id, fresh)
        back = GiftState.PAID if gift.sent_at is None else GiftState.SENT
        for found in work.rules.accounts(holder.id, gift.programme_id).values():
            work.rules.lock(found.account.id, locked=False)
        GiftCards(work.scope).change(
            gift.id,
            was=GiftState(gift.state),
            state=back,
            number_sealed=sealed,
            pin_hash=hashed,
        )
        balance = work.books.card(holder.id).balance
        if back is GiftState.SENT:
            people = kept_people(ctx.keyring, merchant_id, gift)
            mail_gift(ctx, work, work.members.get(holder.id), people, amount_minor=balance)
        work.deliveries.bump_member(holder.id)
        _note(work, actor, "gift.replace", gift.id)
        return AliveGift(
            gift_id=gift.id,
            member_id=holder.id,
            amount_minor=balance,
            card_token=replaced.card_token,
            number=fresh.number,
            pin=fresh.pin,
        )

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def send_again(ctx: Loyalty, merchant_id: int, gift_id: int, *, actor: Actor) -> bool:
    """Mail the card once more to the address that is kept; False where there is none.

    Raises:
        NotFound: there is no such gift card; Conflict: nobody paid it, or it ended.
    """

    def action(work: UnitOfWork) -> bool:
        _shop_now, gift, holder = _alive(work, gift_id)
        people = kept_people(ctx.keyring, merchant_id, gift)
        done = mail_gift(ctx, work, holder, people, amount_minor=gift.amount_minor)
        if done and gift.state == GiftState.PAID:
            now = work.clock.now()
            GiftCards(work.scope).change(
                gift.id, was=GiftState.PAID, state=GiftState.SENT, sent_at=now
            )
        _note(work, actor, "gift.send", gift.id)
        return done

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def send_due_gifts(ctx: Loyalty, merchant_id: int) -> int:
    """Mail every gift card whose day has come; returns how many went out."""

    def action(work: UnitOfWork) -> int:
        gifts = GiftCards(work.scope)
        sent = 0
        for gift in gifts.due(work.clock.now()):
            if gift.member_id is None:
                continue
            people = kept_people(ctx.keyring, merchant_id, gift)
            holder = work.members.get(gift.member_id)
            mail_gift(ctx, work, holder, people, amount_minor=gift.amount_minor)
            sent += gifts.change(
                gift.id, was=GiftState.PAID, state=GiftState.SENT, sent_at=work.clock.now()
            )
        return sent

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _shop(work: UnitOfWork) -> GiftShop:
    shop = shop_in(work)
    if shop is None:
        raise NotFound(_("This shop sells no gift cards yet."))
    return shop


def _alive(work: UnitOfWork, gift_id: int) -> tuple[GiftShop, GiftCard, Member]:
    gift = GiftCards(work.scope).get(gift_id)
    if gift.state not in ALIVE or gift.member_id is None:
        raise Conflict(_("This gift card is not paid, or it has ended."))
    return _shop(work), gift, work.members.get(gift.member_id)


def _note(work: UnitOfWork, actor: Actor, action: str, gift_id: int) -> None:
    work.audit.add(
        actor=actor, action=action, subject_kind="gift_card", subject_id=gift_id, detail={}
    )
