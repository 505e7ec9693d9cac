"""How often a stranger may try what the public pages and the till do (DESIGN 8).

Every limit has a name here. A café's guests share one address, so the limits per address leave
room for a queue; the limits per shop stop a flood from many addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from loyalty.limits import take
from web.services import services


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`capacity` at once, then `refill_per_s`; `purpose` names the bucket."""

    purpose: str
    capacity: int
    refill_per_s: float


JOIN_ADDRESS: Final = Limit(purpose="join", capacity=30, refill_per_s=1 / 20)
JOIN_SHOP: Final = Limit(purpose="join-shop", capacity=300, refill_per_s=1)
CARD_MISS: Final = Limit(purpose="card-miss", capacity=30, refill_per_s=1 / 10)
PASS_FETCH: Final = Limit(purpose="pass-fetch", capacity=20, refill_per_s=1 / 5)
SAVE_ADDRESS: Final = Limit(purpose="google-save", capacity=20, refill_per_s=1 / 10)
SAVE_SHOP: Final = Limit(purpose="google-save-shop", capacity=300, refill_per_s=1)
SAVE_CARD: Final = Limit(purpose="google-save-card", capacity=5, refill_per_s=1 / 20)
PIN_LINK: Final = Limit(purpose="pin-link", capacity=10, refill_per_s=1 / 30)
TILL_MISS: Final = Limit(purpose="till-miss", capacity=30, refill_per_s=1 / 3)
TILL_NAME: Final = Limit(purpose="till-name", capacity=30, refill_per_s=1 / 5)
NEW_PHONE: Final = Limit(purpose="new-phone", capacity=20, refill_per_s=1 / 30)
GIFT_ORDER: Final = Limit(purpose="gift-order", capacity=10, refill_per_s=1 / 60)
GIFT_SHOP: Final = Limit(purpose="gift-order-shop", capacity=200, refill_per_s=1 / 5)
GIFT_BALANCE: Final = Limit(purpose="gift-balance", capacity=10, refill_per_s=1 / 60)
GIFT_GUESSES: Final = Limit(purpose="gift-guesses", capacity=200, refill_per_s=1 / 10)
ACTIVITY_CARD: Final = Limit(purpose="activity", capacity=20, refill_per_s=1 / 60)
ACTIVITY_ADDRESS: Final = Limit(purpose="activity-address", capacity=60, refill_per_s=1 / 10)
HOOK: Final = Limit(purpose="hook", capacity=120, refill_per_s=2)


def throttle(limit: Limit, subject: object) -> None:
    """Count one try of `subject`: an address, a shop, a card, a till.

    Raises:
        TooMany: the bucket is empty; carries how long to wait.
    """
    take(
        services().loyalty,
        f"{limit.purpose}|{subject}",
        capacity=limit.capacity,
        refill_per_s=limit.refill_per_s,
    )
