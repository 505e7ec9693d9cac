"""Read the code of a card that changes every half minute, and take each code once.

Not done here: the static code and everything else a till may look up (find_member), throttling.

Rules (google-wallet 1.2):
- `<serial number>.<eight digits>`: the serial leads to the card, the digits prove that the phone
  with it is here now; two steps early or late are taken for clocks that differ.
- A step that was used, and every one before it, is refused: a picture of the screen is no use.
- A wrong code, a dead card and an unknown one get the same answer.
"""

from __future__ import annotations

import re
from typing import Final

from common.errors import NotFound
from common.i18n import gettext as _
from loyalty.context import Loyalty
from signing.tokens import rotating_secret
from signing.totp import DIGITS, step_of
from storage.members import MemberState
from storage.unit_of_work import UnitOfWork, open_work, run_work
from storage.wallet_passes import WalletPass

_SHAPE: Final = re.compile(rf"([0-9A-Z]{{26}})\.([0-9]{{{DIGITS}}})", re.ASCII)


class UnknownCard(NotFound):
    """This code belongs to no card of this shop."""

    code = "unknown_card"


class CodeUsed(UnknownCard):
    """This code was used already."""

    code = "code_used"


def by_rotating_code(ctx: Loyalty, merchant_id: int, text: str) -> int | None:
    """The card (its pass id) of a changing code, which is used up by this; None for another text.

    Raises:
        UnknownCard: it has the shape, but proves no living card of this merchant.
        CodeUsed: it was right, and shown before.
    """
    shaped = _SHAPE.fullmatch(text.upper())
    if shaped is None:
        return None
    serial_number, code = shaped.groups()
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        card = _living(work, serial_number)
    step = None if card is None else _step(ctx, merchant_id, card, code)
    if card is None or step is None:
        raise UnknownCard(
            _("This code is not right now. Ask the customer to show the card in the wallet again.")
        )
    pass_id = card.id
    fresh = run_work(
        ctx.database,
        merchant_id,
        lambda work: work.passes.use_code_step(pass_id, step),
        clock=ctx.clock,
    )
    if not fresh:
        raise CodeUsed(
            _("This code was used already. The card shows a new one within half a minute.")
        )
    return pass_id


def _living(work: UnitOfWork, serial_number: str) -> WalletPass | None:
    card = work.passes.by_serial(serial_number)
    if card is None or card.voided_at is not None:
        return None
    member = work.members.get(card.member_id)
    return card if member.state == MemberState.ACTIVE else None


def _step(ctx: Loyalty, merchant_id: int, card: WalletPass, code: str) -> int | None:
    secret = rotating_secret(
        ctx.keyring, merchant_id=merchant_id, pass_id=card.id, generation=card.generation
    )
    return step_of(secret, code, now=ctx.clock.now())
