"""A card at Google follows the ledger: saved by a link, then patched, on both engines."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from common.actor import SYSTEM
from common.errors import DeliveryError
from loyalty.overview import member_page
from loyalty.publish import publish
from loyalty.save_to_google import google_save_link
from passes.google_options import GoogleOptions
from storage.unit_of_work import UnitOfWork, run_work
from tests.support.world import Card, World


def save(world: World, card: Card) -> str:
    """Press the button and put the card on the Android phone."""
    link = google_save_link(world.ctx, world.merchant_id, card.member_id)
    assert world.sandbox.save_to_google(link, phone=world.android).status_code == 303
    return link


def redesign(world: World, **changes: object) -> None:
    """Publish the programme's card anew."""

    def action(work: UnitOfWork) -> None:
        draft = work.programmes.draft(world.programme_id).design
        work.programmes.save_draft(world.programme_id, replace(draft, **changes))

    run_work(world.database, world.merchant_id, action, clock=world.clock)
    publish(world.ctx, world.merchant_id, world.programme_id, actor=SYSTEM)


def balance_on(world: World, card: Card) -> int | None:
    for shown in world.sandbox.android(world.android)["cards"]:
        if card.serial_number in str(shown):
            return int(shown["loyaltyPoints"]["balance"]["int"])
    return None


def test_a_saved_card_follows_the_ledger(world: World) -> None:
    card = world.join()
    world.spend(card, 300)
    link = save(world, card)
    assert link.startswith(world.sandbox.urls["google_save_url"])
    assert len(link) < 1800 + len(world.sandbox.urls["google_save_url"]) + 1
    world.start_worker()

    world.spend(card, 1200)

    world.wait_until(lambda: balance_on(world, card) == 15)
    world.settled()


def test_the_click_sends_once_and_a_second_click_sends_nothing(world: World) -> None:
    card = world.join()
    save(world, card)
    after = world.sandbox.last_event()

    again = google_save_link(world.ctx, world.merchant_id, card.member_id)

    assert again
    kinds = [event["kind"] for event in world.sandbox.events(after)]
    assert not [kind for kind in kinds if kind.startswith("google")]


def test_a_click_while_google_is_away_says_so_and_the_worker_brings_it_later(world: World) -> None:
    card = world.join()
    world.sandbox.faults(google={"status": 503, "count": 1})

    with pytest.raises(DeliveryError):
        google_save_link(world.ctx, world.merchant_id, card.member_id)

    channels = {row["channel"] for row in world.behind()}
    assert channels == {"google_object", "google_class"}
    link = google_save_link(world.ctx, world.merchant_id, card.member_id)
    assert world.sandbox.save_to_google(link, phone=world.android).status_code == 303


def test_a_card_changes_silently_by_default(world: World) -> None:
    card = world.join()
    save(world, card)
    world.start_worker()

    world.spend(card, 100)
    world.settled()

    assert balance_on(world, card) == 1
    assert world.sandbox.android(world.android)["notices"] == []


def test_three_notifications_a_day_then_silently(world: World) -> None:
    redesign(world, google=GoogleOptions(notify_balance=True))
    card = world.join()
    save(world, card)
    world.start_worker()

    for sale in range(5):
        world.spend(card, 100 * (sale + 1))
        world.wait_until(lambda: not world.behind())

    assert balance_on(world, card) == 15
    notices = world.sandbox.android(world.android)["notices"]
    assert len(notices) == 3
    assert member_page(world.ctx, world.merchant_id, card.member_id).google_notices == 3


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503, "count": 2},
        {"status": 500, "count": 1},
        {"status": 429, "retry_after": 1, "count": 1},
        {"kind": "drop", "count": 1},
        {"kind": "drop_after", "count": 1},
    ],
    ids=["503", "500", "429", "dropped", "answer-lost"],
)
def test_what_passes_by_itself_is_tried_again(world: World, fault: dict[str, object]) -> None:
    card = world.join()
    save(world, card)
    world.sandbox.faults(google=fault)
    world.start_worker()

    world.spend(card, 700)

    world.wait_until(lambda: balance_on(world, card) == 7, timeout_s=30)
    world.settled()


def test_a_refused_account_stops_the_channel_and_burns_no_attempt(world: World) -> None:
    card = world.join()
    save(world, card)
    world.start_worker()
    world.settled()
    world.sandbox.faults(google={"status": 403, "reason": "permissionDenied", "count": 100})

    world.spend(card, 700)

    line = world.wait_until(lambda: [b for b in world.behind_lines() if b.breaker])[0]
    assert line.breaker == "permissionDenied"
    assert line.attempts == 0
    assert not line.parked


@pytest.mark.parametrize("choice", ["beside", "only"])
def test_a_changing_code_reaches_google_by_api_and_never_in_a_link(
    world: World, choice: str
) -> None:
    redesign(world, google=GoogleOptions(rotating_code=choice))
    card = world.join()

    link = save(world, card)

    shown = world.sandbox.android(world.android)["cards"][0]
    key = shown["rotatingBarcode"]["totpDetails"]["parameters"][0]["key"]
    assert shown["rotatingBarcode"]["valuePattern"] == f"{card.serial_number}.{{totp_value_0}}"
    assert ("barcode" in shown) is (choice == "beside")
    payload = link.rsplit("/", 1)[1].split(".")[1]
    assert key not in base64.urlsafe_b64decode(payload + "==").decode()


def test_a_changing_code_goes_away_again(world: World) -> None:
    redesign(world, google=GoogleOptions(rotating_code="only"))
    card = world.join()
    save(world, card)
    world.start_worker()

    redesign(world, google=GoogleOptions())

    def shown() -> dict[str, object]:
        return dict(world.sandbox.android(world.android)["cards"][0])

    world.wait_until(lambda: "rotatingBarcode" not in shown())
    assert "barcode" in shown()
