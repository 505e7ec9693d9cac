"""The handle of a card that was found: which card, how it was found, when, at which till.

The page carries it from the scan to the tap. It is signed, so that a page cannot claim that a card
was scanned; it names the card's generation, so that a card replaced in between is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from itsdangerous import BadSignature, URLSafeSerializer

from common.clock import from_micros, to_micros
from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.find_member import FoundBy, FoundMember, member_now
from loyalty.sold import SaleAtHand, SaleItem
from loyalty.staff_session import TillSession
from web.services import services

LIFE: Final = timedelta(minutes=15)
TEXT_MAX: Final = 400
SALE_TEXT_MAX: Final = 2000


class StaleCard(InvalidInput):
    """The card was scanned too long ago. Scan it again."""

    code = "stale_card"


def make_handle(till: TillSession, found: FoundMember) -> str:
    """The text to put into the page's forms."""
    made = to_micros(services().loyalty.clock.now())
    facts = [till.till_id, found.member_id, found.generation, found.by.value, made]
    return str(_signer().dumps(facts))


def open_handle(till: TillSession, handle: str) -> FoundMember:
    """The card of a handle, as it is now.

    Raises:
        StaleCard: forged, of another till, or more than a quarter of an hour old.
        UnknownCard: the card was replaced since.
    """
    try:
        till_id, member_id, generation, by, made = _signer().loads(handle[:TEXT_MAX])
        age = services().loyalty.clock.now() - from_micros(made)
        found_by = FoundBy(by)
    except (BadSignature, ValueError, TypeError) as error:
        raise _stale() from error
    if till_id != till.till_id or age > LIFE:
        raise _stale()
    return member_now(
        services().loyalty, till.merchant_id, member_id, generation=generation, by=found_by
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleSoFar:
    """The sale being rung up: its full price, and what rewards, coupons and points paid of it."""

    member_id: int = 0
    amount_minor: int = 0
    paid: tuple[tuple[int, int], ...] = ()
    lines: tuple[SaleItem, ...] = ()

    @property
    def paid_minor(self) -> int:
        """What is paid of it already, in minor units."""
        return sum(minor for _operation, minor in self.paid)

    @property
    def operations(self) -> tuple[int, ...]:
        """The redemptions that belong to it."""
        return tuple(operation for operation, _minor in self.paid)

    @property
    def token(self) -> str:
        """What the page carries; signed, because a page cannot claim that something was paid."""
        if not self.paid:
            return ""
        return str(_sale_signer().dumps([self.member_id, [list(pair) for pair in self.paid]]))

    def at_hand(self) -> SaleAtHand | None:
        """The sale as rewards and coupons must see it; None while no amount is known."""
        if not self.amount_minor:
            return None
        return SaleAtHand(
            amount_minor=self.amount_minor, redeemed_minor=self.paid_minor, lines=self.lines
        )


def open_paid(token: str, member_id: int) -> tuple[tuple[int, int], ...]:
    """What the page carries of this member's sale.

    Raises:
        StaleCard: forged, or another member's.
    """
    if not token:
        return ()
    try:
        whose, paid = _sale_signer().loads(token[:SALE_TEXT_MAX])
        found = tuple((int(operation), int(minor)) for operation, minor in paid)
    except (BadSignature, ValueError, TypeError) as error:
        raise _stale() from error
    if whose != member_id:
        raise _stale()
    return found


def _sale_signer() -> URLSafeSerializer:
    return URLSafeSerializer(services().settings.secret_key, salt="till-sale")


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(services().settings.secret_key, salt="till-card")


def _stale() -> StaleCard:
    return StaleCard(_("The card was scanned too long ago. Scan it again."), field="card")
