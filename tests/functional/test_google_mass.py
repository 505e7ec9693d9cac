"""Google under load and in odd states: batches, fair turns, one request in flight, moved cards."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from common.actor import SYSTEM
from common.errors import DeliveryError, InvalidInputs
from common.ids import new_id
from delivery.google_client import GoogleClient
from delivery.google_pictures import check_pictures
from delivery.outcomes import Outcome
from loyalty.adopt_google import Adoption, adopt_google_objects
from loyalty.google_account import install_google_account
from loyalty.places import add_location
from loyalty.publish import publish
from loyalty.save_to_google import google_save_link
from passes.google import loyalty_object
from storage.claims import Claim, Claims
from storage.deliveries import Channel
from storage.faces import load_face
from storage.google_identities import google_home
from storage.unit_of_work import UnitOfWork, run_work
from tests.support.world import Card, World, service_account

ISSUER = service_account().issuer_id
CHANGED = "google.changed.loyaltyObject"


def changed(world: World, after: int) -> set[str]:
    """The serial numbers of the cards that changed at Google since."""
    return {one["resource"].split(".")[1] for one in events(world, after, CHANGED)}


def save(world: World, card: Card) -> str:
    return google_save_link(world.ctx, world.merchant_id, card.member_id)


def redesign(world: World, **changes: object) -> None:
    """Publish the programme's card anew."""

    def action(work: UnitOfWork) -> None:
        draft = work.programmes.draft(world.programme_id).design
        work.programmes.save_draft(world.programme_id, replace(draft, **changes))

    run_work(world.database, world.merchant_id, action, clock=world.clock)
    publish(world.ctx, world.merchant_id, world.programme_id, actor=SYSTEM)


def events(world: World, after: int, kind: str) -> list[dict[str, Any]]:
    return [one for one in world.sandbox.events(after) if one["kind"] == kind]


def in_work(world: World, action: Callable[[UnitOfWork], Any]) -> Any:
    return run_work(world.database, world.merchant_id, action, clock=world.clock)


@pytest.mark.parametrize("size", [20, 0], ids=["batched", "one-by-one"])
def test_a_mass_change_reaches_every_card(world: World, size: int) -> None:
    cards = [world.join(f"Guest {number}") for number in range(5)]
    for card in cards:
        save(world, card)
    world.start_worker(google_batch=size)
    world.settled()
    after = world.sandbox.last_event()

    redesign(world, balance_label="Beans")

    wanted = {card.serial_number for card in cards}
    world.wait_until(lambda: changed(world, after) == wanted)
    world.settled()
    # The label stands on the cards, not on their class.
    assert events(world, after, "google.changed.loyaltyClass") == []


def test_a_change_of_the_class_alone_is_one_request_for_all_cards(world: World) -> None:
    for number in range(3):
        save(world, world.join(f"Guest {number}"))
    world.start_worker()
    world.settled()
    after = world.sandbox.last_event()

    redesign(world, background_colour="#4a2c2a")
    world.wait_until(lambda: events(world, after, "google.changed.loyaltyClass"))
    world.settled()

    assert events(world, after, CHANGED) == []


def test_a_new_branch_moves_the_class_and_no_card(world: World) -> None:
    save(world, world.join())
    world.start_worker()
    world.settled()
    after = world.sandbox.last_event()

    add_location(
        world.ctx,
        world.merchant_id,
        name="Harbour",
        address="1 Quay",
        time_zone="Europe/Dublin",
        latitude=53.3,
        longitude=-6.2,
        actor=SYSTEM,
    )
    world.wait_until(lambda: events(world, after, "google.changed.loyaltyClass"))
    world.settled()

    assert events(world, after, CHANGED) == []


def test_the_same_design_published_again_costs_google_nothing(world: World) -> None:
    save(world, world.join())
    world.start_worker()
    world.settled()
    after = world.sandbox.last_event()

    in_work(world, lambda work: work.deliveries.want_google_class(world.programme_id))
    world.settled()

    assert [one for one in world.sandbox.events(after) if one["kind"].startswith("google")] == []


