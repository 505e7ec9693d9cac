"""Make the card of a member's generation: its pass row and the tokens that lead to it.

Part of a use case (enrol, lost card); opens no transaction of its own. Not done here: ending the
card before it.
"""

from __future__ import annotations

from typing import Final

from common.ids import new_id
from signing.keyring import Keyring
from signing.tokens import barcode_token, card_link_token, random_token, token_hash
from storage.members import Member
from storage.unit_of_work import UnitOfWork
from storage.wallet_passes import WalletPass

BARCODE: Final = "barcode"
CARD: Final = "card"


def make_card(
    work: UnitOfWork, member: Member, *, merchant_id: int, keyring: Keyring, generation: int
) -> WalletPass:
    """Add the pass of `generation`, and make its barcode and personal link known."""
    now = work.clock.now()
    pass_type = work.passes.current_pass_type()
    card = WalletPass(
        id=new_id(),
        programme_id=member.programme_id,
        member_id=member.id,
        generation=generation,
        serial_number=random_token(),
        pass_type_id=None if pass_type is None else pass_type.id,
        google_object_id=None,
        voided_at=None,
        revision=1,
        stamped_revision=0,
        stamp=0,
        stamped_face=None,
        last_modified_s=int(now.timestamp()),
        fetched_revision=0,
        fetched_at=None,
        created_at=now,
    )
    work.passes.add(card)
    barcode = barcode_token(
        keyring, merchant_id=merchant_id, pass_id=card.id, generation=generation
    )
    link = card_token(keyring, member.id, merchant_id=merchant_id, generation=generation)
    work.directory.add_token(BARCODE, token_hash(barcode), card.id)
    work.directory.add_token(CARD, token_hash(link), member.id)
    return card


def card_token(keyring: Keyring, member_id: int, *, merchant_id: int, generation: int) -> str:
    """The token of a member's personal link, `/m/<token>`."""
    return card_link_token(
        keyring, merchant_id=merchant_id, member_id=member_id, generation=generation
    )
