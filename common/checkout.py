"""A page to pay on: what is asked of whoever takes card payments, and what they tell.

The one form that loyalty and delivery share of it, since neither knows the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutRequest:
    """What is to be paid; `reference` is ours, and names one order for ever."""

    amount_minor: int
    currency: str
    title: str
    reference: str
    success_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A page to pay on, as the provider tells it."""

    id: str
    url: str = field(default="", repr=False)
    reference: str = ""
    paid: bool = False
    amount_minor: int = 0
    currency: str = ""
