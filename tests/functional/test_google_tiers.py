"""A tier's look is a class of its own at Google: moving up moves the card, on both engines."""

from __future__ import annotations

from typing import Any

from common.actor import SYSTEM
from delivery.google_reconcile import reconcile
from loyalty.erase_member import erase_member
from passes.tier_look import TierLook
from regulars.doctor import Health
from tests.functional.test_google_callbacks import desk_of
from tests.functional.test_google_doctor import every_check
from tests.support.google_shop import at_google, class_id, redesign, rule_card, save
from tests.support.world import World

GOLD = TierLook(name="Gold", background_colour="#aa8800")


def events(world: World, after: int, kind: str) -> list[dict[str, Any]]:
    return [one for one in world.sandbox.events(after) if one["kind"] == kind]


def test_a_member_who_moves_up_has_the_tiers_look(world: World) -> None:
    rule_card(world)
    redesign(world, tier_looks={"gold": GOLD})
    card = world.join()
    save(world, card)
    world.start_worker()
    world.settled()
    assert at_google(world, card)["classReference"]["id"] == class_id(world)

    world.spend(card, 6_000)
    world.wait_until(lambda: at_google(world, card)["classId"] == class_id(world, "silver"))
    silver = at_google(world, card)["classReference"]
    world.spend(card, 20_000)
    world.wait_until(lambda: at_google(world, card)["classId"] == class_id(world, "gold"))
    gold = at_google(world, card)["classReference"]
    world.settled()

    assert silver["rewardsTier"] == "Silver"
    assert silver["hexBackgroundColor"] == "#1f3d36"
    assert gold["rewardsTier"] == "Gold"
    assert gold["hexBackgroundColor"] == "#aa8800"
    assert at_google(world, card)["loyaltyPoints"]["balance"] == {"int": 26}


def test_one_delivery_brings_every_tiers_class_and_only_those_that_changed(world: World) -> None:
    rule_card(world)
    after = world.sandbox.last_event()
    save(world, world.join())
    world.start_worker()
    world.settled()
    made = {one["resource"] for one in events(world, after, "google.inserted.loyaltyClass")}
    assert made == {class_id(world), class_id(world, "silver"), class_id(world, "gold")}
    after = world.sandbox.last_event()

    redesign(world, tier_looks={"gold": GOLD})
    world.wait_until(lambda: events(world, after, "google.changed.loyaltyClass"))
    world.settled()

    changed = [one["resource"] for one in events(world, after, "google.changed.loyaltyClass")]
    assert changed == [class_id(world, "gold")]
    assert events(world, after, "google.changed.loyaltyObject") == []


def test_a_class_that_google_refuses_is_tried_again_and_the_others_are_not(world: World) -> None:
    rule_card(world)
    save(world, world.join())
    after = world.sandbox.last_event()
    world.sandbox.faults(google={"status": 503, "path": "loyaltyClass", "count": 1})

    world.start_worker()
    world.wait_until(lambda: len(events(world, after, "google.inserted.loyaltyClass")) == 2)
    world.settled()

    tiers = {class_id(world, "silver"), class_id(world, "gold")}
    assert {
        one["resource"] for one in events(world, after, "google.inserted.loyaltyClass")
    } == tiers


def test_the_nightly_look_covers_the_classes_of_tiers(world: World) -> None:
    rule_card(world)
    first, second = world.join("Ada"), world.join("Bea")
    for card in (first, second):
        save(world, card)
    world.spend(second, 6_000)
    world.start_worker()
    world.wait_until(lambda: at_google(world, second)["classId"] == class_id(world, "silver"))
    world.settled()

    assert reconcile(desk_of(world), world.google) == 2


def test_the_doctor_looks_at_every_tiers_class(world: World) -> None:
    rule_card(world)
    redesign(world, tier_looks={"gold": GOLD})
    save(world, world.join())
    world.start_worker()
    world.settled()

    classes = [check for check in every_check(world) if check.name == "google class"]

    healthy = " ".join(check.text for check in classes if check.health is Health.OK)
    assert all(class_id(world, tier) in healthy for tier in ("", "silver", "gold"))


def test_a_forgotten_member_stands_in_no_tier(world: World) -> None:
    rule_card(world)
    card = world.join()
    save(world, card)
    world.spend(card, 6_000)
    world.start_worker()
    world.wait_until(lambda: at_google(world, card)["classId"] == class_id(world, "silver"))

    erase_member(world.ctx, world.merchant_id, card.member_id, actor=SYSTEM)

    world.wait_until(lambda: at_google(world, card)["state"] == "EXPIRED")
    assert at_google(world, card)["classId"] == class_id(world)
