"""What a use case may ask of whoever takes card payments, wired by the front door.

Like the save click at Google, opening a checkout is one call to the outside between two
transactions: the customer waits for the page they pay on.
"""

from __future__ import annotations

from typing import Protocol

from common.checkout import Checkout, CheckoutRequest


class PaymentPort(Protocol):
    """Speaks to the provider with the merchant's own key."""

    def open_checkout(self, key: str, request: CheckoutRequest) -> Checkout:
        """Make a page to pay on; the same reference gives the same page.

        Raises:
            DeliveryError: the key is refused, or the provider does not answer.
        """
        ...

    def read_checkout(self, key: str, checkout_id: str) -> Checkout:
        """What became of it.

        Raises:
            DeliveryError: as `open_checkout`.
        """
        ...
