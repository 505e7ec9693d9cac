"""The main job over HTTP: real processes, real sockets, both databases, no browser and no script."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import LiveInstallation
from tests.support.visitor import Visitor

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"


@pytest.fixture
def live(tmp_path: Path, empty_database_url: str) -> Iterator[LiveInstallation]:
    url = None if empty_database_url.startswith("sqlite") else empty_database_url
    with LiveInstallation(tmp_path, database_url=url) as running:
        yield running


def test_a_sale_at_the_till_shows_on_both_phones(live: LiveInstallation) -> None:
    owner = signed_in_owner(live)
    customer = joined_customer(live, join_path(live, owner))
    card = live.sandbox.iphone()["cards"][0]
    code = card["pass"]["barcodes"][0]
    till = open_till(live, owner)

    after = live.sandbox.last_event()
    till.submit("/till/find", code=code["altText"])
    till.submit("/till/earn", amount="12,40")
    assert "+12 points" in till.text
    assert "40 cents count towards your next point" in till.text
    both_phones_show(live, 12, after=after)

    after = live.sandbox.last_event()
    till.open("/till")
    till.submit("/till/find", code=code["message"])
    till.submit("/till/redeem")
    both_phones_show(live, 2, after=after)

    after = live.sandbox.last_event()
    till.submit("/till/undo")
    both_phones_show(live, 12, after=after)

    customer.open(customer.page.url)
    assert "40 cents count towards your next point" in customer.text
    owner.open("/console/")
    assert all(word in owner.text for word in ("Ada", "Main Street", "Robin"))
    assert live.command("verify")["ok"] is True
    assert live.stop() == 0


def test_a_double_tap_counts_once_and_a_wrong_amount_not_at_all(live: LiveInstallation) -> None:
    owner = signed_in_owner(live)
    joined_customer(live, join_path(live, owner))
    number = live.sandbox.iphone()["cards"][0]["pass"]["barcodes"][0]["altText"]
    till = open_till(live, owner)
    till.submit("/till/find", code=number)
    member_page = till.page

    till.submit("/till/earn", amount="5")
    till.page = member_page
    till.submit("/till/earn", amount="5")
    for amount in ("-5", "1e9", "NaN", "1.2.3", "twelve"):
        till.page = member_page
        till.submit("/till/earn", status=422, amount=amount)
        assert "amount" in till.text.lower()

    assert live.command("balance", number)["balance"] == 5


def signed_in_owner(live: LiveInstallation) -> Visitor:
    owner = Visitor(live.address)
    owner.open(live.facts["owner_link"])
    owner.submit("/console/link/")
    owner.submit("/console/password", new_password="seven brown teapots")
    return owner


def join_path(live: LiveInstallation, owner: Visitor) -> str:
    owner.open("/console/cards")
    publish = re.search(r"/console/cards/\d+/publish", owner.page.text)
    assert publish is not None
    owner.open(publish.group(0))
    found = re.search(re.escape(live.address) + r"(/j/[0-9A-Z]+)", owner.page.text)
    assert found is not None
    return found.group(1)


def joined_customer(live: LiveInstallation, path: str) -> Visitor:
    """Somebody who joined and put the card on both phones."""
    customer = Visitor(live.address, user_agent=PHONE)
    customer.open(path)
    # The page says how long a person takes at least; a form sent quicker is a bot's.
    fill_ms = re.search(r'data-fill-time="(\d+)"', customer.page.text)
    assert fill_ms is not None
    threading.Event().wait(int(fill_ms.group(1)) / 1000)
    customer.submit("/j/", name="Ada")
    card = card_link(customer)
    customer.open(card)
    live.sandbox.do("iphone-1", "add", url=f"{live.address}{card}/apple.pkpass")
    live.sandbox.wait_for_kind("registered")
    customer.submit("/google", status=303)
    live.sandbox.save_to_google(customer.page.headers["Location"])
    live.sandbox.wait_for_kind("card.saved")
    customer.open(card)
    return customer


def card_link(customer: Visitor) -> str:
    """The path of the customer's card, once the page shows it."""
    found = re.search(r"/m/[0-9A-Z]{26}", customer.page.text + customer.page.url)
    return found.group(0) if found else ""


def open_till(live: LiveInstallation, owner: Visitor) -> Visitor:
    owner.open("/console/tills")
    device = re.search(r"/console/tills/\d+", owner.page.text)
    assert device is not None
    owner.open(device.group(0))
    owner.submit("/code")
    code = re.search(r"data-code>([^<]+)<", owner.page.text)
    assert code is not None
    till = Visitor(live.address)
    till.open("/till")
    till.submit("/till/pair", code=code.group(1))
    till.submit("/till/pin", pin=live.facts["staff_pin"])
    return till


def both_phones_show(live: LiveInstallation, balance: int, *, after: int) -> None:
    live.sandbox.wait_for(
        lambda event: (
            event["kind"] == "fetched"
            and event.get("changed", False)
            and event["values"]["balance"] == balance
        ),
        after=after,
    )
    live.sandbox.wait_for(
        lambda event: (
            event["kind"] == "google.changed.loyaltyObject"
            and event["values"]["loyaltyPoints"] == balance
        ),
        after=after,
    )
