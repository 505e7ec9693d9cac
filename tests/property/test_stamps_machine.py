"""No phone stays behind, whatever order commits, crashes and questions come in: stories and chance.

The machine itself is tests/support/stamping.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from loyalty.context import Loyalty
from storage.engine import Database, DatabaseSettings
from tests.support.stamping import CARDS, LOOKS, Stamping


@pytest.fixture
def shop(ctx: Loyalty) -> Iterator[Stamping]:
    """The machine without chance, for stories that chance tells too rarely."""
    tills = tuple(Database(DatabaseSettings(url=ctx.database.url)) for _card in range(CARDS))
    yield type("Machine", (Stamping,), {"ctx": ctx, "tills": tills})()
    for till in tills:
        till.close()


def write_now(shop: Stamping, card: int, name: str) -> None:
    shop.write(card, name)
    if card in shop.writers:
        shop.finish_write(card, commits=True)


def put_on(shop: Stamping, phone: int, card: int) -> None:
    shop.download(card, phone)
    shop.register(card, phone)
    shop.ask(phone, lost=False)


def test_a_change_between_download_and_registration_is_told_despite_a_newer_tag(
    shop: Stamping,
) -> None:
    put_on(shop, 0, 0)
    put_on(shop, 1, 1)
    shop.all_flows()
    shop.download(1, 0)
    write_now(shop, 1, "Ben")
    shop.all_flows()
    write_now(shop, 0, "Ben")
    shop.all_flows()

    shop.register(1, 0)
    shop.ask(0, lost=False)

    assert shop.phone(0).shown[shop.cards[1][2]] == "Ben"
    shop.teardown()


def test_a_state_that_was_seen_in_between_is_taken_back(shop: Stamping) -> None:
    put_on(shop, 0, 0)
    shop.all_flows()
    write_now(shop, 0, "Ben")
    shop.all_flows()
    write_now(shop, 0, "Ada")
    shop.download(0, 0)  # a pull to refresh before the worker came
    assert shop.phone(0).shown[shop.cards[0][2]] == "Ada"
    write_now(shop, 0, "Ben")

    shop.all_flows()

    assert shop.phone(0).shown[shop.cards[0][2]] == "Ben"
    shop.teardown()


def test_a_change_that_no_phone_would_show_wakes_none(shop: Stamping) -> None:
    put_on(shop, 0, 0)
    shop.all_flows()
    write_now(shop, 0, "Ben")
    shop.all_flows()
    pushes = shop.recorder.sent

    write_now(shop, 0, "Ada")
    write_now(shop, 0, "Ben")
    shop.all_flows()

    assert shop.recorder.sent == pushes
    assert shop.claim() == []
    shop.teardown()


def test_a_phone_that_fetched_a_publication_before_its_slice_is_told_nothing_new(
    shop: Stamping,
) -> None:
    put_on(shop, 0, 0)
    put_on(shop, 1, 0)
    shop.all_flows()
    write_now(shop, 0, "Ben")
    shop.all_flows()
    serial = shop.cards[0][2]
    shop.publish(LOOKS[1])
    early, late = shop.phone(0), shop.phone(1)
    early.seconds[serial] = 0  # a pull to refresh that asks for the whole card
    shop.download(0, 0)
    second = early.seconds[serial]
    assert early.looks[serial] == LOOKS[1]
    assert late.looks[serial] == LOOKS[0]

    shop.slice()
    shop.slice()
    shop.all_flows()
    shop.all_flows()

    assert late.looks[serial] == LOOKS[1]
    assert (early.seconds[serial], late.seconds[serial]) == (second, second)
    shop.teardown()


def test_a_publication_that_is_taken_back_before_its_slice_reaches_who_saw_it(
    shop: Stamping,
) -> None:
    put_on(shop, 0, 0)
    shop.all_flows()
    write_now(shop, 0, "Ben")
    shop.all_flows()
    serial = shop.cards[0][2]
    shop.publish(LOOKS[1])
    shop.phone(0).seconds[serial] = 0
    shop.download(0, 0)
    shop.publish(LOOKS[0])

    shop.slice()
    shop.slice()
    shop.all_flows()

    assert shop.phone(0).looks[serial] == LOOKS[0]
    shop.teardown()


def test_a_publication_that_changes_nothing_on_a_card_wakes_no_phone(shop: Stamping) -> None:
    put_on(shop, 0, 0)
    shop.all_flows()
    pushes = shop.recorder.sent

    shop.publish(LOOKS[0])
    shop.slice()
    shop.slice()
    shop.all_flows()

    assert shop.recorder.sent == pushes
    shop.teardown()


def test_numbers_grow_in_the_order_of_commits(shop: Stamping) -> None:
    """A till that began first and commits last must not hide behind a newer tag."""
    put_on(shop, 0, 0)
    put_on(shop, 0, 1)
    shop.all_flows()
    shop.write(0, "Ben")  # on PostgreSQL this stays open
    write_now(shop, 1, "Ben")
    shop.all_flows()
    if 0 in shop.writers:
        shop.finish_write(0, commits=True)

    shop.all_flows()

    assert set(shop.phone(0).shown.values()) == {"Ben"}
    shop.teardown()


@pytest.mark.timeout(200)
def test_no_phone_stays_behind(ctx: Loyalty) -> None:
    address = DatabaseSettings(url=ctx.database.url)
    tills = tuple(Database(address) for _card in range(CARDS))
    machine = type("Machine", (Stamping,), {"ctx": ctx, "tills": tills})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25 if ctx.database.is_sqlite else 15,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    for till in tills:
        till.close()
