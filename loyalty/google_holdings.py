"""Who holds which card in Google Wallet, as Google's messages and its list told: for the pages."""

from __future__ import annotations

from enum import StrEnum

from loyalty.context import Loyalty
from storage.unit_of_work import open_work


class Held(StrEnum):
    """What is known of a card that has an object at Google."""

    YES = "yes"
    NO = "no"  # it was deleted, or nobody saved it
    UNKNOWN = "unknown"  # Google has told nothing yet


def held_cards(ctx: Loyalty, merchant_id: int, member_id: int) -> dict[int, Held]:
    """By card, those of a member's cards that have an object at Google."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        cards = [card for card in work.passes.of_member(member_id) if card.google_object_id]
        told = {card.id: work.google_callbacks.holding(card.id).is_held for card in cards}
    words = {True: Held.YES, False: Held.NO, None: Held.UNKNOWN}
    return {pass_id: words[is_held] for pass_id, is_held in told.items()}
