"""A shop's coupons stand beside the card at Google and follow what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from common.actor import SYSTEM
from common.ids import new_id
from ledger.offers import RewardKind
from loyalty.coupons import CouponForm, add_coupon, change_coupon
from loyalty.erase_member import erase_member
from loyalty.reverse import ReverseRequest, reverse
from loyalty.use_coupon import CouponRequest, use_coupon
from tests.support.google_shop import ISSUER, at_google, pass_facts, redesign, rule_card, save
from tests.support.world import Card, World


def add(world: World, code: str = "FREE1", **changes: Any) -> int:
    form = CouponForm(code=code, **{"name": "One coffee", "kind": RewardKind.PRODUCT} | changes)
    return add_coupon(world.ctx, world.merchant_id, world.programme_id, coupon=form, actor=SYSTEM)


def change(world: World, coupon_id: int, *, active: bool = True, **changes: Any) -> None:
    form = CouponForm(code="FREE1", **{"name": "One coffee", "kind": RewardKind.PRODUCT} | changes)
    change_coupon(world.ctx, world.merchant_id, coupon_id, coupon=form, active=active, actor=SYSTEM)


def use(world: World, card: Card, code: str = "FREE1") -> int:
    request = CouponRequest(
        member_id=card.member_id, code=code, actor=SYSTEM, idempotency_key=f"k{new_id()}"
    )
    return use_coupon(world.ctx, world.merchant_id, request).operation_id


def copy_of(world: World, card: Card, coupon_id: int) -> Mapping[str, Any]:
    """A card's copy of a coupon as the phone shows it."""
    key = f"{ISSUER}.{card.serial_number}-offer-{coupon_id}"
    held = world.sandbox.android(world.android)["cards"]
    return next((one for one in held if one["id"] == key), {})


def linked(world: World, card: Card) -> list[str]:
    return list(at_google(world, card).get("linkedOfferIds", []))


def events(world: World, after: int, kind: str) -> list[dict[str, Any]]:
    return [one for one in world.sandbox.events(after) if one["kind"] == kind]


def test_a_coupon_comes_beside_the_card_before_the_card_names_it(world: World) -> None:
    rule_card(world)
    card = world.join()
    save(world, card)
    world.start_worker()
    world.settled()

    coupon_id = add(world)
    world.wait_until(lambda: linked(world, card))
    world.settled()

    shown = copy_of(world, card, coupon_id)
    assert linked(world, card) == [shown["id"]]
    assert shown["state"] == "ACTIVE"
    assert shown["barcode"]["value"] == "FREE1"
    assert shown["classReference"]["title"] == "One coffee"
    assert shown["classReference"]["finePrint"] == "Once for each card."
    assert list(pass_facts(world, card)["offers"]) == [str(coupon_id)]


def test_a_card_that_is_saved_later_has_its_coupons_at_once(world: World) -> None:
    rule_card(world)
    coupon_id = add(world)
    card = world.join()
    world.start_worker()

    save(world, card)

    world.wait_until(lambda: copy_of(world, card, coupon_id))
    world.settled()
    assert linked(world, card) == [copy_of(world, card, coupon_id)["id"]]


def test_a_used_coupon_is_completed_and_given_back_when_undone(world: World) -> None:
    rule_card(world)
    coupon_id = add(world)
    card = world.join()
    save(world, card)
    world.start_worker()
    world.wait_until(lambda: copy_of(world, card, coupon_id).get("state") == "ACTIVE")

    operation_id = use(world, card)
    world.wait_until(lambda: copy_of(world, card, coupon_id).get("state") == "COMPLETED")
    world.settled()
    assert linked(world, card) == []
    assert "barcode" not in copy_of(world, card, coupon_id)
    assert pass_facts(world, card)["offers"] == {}

    undo = ReverseRequest(
        operation_id=operation_id, actor=SYSTEM, idempotency_key="undo", own_recent_only=False
    )
    reverse(world.ctx, world.merchant_id, undo)
    world.wait_until(lambda: copy_of(world, card, coupon_id).get("state") == "ACTIVE")
    world.settled()
    assert linked(world, card) == [copy_of(world, card, coupon_id)["id"]]


def test_a_withdrawn_coupon_goes_and_a_renamed_one_is_one_request_for_all(world: World) -> None:
    rule_card(world)
    coupon_id = add(world)
    cards = [world.join("Ada"), world.join("Bea")]
    for card in cards:
        save(world, card)
    world.start_worker()
    world.wait_until(lambda: all(linked(world, card) for card in cards))
    world.settled()
    after = world.sandbox.last_event()

    change(world, coupon_id, name="Two coffees")
    world.wait_until(lambda: events(world, after, "google.changed.offerClass"))
    world.settled()
    assert copy_of(world, cards[0], coupon_id)["classReference"]["title"] == "Two coffees"
    assert events(world, after, "google.changed.offerObject") == []
    assert events(world, after, "google.changed.loyaltyObject") == []

    change(world, coupon_id, name="Two coffees", active=False)
    for card in cards:
        world.wait_until(lambda one=card: copy_of(world, one, coupon_id)["state"] == "INACTIVE")
    world.settled()
    assert not any(linked(world, card) for card in cards)


