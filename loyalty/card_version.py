"""Whether a member's card changed since a page was drawn: asked every few seconds, answered at once."""

from __future__ import annotations

from dataclasses import dataclass

from loyalty.context import Loyalty
from loyalty.open_card import find_card
from storage.unit_of_work import open_work


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What the installed page needs; `version` differs whenever something on the card may."""

    name: str
    shop: str
    background: str
    version: str


def card_version(ctx: Loyalty, token: str) -> str:
    """A short text that changes with the card.

    Raises:
        DeadCard: no living card has this link.
        MerchantSuspended: the merchant is suspended.
    """
    card = find_card(ctx, token)
    with open_work(ctx.database, card.merchant_id, clock=ctx.clock, writing=False) as work:
        return f"{card.pass_id:x}-{work.passes.get(card.pass_id).revision}"


def card_facts(ctx: Loyalty, token: str) -> CardFacts:
    """Name, shop and colour of a card.

    Raises:
        DeadCard: no living card has this link.
        MerchantSuspended: the merchant is suspended.
        NotFound: the card was never published.
    """
    card = find_card(ctx, token)
    with open_work(ctx.database, card.merchant_id, clock=ctx.clock, writing=False) as work:
        wallet_pass = work.passes.get(card.pass_id)
        found = work.programmes.published_design(wallet_pass.programme_id)
        shop = work.merchants.get().name
    name = found.design.programme_name if found else shop
    return CardFacts(
        name=name,
        shop=shop,
        background=found.design.background_colour if found else "#ffffff",
        version=f"{card.pass_id:x}-{wallet_pass.revision}",
    )
