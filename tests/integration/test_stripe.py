"""The product's Stripe client against the sandbox's Stripe, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from common.checkout import CheckoutRequest
from common.errors import DeliveryError
from delivery.stripe_client import StripeClient
from tests.support.sandbox import SandboxProcess

KEY = "sk_test_example1234"
REQUEST = CheckoutRequest(
    amount_minor=2500,
    currency="EUR",
    title="Gift card",
    reference="123",
    success_url="http://127.0.0.1:1/ok",
    cancel_url="http://127.0.0.1:1/no",
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    home: Path = tmp_path_factory.mktemp("sandbox")
    with SandboxProcess(home) as running:
        yield running


@pytest.fixture
def client(sandbox: SandboxProcess) -> StripeClient:
    return StripeClient(sandbox.urls["stripe_api_url"])


def test_a_page_is_made_once_for_an_order_and_told_paid_after_it_was(
    client: StripeClient,
) -> None:
    made = client.open_checkout(KEY, REQUEST)
    assert client.open_checkout(KEY, REQUEST).id == made.id
    assert not client.read_checkout(KEY, made.id).paid

    answer = requests.post(made.url, timeout=10, allow_redirects=False)

    assert answer.headers["Location"] == REQUEST.success_url
    found = client.read_checkout(KEY, made.id)
    assert (found.paid, found.amount_minor, found.currency) == (True, 2500, "EUR")
    assert found.reference == "123"


def test_currencies_that_stripe_counts_in_hundredths_come_back_as_ours(
    client: StripeClient,
) -> None:
    wanted = replace(REQUEST, amount_minor=500, currency="ISK", reference="124")

    assert client.open_checkout(KEY, wanted).amount_minor == 500


@pytest.mark.parametrize("key", ["sk_test_refused1234", "pk_test_1234"])
def test_a_key_that_is_refused_is_told(client: StripeClient, key: str) -> None:
    with pytest.raises(DeliveryError, match="401"):
        client.open_checkout(key, REQUEST)


def test_trouble_and_silence_are_delivery_errors(
    client: StripeClient, sandbox: SandboxProcess
) -> None:
    sandbox.faults(stripe={"status": 503, "path": "/v1/"})
    with pytest.raises(DeliveryError, match="503"):
        client.read_checkout(KEY, "cs_test_x")
    with pytest.raises(DeliveryError, match="404"):
        client.read_checkout(KEY, "cs_test_x")
    with pytest.raises(DeliveryError, match="did not answer"):
        StripeClient("http://127.0.0.1:9").read_checkout(KEY, "cs_test_x")
