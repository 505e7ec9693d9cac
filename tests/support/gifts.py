"""Gift cards of the café, as tests sell and use them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from common.actor import SYSTEM
from common.ids import new_id
from loyalty.context import Loyalty
from loyalty.gift_alive import AliveGift
from loyalty.gift_cards import SellRequest, sell_gift
from loyalty.gift_people import clean_people
from loyalty.gift_programme import GiftShop, change_gifts, open_gifts, read_gifts
from loyalty.pay_with_points import PayRequest, pay_with_points
from loyalty.results import OperationResult
from tests.support.builders import CAFE


def sell_gifts(ctx: Loyalty, **settings: Any) -> GiftShop:
    """Let the café sell gift cards."""
    open_gifts(ctx, CAFE.id, actor=SYSTEM)
    shop = read_gifts(ctx, CAFE.id)
    return change_gifts(ctx, CAFE.id, replace(shop.settings, **settings), actor=SYSTEM)


def a_gift(ctx: Loyalty, amount_minor: int = 2500, key: str = "", **people: str) -> AliveGift:
    """One sold at the counter."""
    request = SellRequest(
        amount_minor=amount_minor,
        people=clean_people(**people),
        language="en",
        actor=SYSTEM,
        idempotency_key=key or f"g{new_id()}",
    )
    return sell_gift(ctx, CAFE.id, request)


def pay_with(ctx: Loyalty, gift: AliveGift, to_pay_minor: int) -> OperationResult:
    """Use it for as much as it covers."""
    request = PayRequest(
        member_id=gift.member_id,
        unit="EUR",
        to_pay_minor=to_pay_minor,
        actor=SYSTEM,
        idempotency_key=f"p{new_id()}",
    )
    return pay_with_points(ctx, CAFE.id, request)
