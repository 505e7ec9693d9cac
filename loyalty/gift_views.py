"""Gift cards as they are read: by staff and owner, and by whoever knows the number.

Rules: a balance is told to whoever knows the number, and its PIN where it has one; every other
answer is the same sentence, and tries are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.errors import NotFound
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.gift_alive import token_of
from loyalty.gift_numbers import gift_of_number, kept_number, pin_fits, proves_gift
from loyalty.gift_people import GiftPeople, kept_people
from loyalty.gift_programme import shop_in
from storage.gift_cards import ALIVE, GiftCard, GiftCards, GiftLine, GiftState
from storage.unit_of_work import UnitOfWork, open_work, run_work

PAGE: Final = 50


class NoSuchGift(NotFound):
    """No gift card here has this number."""

    code = "no_such_gift"


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftView:
    """A gift card as staff and owner see it; `ends_at` is when the first of its money ends."""

    id: int
    member_id: int | None
    state: str
    sold_for_minor: int
    balance_minor: int
    currency: str
    number: str
    has_pin: bool
    people: GiftPeople
    card_token: str
    source: str
    payment: str
    counter_code: str
    send_at: datetime | None
    paid_at: datetime | None
    created_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftBalance:
    """What the balance page tells."""

    balance_minor: int
    currency: str
    frozen: bool
    ends_at: datetime | None


def list_gifts(
    ctx: Loyalty, merchant_id: int, *, before_id: int | None = None
) -> tuple[GiftLine, ...]:
    """A page of gift cards and orders, the newest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return tuple(GiftCards(work.scope).lines(before_id=before_id, limit=PAGE))


def owed_on_gifts(ctx: Loyalty, merchant_id: int) -> tuple[int, int]:
    """How many gift cards still hold money, and how much together."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        shop = shop_in(work)
        return (0, 0) if shop is None else GiftCards(work.scope).outstanding(shop.programme_id)


def read_gift(ctx: Loyalty, merchant_id: int, gift_id: int) -> GiftView:
    """One gift card.

    Raises:
        NotFound: there is none with that id.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return view_in(ctx, work, GiftCards(work.scope).get(gift_id))


def gift_of_holder(ctx: Loyalty, merchant_id: int, member_id: int) -> GiftView | None:
    """The gift card whose card a till has before it; None for a person's card."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        found = GiftCards(work.scope).of_member(member_id)
        return None if found is None else view_in(ctx, work, found)


def check_pin(ctx: Loyalty, merchant_id: int, gift_id: int, pin: str) -> bool:
    """Whether the PIN is the card's; each try counts.

    Raises:
        TooMany: too many tries.
    """
    return run_work(
        ctx.database,
        merchant_id,
        lambda work: pin_fits(ctx, work, GiftCards(work.scope).get(gift_id), pin),
        clock=ctx.clock,
    )


def gift_balance(ctx: Loyalty, merchant_id: int, number: str, pin: str) -> GiftBalance:
    """What is left on the card of a number; the caller throttles.

    Raises:
        NoSuchGift: no such number, a dead one, or not its PIN: the same sentence for all.
        TooMany: too many PINs were tried.
    """

    def find(work: UnitOfWork) -> GiftView | None:
        gift = gift_of_number(work, number)
        if gift is None or gift.state not in ALIVE:
            return None
        if not proves_gift(gift) and not pin_fits(ctx, work, gift, pin):
            return None
        return view_in(ctx, work, gift)

    found = run_work(ctx.database, merchant_id, find, clock=ctx.clock)
    if found is None:
        raise NoSuchGift(
            _("No gift card of this shop has this number. Look at it again, or ask us.")
        )
    return GiftBalance(
        balance_minor=found.balance_minor,
        currency=found.currency,
        frozen=found.state == GiftState.FROZEN,
        ends_at=found.ends_at,
    )


def view_in(ctx: Loyalty, work: UnitOfWork, gift: GiftCard) -> GiftView:
    """A gift card in the caller's transaction."""
    merchant_id = work.scope.merchant
    balance, token, ends_at = 0, "", None
    if gift.member_id is not None:
        holder = work.members.get(gift.member_id)
        balance = work.books.card(holder.id).balance
        token = token_of(ctx, work, holder)
        lots = work.rules.open_lots(holder.id)
        ends = [lot.expires_at for held in lots.values() for lot in held if lot.expires_at]
        ends_at = min(ends) if ends else None
    return GiftView(
        id=gift.id,
        member_id=gift.member_id,
        state=gift.state,
        sold_for_minor=gift.amount_minor,
        balance_minor=balance,
        currency=work.programmes.get(gift.programme_id).unit,
        number=kept_number(ctx.keyring, merchant_id, gift),
        has_pin=gift.pin_hash is not None,
        people=kept_people(ctx.keyring, merchant_id, gift),
        card_token=token,
        source=gift.source,
        payment=gift.payment,
        counter_code=gift.counter_code or "",
        send_at=gift.send_at,
        paid_at=gift.paid_at,
        created_at=gift.created_at,
        ends_at=ends_at,
    )
