"""Gift cards ordered on the public page: worth nothing until somebody paid.

Rules:
- A form sent twice is one order; an order nobody paid for two weeks ends, and who made it is
  forgotten.
- Paid by a code at the counter, or by the merchant's Stripe (payments.py); whoever is first wins.
- With a day, the mail leaves on that day's morning by the shop's clock.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from common.actor import Actor
from common.crockford import normalise
from common.errors import Conflict, InvalidInput, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from ledger.gifts import check_gift_amount
from loyalty.context import Loyalty
from loyalty.gift_alive import AliveGift, come_alive
from loyalty.gift_cards import retried
from loyalty.gift_people import GiftPeople, index_of, sealed_people
from loyalty.gift_programme import DIRECTORY, GiftShop, shop_in
from loyalty.gift_views import GiftView, view_in
from loyalty.posting import MerchantSuspended
from signing.tokens import random_token
from storage.gift_cards import GiftCard, GiftCards, GiftState
from storage.unit_of_work import UnitOfWork, open_work, run_work

CODE_LENGTH: Final = 7
ORDER_LIFE: Final = timedelta(days=14)
AHEAD_MAX: Final = timedelta(days=366)
MORNING: Final = time(8)
COUNTER: Final = "counter"
_CODE_TEXT_MAX: Final = 40


class UnknownGiftPage(NotFound):
    """This address sells no gift cards."""

    code = "unknown_gift_page"


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftPage:
    """What the public page draws."""

    merchant_id: int
    merchant_name: str
    privacy_url: str
    language: str
    time_zone: str
    sandbox: bool
    sends_mail: bool
    shop: GiftShop


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a stranger asks for; `send_on` is a day of the shop's calendar."""

    amount_minor: int
    people: GiftPeople
    send_on: date | None
    language: str
    form_key: str


def open_gift_page(ctx: Loyalty, code: str) -> GiftPage:
    """The page of a code.

    Raises:
        UnknownGiftPage: there is none, or it is switched off.
        MerchantSuspended: the merchant is suspended.
    """
    name = normalise(code)[:_CODE_TEXT_MAX]
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        entry = work.directory.name(DIRECTORY, name)
    if entry is None:
        raise _unknown()
    with open_work(ctx.database, entry.merchant_id, clock=ctx.clock, writing=False) as work:
        merchant = work.merchants.get()
        shop = shop_in(work)
    if merchant.status != "active":
        raise MerchantSuspended(_("This shop's cards are paused at the moment."))
    if shop is None or not shop.settings.page:
        raise _unknown()
    return GiftPage(
        merchant_id=merchant.id,
        merchant_name=merchant.name,
        privacy_url=merchant.privacy_url,
        language=merchant.language,
        time_zone=merchant.time_zone,
        sandbox=merchant.sandbox,
        sends_mail=ctx.settings.sends_mail,
        shop=shop,
    )


def order_gift(ctx: Loyalty, merchant_id: int, request: OrderRequest) -> int:
    """Keep an order; its id is returned, the same for the same form.

    Raises:
        InvalidInput: fields `amount`, `send_on`, `email`.
        UnknownGiftPage: the shop sells none.
    """

    def action(work: UnitOfWork) -> int:
        shop = shop_in(work)
        if shop is None or not shop.settings.page:
            raise _unknown()
        check_gift_amount(
            request.amount_minor,
            least=shop.settings.least_minor,
            most=shop.settings.most_minor,
            currency=shop.currency,
        )
        zone = ZoneInfo(work.merchants.get().time_zone)
        gift = GiftCard(
            id=new_id(),
            programme_id=shop.programme_id,
            amount_minor=request.amount_minor,
            people_sealed=sealed_people(ctx.keyring, merchant_id, request.people),
            email_index=index_of(ctx.keyring, merchant_id, request.people),
            language=request.language,
            source="page",
            counter_code=_counter_code(),
            order_hash=_order_hash(merchant_id, request.form_key),
            send_at=_send_at(request, now=work.clock.now(), zone=zone),
            created_at=work.clock.now(),
        )
        gifts = GiftCards(work.scope)
        if gifts.add(gift):
            return gift.id
        known = gifts.by_order(gift.order_hash or b"")
        if known is None:
            raise Conflict(_("Please press the button once more."))
        return known.id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def read_order(ctx: Loyalty, merchant_id: int, gift_id: int) -> GiftView:
    """The order, as its own page shows it.

    Raises:
        NotFound: there is none with that id.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return view_in(ctx, work, GiftCards(work.scope).get(gift_id))


def find_order(ctx: Loyalty, merchant_id: int, code: str) -> GiftView:
    """The order whose code a customer shows at the counter.

    Raises:
        NotFound: no order has this code; Conflict: it is paid already, or it ended.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return view_in(ctx, work, _open_order(work, code))


def pay_at_counter(ctx: Loyalty, merchant_id: int, code: str, *, actor: Actor) -> AliveGift:
    """Staff took the money: the card is alive.

    Raises:
        NotFound: no order has this code; Conflict: it is paid already, or it ended.
    """

    def action(work: UnitOfWork) -> AliveGift:
        return come_alive(ctx, work, _open_order(work, code), actor=actor, payment=COUNTER)

    return retried(ctx, merchant_id, action)


def end_old_orders(ctx: Loyalty, merchant_id: int) -> int:
    """End what nobody paid for two weeks; returns how many."""
    return run_work(
        ctx.database,
        merchant_id,
        lambda work: GiftCards(work.scope).forget_orders(work.clock.now() - ORDER_LIFE),
        clock=ctx.clock,
    )


def _open_order(work: UnitOfWork, code: str) -> GiftCard:
    found = GiftCards(work.scope).by_counter_code(normalise(code)[:_CODE_TEXT_MAX])
    if found is None:
        raise NotFound(_("No order has this code. Look at it again."))
    if found.state != GiftState.ORDERED:
        raise Conflict(_("This gift card is paid already, or its order has ended."))
    return found


def _counter_code() -> str:
    # Crockford, read out over a counter; unique by its column, and worth nothing to a guesser.
    return random_token()[:CODE_LENGTH]


def _order_hash(merchant_id: int, form_key: str) -> bytes:
    return hashlib.sha256(f"gift order\0{merchant_id}\0{form_key}".encode()).digest()


def _send_at(request: OrderRequest, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    if request.send_on is None:
        return None
    today = now.astimezone(zone).date()
    if not request.people.email:
        raise InvalidInput(_("Say to which address it is sent on that day."), field="email")
    if not today <= request.send_on <= today + AHEAD_MAX:
        raise InvalidInput(_("Choose a day from today to a year from now."), field="send_on")
    if request.send_on == today:
        return None
    return datetime.combine(request.send_on, MORNING, tzinfo=zone)


def _unknown() -> UnknownGiftPage:
    return UnknownGiftPage(_("This address sells no gift cards."))
