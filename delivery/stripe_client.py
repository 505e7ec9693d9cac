"""Stripe, as far as gift cards need it: a page to pay on, and what became of it.

Not done here: whose key (loyalty/payments.py), messages from Stripe (signing/stripe_messages.py).
Rules: one short call each way; no redirect is followed, no proxy taken from the environment; the
same order asks with the same idempotency key, so a lost answer makes no second page. Amounts are
minor units, but Stripe counts a few currencies without decimals in hundredths.
Source: docs.stripe.com/api/checkout/sessions, docs.stripe.com/currencies
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

import requests

from common.checkout import Checkout, CheckoutRequest
from common.errors import DeliveryError

API_VERSION: Final = "2024-06-20"
TIMEOUT_S: Final = (4.0, 10.0)
ANSWER_BYTES_MAX: Final = 512 * 1024
_OK: Final = 200
# ISO 4217 gives these no decimals, and Stripe counts them in hundredths all the same.
_HUNDREDTHS: Final = frozenset({"ISK", "UGX"})


class StripeClient:
    """Stripe for one process; safe for threads. It is the loyalty room's PaymentPort."""

    def __init__(self, api_url: str) -> None:
        self._api_url = api_url.rstrip("/")

    def open_checkout(self, key: str, request: CheckoutRequest) -> Checkout:
        """Make a page to pay on; the same reference gives the same page.

        Raises:
            DeliveryError: the key is refused, or Stripe does not answer.
        """
        form = {
            "mode": "payment",
            "client_reference_id": request.reference,
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": request.currency.lower(),
            "line_items[0][price_data][unit_amount]": str(_told(request)),
            "line_items[0][price_data][product_data][name]": request.title,
        }
        headers = {"Idempotency-Key": f"regulars-{request.reference}"}
        return _checkout(self._ask("POST", key, "/v1/checkout/sessions", form, headers))

    def read_checkout(self, key: str, checkout_id: str) -> Checkout:
        """What became of a page.

        Raises:
            DeliveryError: the key is refused, or Stripe does not answer.
        """
        path = f"/v1/checkout/sessions/{quote(checkout_id, safe='')}"
        return _checkout(self._ask("GET", key, path, {}, {}))

    def _ask(
        self, method: str, key: str, path: str, form: dict[str, str], headers: dict[str, str]
    ) -> dict[str, Any]:
        with requests.Session() as session:
            session.trust_env = False
            try:
                answer = session.request(
                    method,
                    self._api_url + path,
                    data=form or None,
                    headers={
                        "Authorization": f"Bearer {key}",
                        "Stripe-Version": API_VERSION,
                        **headers,
                    },
                    timeout=TIMEOUT_S,
                    allow_redirects=False,
                    stream=True,
                )
                body = answer.raw.read(ANSWER_BYTES_MAX + 1, decode_content=True)
            except (requests.RequestException, OSError) as error:
                raise DeliveryError("Stripe did not answer.") from error
        if answer.status_code != _OK or len(body) > ANSWER_BYTES_MAX:
            raise DeliveryError(f"Stripe answered {answer.status_code}.")
        return _document(body)


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DeliveryError("Stripe's answer cannot be read.") from error
    if not isinstance(found, dict):
        raise DeliveryError("Stripe's answer cannot be read.")
    return found


def _checkout(told: dict[str, Any]) -> Checkout:
    currency = str(told.get("currency") or "").upper()
    amount = told.get("amount_total")
    page = told.get("url")
    if not isinstance(told.get("id"), str) or type(amount) is not int:
        raise DeliveryError("Stripe's answer names no checkout.")
    return Checkout(
        id=told["id"],
        url=page if isinstance(page, str) else "",
        reference=str(told.get("client_reference_id") or ""),
        paid=told.get("payment_status") == "paid",
        amount_minor=amount // 100 if currency in _HUNDREDTHS else amount,
        currency=currency,
    )


def _told(request: CheckoutRequest) -> int:
    hundredths = request.currency in _HUNDREDTHS
    return request.amount_minor * 100 if hundredths else request.amount_minor