def test_the_last_one_taken_is_gone_from_every_card(world: World) -> None:
    rule_card(world)
    coupon_id = add(world, stock=1)
    ada, bea = world.join("Ada"), world.join("Bea")
    for card in (ada, bea):
        save(world, card)
    world.start_worker()
    world.wait_until(lambda: linked(world, ada) and linked(world, bea))
    world.settled()

    operation_id = use(world, ada)
    world.wait_until(lambda: copy_of(world, bea, coupon_id)["state"] == "INACTIVE")
    world.settled()
    assert copy_of(world, ada, coupon_id)["state"] == "COMPLETED"

    undo = ReverseRequest(
        operation_id=operation_id, actor=SYSTEM, idempotency_key="undo", own_recent_only=False
    )
    reverse(world.ctx, world.merchant_id, undo)
    world.wait_until(lambda: copy_of(world, bea, coupon_id)["state"] == "ACTIVE")


def test_ones_own_coupon_is_nobody_elses(world: World) -> None:
    rule_card(world)
    ada, bea = world.join("Ada"), world.join("Bea")
    for card in (ada, bea):
        save(world, card)
    world.start_worker()
    world.settled()

    coupon_id = add(world, member_id=ada.member_id, valid_until=world.clock.now() + timedelta(9))
    world.wait_until(lambda: copy_of(world, ada, coupon_id))
    world.settled()

    assert "end" in copy_of(world, ada, coupon_id)["validTimeInterval"]
    assert linked(world, bea) == []


def test_a_coupon_that_google_refuses_holds_up_no_card(world: World) -> None:
    rule_card(world)
    card = world.join()
    save(world, card)
    world.start_worker()
    world.settled()
    world.sandbox.faults(google={"status": 400, "path": "offerObject", "count": 1})

    add(world)
    world.wait_until(lambda: "!" in str(pass_facts(world, card).get("offers")))
    world.spend(card, 5_000)

    world.wait_until(lambda: at_google(world, card)["loyaltyPoints"]["balance"] == {"int": 5})
    world.settled()
    assert linked(world, card) == []


def test_a_coupon_that_google_does_not_answer_for_is_sent_again(world: World) -> None:
    rule_card(world)
    card = world.join()
    save(world, card)
    world.start_worker()
    world.settled()
    world.sandbox.faults(google={"status": 503, "path": "offerObject", "count": 2})

    coupon_id = add(world)

    world.wait_until(lambda: copy_of(world, card, coupon_id), timeout_s=40)
    world.settled()


@pytest.mark.parametrize("kind", ["drop_after", "half"])
def test_an_answer_that_is_lost_after_the_work_was_done_doubles_nothing(
    world: World, kind: str
) -> None:
    rule_card(world)
    card = world.join()
    save(world, card)
    world.start_worker()
    world.settled()
    after = world.sandbox.last_event()
    world.sandbox.faults(google={"kind": kind, "path": "offerObject", "count": 1})

    coupon_id = add(world)
    world.wait_until(lambda: linked(world, card), timeout_s=40)
    world.settled()

    assert copy_of(world, card, coupon_id)["state"] == "ACTIVE"
    assert len(events(world, after, "google.inserted.offerObject")) == 1


def test_a_forgotten_member_leaves_no_coupon(world: World) -> None:
    rule_card(world)
    coupon_id = add(world)
    card = world.join()
    save(world, card)
    world.start_worker()
    world.wait_until(lambda: copy_of(world, card, coupon_id))

    erase_member(world.ctx, world.merchant_id, card.member_id, actor=SYSTEM)

    world.wait_until(lambda: copy_of(world, card, coupon_id)["state"] == "INACTIVE")
    world.wait_until(lambda: at_google(world, card)["state"] == "EXPIRED")
    assert "barcode" not in copy_of(world, card, coupon_id)
    assert linked(world, card) == []


def test_a_shop_without_coupons_sends_nothing_for_them(world: World) -> None:
    rule_card(world)
    card = world.join()
    save(world, card)
    world.start_worker()
    world.settled()
    after = world.sandbox.last_event()

    redesign(world, balance_label="Beans")
    world.wait_until(lambda: events(world, after, "google.changed.loyaltyObject"))
    world.settled()

    assert "offers" not in pass_facts(world, card)
    assert not [one for one in world.sandbox.events(after) if "offer" in one["kind"]]