def test_two_taps_at_once_send_the_card_once(world: World) -> None:
    card = world.join()
    after = world.sandbox.last_event()
    links: list[str] = []
    taps = [threading.Thread(target=lambda: links.append(save(world, card))) for _tap in range(2)]

    for tap in taps:
        tap.start()
    for tap in taps:
        tap.join(20)

    assert len(links) == 2
    assert len(events(world, after, "google.inserted.loyaltyObject")) == 1
    assert events(world, after, CHANGED) == []


def test_a_tap_waits_for_the_worker_and_gives_up_in_a_sentence(world: World) -> None:
    card = world.join()

    def hold(work: UnitOfWork) -> Claim | None:
        work.deliveries.want_google_object(card.pass_id)
        return Claims(work.scope).take(
            Channel.GOOGLE_OBJECT, card.pass_id, lease=f"other-{new_id()}"
        )

    assert in_work(world, hold) is not None
    world.ctx = replace(world.ctx, settings=replace(world.ctx.settings, google_save_timeout_s=0.2))

    with pytest.raises(DeliveryError, match="on its way"):
        save(world, card)


def test_a_sandboxs_account_made_for_another_port_works_with_this_sandbox(world: World) -> None:
    """The demo is made before anyone knows at which port its sandbox will run."""
    elsewhere = "http://127.0.0.1:9/token"
    install_google_account(
        world.ctx,
        world.merchant_id,
        json.dumps(service_account().key_file(elsewhere)).encode(),
        issuer_id=service_account().issuer_id,
        actor=SYSTEM,
        sandbox_token_uri=elsewhere,
    )
    card = world.join()

    assert world.sandbox.save_to_google(save(world, card), phone=world.android).status_code == 303


def test_every_picture_of_a_class_answers_without_a_login(world: World) -> None:
    def document(work: UnitOfWork) -> dict[str, Any]:
        home = google_home(work, public_url=world.url)
        published = work.programmes.published_design(world.programme_id)
        return home.class_document(published.design, home.identity(world.programme_id))

    made = in_work(world, document)
    wrong = {"sourceUri": {"uri": f"{world.url}/google/images/{'0' * 64}.png"}}

    assert check_pictures(made, timeout_s=5.0) == []
    faults = check_pictures({**made, "heroImage": wrong}, timeout_s=5.0)
    assert [(one.name, "404" in one.why) for one in faults] == [("heroImage", True)]
    faults = check_pictures({**made, "heroImage": made["programLogo"]}, timeout_s=5.0)
    assert "three times" in faults[0].why
    moved = {"sourceUri": {"uri": "http://192.0.2.1/x.png"}}
    assert "https" in check_pictures({"programLogo": moved}, timeout_s=0.1)[0].why


def test_a_phone_that_is_new_gets_the_same_card_at_once_though_google_is_away(
    world: World,
) -> None:
    card = world.join()
    save(world, card)
    world.spend(card, 500)
    world.sandbox.faults(google={"status": 503, "count": 5})

    link = save(world, card)

    world.sandbox.faults(google=None)
    assert world.sandbox.save_to_google(link, phone=world.android).status_code == 303


def test_messages_are_loud_three_times_and_then_silent(world: World) -> None:
    card = world.join()
    assert world.sandbox.save_to_google(save(world, card), phone=world.android).status_code == 303
    account = in_work(world, lambda work: work.merchants.get().google_account_id)
    key = in_work(world, lambda work: work.passes.get(card.pass_id).google_object_id)
    client: GoogleClient = world.google

    answers = [
        client.add_message(
            account, key, header="News", body=f"Number {n}", loud=True, timeout_s=5.0
        )
        for n in range(4)
    ]

    assert [one.outcome for one in answers] == [Outcome.DELIVERED] * 4
    assert answers[-1].reason == "quotaExceeded"
    assert len(world.sandbox.android(world.android)["notices"]) == 3


