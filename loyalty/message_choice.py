"""A member's say over the shop's messages on the card: on or off, from the card's own page."""

from __future__ import annotations

from common.i18n import current_language
from loyalty.context import Loyalty
from loyalty.enrol import WORDING_VERSION
from loyalty.open_card import CardId
from storage.members import ConsentPurpose
from storage.unit_of_work import UnitOfWork, open_work, run_work


def wants_messages(ctx: Loyalty, card: CardId) -> bool:
    """Whether the member gets the shop's messages."""
    with open_work(ctx.database, card.merchant_id, clock=ctx.clock, writing=False) as work:
        return work.messages.is_wanted(card.member_id)


def choose_messages(ctx: Loyalty, card: CardId, *, wanted: bool) -> None:
    """Keep the choice, with the proof of it; a message on the card goes or comes back at once."""

    def choose(work: UnitOfWork) -> None:
        if work.messages.is_wanted(card.member_id) == wanted:
            return
        work.messages.set_wanted(card.member_id, wanted=wanted)
        work.members.add_consent(
            card.member_id,
            ConsentPurpose.MESSAGES,
            version=WORDING_VERSION,
            language=current_language(),
            given=wanted,
        )
        work.deliveries.bump_member(card.member_id)

    run_work(ctx.database, card.merchant_id, choose, clock=ctx.clock)
