"""A new card without staff: a code goes to the e-mail address that is kept, and proves who asks.

The personal link alone may have been seen by others, so it moves nothing (DESIGN 1). With the code
the card is replaced as a lost one: same balance, and the old code, link and pass are dead.
"""

from __future__ import annotations

from loyalty.context import Loyalty
from loyalty.lost_card import replace_lost_card
from loyalty.mailed_codes import send_code, spend_code
from loyalty.open_card import CardId
from storage.outbox import OutboxKind


def send_new_card_code(ctx: Loyalty, card: CardId) -> None:
    """Mail a fresh code to the address that is kept.

    Raises:
        NoAddress: none is kept, or no mail server is set up.
        TooMany: the card asked for several just now.
    """
    send_code(ctx, card, OutboxKind.NEW_CARD_CODE)


def use_new_card_code(ctx: Loyalty, card: CardId, code: str) -> str:
    """Replace the card; the token of the new personal link is returned.

    Raises:
        WrongCode: field `code`; it is not right, used, or too old.
        TooMany: too many tries.
    """
    spend_code(ctx, card, OutboxKind.NEW_CARD_CODE, code)
    done = replace_lost_card(ctx, card.merchant_id, card.member_id, actor=card.actor)
    return done.card_token