def test_what_google_holds_otherwise_is_remembered(world: World) -> None:
    card = world.join()
    save(world, card)
    world.start_worker()
    world.spend(card, 100)
    world.settled()

    rows = [row for row in world.deliveries() if row["channel"] == "google_object"]

    assert '"differs":[]' in str(rows[0]["facts"]).replace(" ", "").replace("'", '"')


@pytest.mark.parametrize("kind", ["half", "drop_after", "drop"])
def test_a_broken_batch_is_sent_again(world: World, kind: str) -> None:
    cards = [world.join(f"Guest {number}") for number in range(3)]
    for card in cards:
        save(world, card)
    world.start_worker()
    world.settled()
    after = world.sandbox.last_event()
    redesign(world, background_colour="#000000", balance_label="Beans")
    world.sandbox.faults(google={"kind": kind, "count": 2})

    wanted = {card.serial_number for card in cards}
    world.wait_until(lambda: changed(world, after) == wanted, timeout_s=40)
    world.settled()


def test_an_object_of_an_older_system_becomes_the_members_card(world: World) -> None:
    """The card is in a phone already; its number and class at Google stay the phone's business."""
    other, card = world.join("Grace"), world.join("Ada")
    save(world, other)
    old_class, old = f"{ISSUER}.old-club", f"{ISSUER}.old-{new_id()}"
    client: GoogleClient = world.google
    account = in_work(world, lambda work: work.merchants.get().google_account_id)
    document = in_work(world, lambda work: _as_stored(world, work, card, old_class, old))
    assert client.put_object(account, **document, timeout_s=5.0, exists=False).outcome is (
        Outcome.DELIVERED
    )
    number = in_work(world, lambda work: work.members.get(card.member_id).number)
    world.spend(card, 700)

    wanted = [Adoption(member_number=number, object_id=old)]
    assert adopt_google_objects(world.ctx, world.merchant_id, wanted, actor=SYSTEM) == 1
    assert adopt_google_objects(world.ctx, world.merchant_id, wanted, actor=SYSTEM) == 0
    world.start_worker()
    world.settled()

    held = client.get_document(account, f"loyaltyObject/{old}", timeout_s=5.0).resource
    assert held is not None
    assert held["loyaltyPoints"]["balance"]["int"] == 7
    assert held["classId"] == f"{ISSUER}.programme-{world.programme_id}"
    assert old in save_target(save(world, card))


def test_a_list_with_one_wrong_line_adopts_nothing(world: World) -> None:
    card, other = world.join("Ada"), world.join("Grace")
    numbers = [
        in_work(world, lambda work, one=one: work.members.get(one.member_id).number)
        for one in (card, other)
    ]
    wanted = [
        Adoption(member_number=numbers[0], object_id=f"{ISSUER}.old-1"),
        Adoption(member_number=numbers[1], object_id=f"{ISSUER}.old-1"),
        Adoption(member_number="NOBODY", object_id=f"{ISSUER}.old-2"),
        Adoption(member_number=numbers[0], object_id="3388000000000000099.old-3"),
        Adoption(member_number=numbers[0], object_id=f"{ISSUER}.../../x"),
    ]

    with pytest.raises(InvalidInputs) as refusal:
        adopt_google_objects(world.ctx, world.merchant_id, wanted, actor=SYSTEM)

    assert [one["field"] for one in refusal.value.errors] == [
        "line 2",
        "line 3",
        "line 4",
        "line 5",
    ]
    assert not in_work(world, lambda work: work.passes.get(card.pass_id).google_object_id)


def save_target(link: str) -> str:
    """The claims of a save link, as text."""
    part = link.rsplit("/", 1)[1].split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()


def _as_stored(
    world: World, work: UnitOfWork, card: Card, class_id: str, object_id: str
) -> dict[str, Any]:
    home = google_home(work, public_url=world.url)
    face = load_face(work, card.pass_id, keyring=world.keyring, public_url=world.url)
    identity = replace(home.identity(world.programme_id), class_id=class_id, object_id=object_id)
    made = loyalty_object(face.design, face.content, identity)
    return {
        "insert": made,
        "patch": made,
        "class_document": home.class_document(face.design, identity),
    }
