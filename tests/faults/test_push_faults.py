"""What the push service may do to us: nothing is lost, nothing floods, others are not held up."""

from __future__ import annotations

from typing import Any

import pytest

from storage.unit_of_work import open_work
from tests.support.sandbox import make_apple_chain
from tests.support.world import World


def a_registered_card(world: World):
    card = world.join()
    world.put_on_iphone(card)
    return card


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503, "retry_after": 1, "count": 1},
        {"status": 500, "count": 2},
        {"status": 429, "reason": "TooManyRequests", "retry_after": 1, "count": 1},
        {"kind": "goaway", "count": 1},
        {"kind": "drop", "count": 1},
        {"kind": "hang", "count": 1},
    ],
    ids=["503", "500", "429", "goaway", "drop", "hang"],
)
def test_what_passes_by_itself_reaches_the_phone(world: World, fault: dict[str, Any]) -> None:
    card = a_registered_card(world)
    after = world.sandbox.last_event()
    world.sandbox.faults(apns=fault)
    world.start_worker(request_timeout_s=1.5)

    world.spend(card, 1200)

    notified = world.sandbox.wait_for_kind("phone.notified", 30, after=after, phone=world.iphone)
    assert notified["text"] == "You now have 12 points"
    world.settled()
    tried = [e for e in world.sandbox.events(after) if e["kind"].startswith("apns.")]
    assert len(tried) <= 6


def leased_cards(world: World) -> list[int]:
    return [row["pass_id"] for row in world.deliveries() if row["lease"]]


def test_a_push_that_hangs_holds_up_no_other_scan(world: World) -> None:
    first = a_registered_card(world)
    other = world.sandbox.create_phone("iphone")
    second = world.join()
    world.put_on_iphone(second, other)
    world.start_worker(request_timeout_s=120.0)  # longer than this test waits for anything
    # The publication is carried to both cards by the first worker: the hang must not meet that.
    world.publishing_done()
    world.settled()
    after = world.sandbox.last_event()
    world.sandbox.faults(apns={"kind": "hang", "count": 1})
    world.spend(first, 700)
    world.sandbox.wait_for_kind("apns.fault", after=after)

    world.spend(second, 700)

    world.sandbox.wait_for_kind("phone.notified", 30, after=after, phone=other)
    world.wait_until(lambda: leased_cards(world) == [first.pass_id])


def test_a_token_that_is_gone_ends_its_registration_and_no_other(world: World) -> None:
    card = a_registered_card(world)
    other = world.sandbox.create_phone("iphone")
    world.put_on_iphone(card, other)
    topic = world.chain.pass_type_identifier
    world.sandbox.faults(apns=None)
    world.sandbox.do(world.iphone, "power", on=False)
    world.sandbox.do(world.iphone, "remove", card=f"{topic}/{card.serial_number}")
    world.start_worker()
    after = world.sandbox.last_event()

    world.spend(card, 500)

    world.sandbox.wait_for_kind("phone.notified", after=after, phone=other)
    world.wait_until(lambda: len(devices_of(world, card.pass_id)) == 1)
    world.settled()


def devices_of(world: World, pass_id: int) -> list[Any]:
    with open_work(world.database, world.merchant_id, clock=world.clock, writing=False) as work:
        return work.passes.devices_of_pass(pass_id)


def test_a_new_token_outlives_the_death_of_the_old_one(world: World) -> None:
    card = a_registered_card(world)
    after = world.sandbox.last_event()
    world.sandbox.do(world.iphone, "new_tokens")
    world.sandbox.wait_for_kind("registered", after=after, phone=world.iphone)
    world.start_worker()
    after = world.sandbox.last_event()

    world.spend(card, 500)

    world.sandbox.wait_for_kind("phone.notified", after=after, phone=world.iphone)


def test_a_strangers_certificate_stops_the_channel_and_a_good_one_lets_it_flow(
    world: World,
) -> None:
    card = a_registered_card(world)
    good = world.chain
    world.install(make_apple_chain(days=400))
    world.start_worker()
    after = world.sandbox.last_event()

    world.spend(card, 800)

    line = world.wait_until(lambda: [one for one in world.behind_lines() if one.breaker])[0]
    assert line.breaker in {"certificate_refused", "BadCertificate"}
    # A cut connection may hide the alert that names the certificate, so a few tries may count.
    assert line.attempts <= 3
    assert not line.parked

    world.install(good)
    world.sandbox.wait_for_kind("phone.notified", 30, after=after, phone=world.iphone)
    world.settled()
    assert [one for one in world.behind_lines() if one.breaker] == []


def test_a_worker_that_stops_gives_its_leases_back(world: World) -> None:
    card = a_registered_card(world)
    world.sandbox.faults(apns={"kind": "hang", "count": 50})
    world.start_worker(request_timeout_s=30.0)
    world.spend(card, 800)
    world.wait_until(lambda: [row for row in world.deliveries() if row["lease"]])

    world.stop_workers()

    assert [row for row in world.deliveries() if row["lease"]] == []
    world.sandbox.faults(apns=None)
    after = world.sandbox.last_event()
    world.start_worker()
    world.sandbox.wait_for_kind("phone.notified", 30, after=after, phone=world.iphone)
