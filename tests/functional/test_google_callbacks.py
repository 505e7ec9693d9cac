"""Saving and removing a card on an Android phone comes back as Google's signed post."""

from __future__ import annotations

from delivery.desk import Desk
from delivery.google_reconcile import reconcile
from storage.google_callbacks import Holding
from storage.unit_of_work import open_work
from tests.functional.test_google_loop import save
from tests.support.world import Card, World


def holding(world: World, card: Card) -> Holding:
    with open_work(world.database, world.merchant_id, clock=world.clock, writing=False) as work:
        return work.google_callbacks.holding(card.pass_id)


def remove(world: World, card: Card) -> None:
    shown = world.sandbox.android(world.android)["cards"]
    mine = next(one["id"] for one in shown if card.serial_number in one["id"])
    world.sandbox.do(world.android, "remove", card=f"loyaltyObject/{mine}")


def test_the_worker_fetches_keys_and_a_save_and_a_delete_are_kept(world: World) -> None:
    world.start_worker()
    card = world.join()

    save(world, card)
    world.wait_until(lambda: holding(world, card).is_held is True, timeout_s=30)
    remove(world, card)

    world.wait_until(lambda: holding(world, card).is_held is False, timeout_s=30)
    assert (holding(world, card).saves, holding(world, card).deletes) == (1, 1)


def test_a_message_sent_twice_counts_once_and_a_forged_one_not_at_all(world: World) -> None:
    world.start_worker()
    card = world.join()
    world.sandbox.faults(callbacks={"kind": "double", "count": 1})

    save(world, card)

    world.wait_until(lambda: holding(world, card).saves == 1, timeout_s=30)
    world.sandbox.faults(callbacks={"kind": "forge", "count": 1})
    after = world.sandbox.last_event()
    remove(world, card)
    sent = world.sandbox.wait_for_kind("callback.sent", after=after, event="del")
    assert sent["status"] == 403
    assert holding(world, card).deletes == 0


def desk_of(world: World) -> Desk:
    return Desk(
        settings=world.settings, database=world.database, clock=world.clock, keyring=world.keyring
    )


def test_what_a_lost_message_did_not_say_the_nightly_list_does(world: World) -> None:
    cards = [world.join() for _each in range(3)]
    world.sandbox.faults(callbacks={"kind": "lose", "count": 3})
    for card in cards:
        save(world, card)
    remove(world, cards[2])
    assert [holding(world, card).is_held for card in cards] == [None, None, None]

    compared = reconcile(desk_of(world), world.google, page_size=2)

    assert compared == 3
    assert [holding(world, card).is_held for card in cards] == [True, True, False]


def test_a_list_that_fails_says_nothing_of_any_card(world: World) -> None:
    card = world.join()
    world.sandbox.faults(callbacks={"kind": "lose", "count": 1})
    save(world, card)
    world.sandbox.faults(google={"status": 403, "reason": "permissionDenied", "count": 1})

    assert reconcile(desk_of(world), world.google) == 0
    assert holding(world, card).is_held is None
