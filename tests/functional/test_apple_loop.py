"""A change in the ledger reaches an iPhone by itself: push, "what changed?", fetch, on both engines."""

from __future__ import annotations

import requests

from common.actor import SYSTEM
from loyalty.design import save_words
from loyalty.lost_card import replace_lost_card
from loyalty.publish import publish
from signing.keyring import Keyring
from signing.tokens import apple_authentication_token
from storage.deliveries import NextUpdate
from storage.devices import Devices
from storage.unit_of_work import open_work
from tests.support.sandbox import SandboxProcess
from tests.support.world import Card, PaceSettings, World


def call(world: World, method: str, path: str, **options: object) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(
            method, f"{world.url}/apple{path}", allow_redirects=False, timeout=10, **options
        )


def apple_pass(world: World, card: Card) -> dict[str, str]:
    token = apple_authentication_token(world.keyring, serial_number=card.serial_number)
    return {"Authorization": f"ApplePass {token}"}


def path_of(world: World, card: Card, device: str = "device-1") -> str:
    topic = world.chain.pass_type_identifier
    return f"/v1/devices/{device}/registrations/{topic}/{card.serial_number}"


def test_a_sale_shows_on_the_phone_by_itself(world: World) -> None:
    card = world.join()
    world.start_worker()
    world.put_on_iphone(card)
    after = world.sandbox.last_event()

    world.spend(card, 1200)

    world.sandbox.wait_for_kind("fetched", after=after, serial_number=card.serial_number)
    notified = world.sandbox.wait_for_kind("phone.notified", after=after)
    assert notified["text"] == "You now have 12 points"
    world.settled()


def test_registering_costs_no_push(world: World) -> None:
    # A publication that reaches the card after it joined would be a push of its own.
    world.start_worker()
    world.publishing_done()
    world.stop_workers()
    card = world.join()
    after = world.sandbox.last_event()
    world.put_on_iphone(card)

    assert world.behind() == []

    world.start_worker()
    world.spend(card)
    world.sandbox.wait_for_kind("phone.notified", after=after)
    # The sandbox outlives this world: other phones may still be told of other worlds' cards.
    pushes = [
        event
        for event in world.sandbox.events(after)
        if event["kind"] == "push.received" and event["phone"] == world.iphone
    ]
    assert len(pushes) == 1


def test_a_phone_complains_about_nothing(world: World) -> None:
    card = world.join()
    world.start_worker()
    world.put_on_iphone(card)
    for sale in range(3):
        after = world.sandbox.last_event()
        world.spend(card, 100 * (sale + 1))
        world.sandbox.wait_for_kind("phone.notified", after=after)

    # The sandbox outlives this world: phones of worlds that are gone complain of that, rightly.
    told = [event for event in world.sandbox.events() if event.get("phone") == world.iphone]
    assert "fetched" in {event["kind"] for event in told}
    assert [event for event in told if event["kind"] == "complained"] == []


def test_a_change_between_download_and_registration_is_not_missed(world: World) -> None:
    first, second = world.join("Ada"), world.join("Ben")
    world.put_on_iphone(first)
    other = world.sandbox.create_phone("iphone")
    data = world.url + f"/m/{second.token}/apple.pkpass"
    world.sandbox.do(world.iphone, "power", on=False)
    world.start_worker()
    world.spend(first)
    world.sandbox.do(world.iphone, "power", on=True)
    after = world.sandbox.last_event()

    world.sandbox.do(other, "add", url=data)
    world.spend(second, 700)

    world.sandbox.wait_for_kind(
        "phone.notified", after=after, phone=other, serial_number=second.serial_number
    )


def test_ten_sales_in_a_burst_are_few_pushes(
    sandbox: SandboxProcess, database_url: str, keyring: Keyring
) -> None:
    with World(sandbox, database_url, keyring, pace=PaceSettings()) as world:
        # A design that reaches the card between two sales would be a push of its own.
        world.start_worker()
        world.publishing_done()
        world.stop_workers()
        card = world.join()
        world.put_on_iphone(card)
        after = sandbox.last_event()
        for _sale in range(10):
            world.spend(card, 100)
        world.start_worker()

        notified = sandbox.wait_for_kind("phone.notified", after=after)

        assert notified["text"] == "You now have 10 points"
        pushes = [e for e in sandbox.events(after) if e["kind"] == "push.received"]
        assert len(pushes) == 1


def test_pushes_past_the_burst_wait_and_say_until_when(
    sandbox: SandboxProcess, database_url: str, keyring: Keyring
) -> None:
    with World(sandbox, database_url, keyring, pace=PaceSettings()) as world:
        card = world.join()
        world.start_worker()
        world.put_on_iphone(card)
        for sale in range(3):
            after = sandbox.last_event()
            world.spend(card, 100 * (sale + 1))
            sandbox.wait_for_kind("phone.notified", after=after)

        world.spend(card, 5000)
        world.wait_until(lambda: (n := next_update(world, card)) and n.waits == "pace")
        fourth = next_update(world, card)

        assert fourth is not None
        assert 60 < (fourth.due_at - world.clock.now()).total_seconds() <= 120
        held = [
            e
            for e in sandbox.events()
            if e["kind"] == "push.held" and e.get("phone") == world.iphone
        ]
        assert held == []


def next_update(world: World, card: Card) -> NextUpdate | None:
    with open_work(world.database, world.merchant_id, clock=world.clock, writing=False) as work:
        return work.deliveries.next_update(card.pass_id)


def test_a_new_design_reaches_every_card(world: World) -> None:
    cards = [world.join(f"Member {n}") for n in range(3)]
    for card in cards:
        world.put_on_iphone(card)
    after = world.sandbox.last_event()
    world.start_worker(slice_cards=2, slice_every_s=0.1)

    save_words(
        world.ctx,
        world.merchant_id,
        world.programme_id,
        {"background_colour": "#102030"},
        actor=SYSTEM,
    )
    publish(world.ctx, world.merchant_id, world.programme_id, actor=SYSTEM)

    for card in cards:
        world.sandbox.wait_for_kind("fetched", after=after, serial_number=card.serial_number)


def test_a_lost_card_turns_void_on_the_phone(world: World) -> None:
    card = world.join()
    world.start_worker()
    world.put_on_iphone(card)
    after = world.sandbox.last_event()

    replace_lost_card(world.ctx, world.merchant_id, card.member_id, actor=SYSTEM)

    world.sandbox.wait_for_kind("fetched", after=after, serial_number=card.serial_number)


def test_unknown_serial_wrong_token_and_foreign_type_answer_alike(world: World) -> None:
    card = world.join()
    good = apple_pass(world, card)
    path = path_of(world, card)

    answers = [
        call(world, "POST", path, json={"pushToken": "ab"}),
        call(
            world, "POST", path, json={"pushToken": "ab"}, headers={"Authorization": "ApplePass x"}
        ),
        call(world, "POST", path[:-1] + "0x", json={"pushToken": "ab"}, headers=good),
        call(world, "POST", path.replace("pass.", "pass.x"), json={"pushToken": "a"}, headers=good),
        call(world, "DELETE", path, headers={"Authorization": "Bearer x"}),
        call(world, "GET", f"/v1/passes/{world.chain.pass_type_identifier}/nobody", headers=good),
    ]

    assert [answer.status_code for answer in answers] == [401] * 6
    assert {answer.content for answer in answers} == {b""}
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers


def test_registering_twice_keeps_the_newest_token(world: World) -> None:
    card = world.join()
    path, headers = path_of(world, card), apple_pass(world, card)

    codes = [
        call(world, "POST", path, json={"pushToken": token}, headers=headers).status_code
        for token in ("aa", "aa", "bb")
    ]

    assert codes == [201, 200, 200]
    with open_work(world.database, world.merchant_id, clock=world.clock, writing=False) as work:
        (device,) = work.passes.devices_of_pass(card.pass_id)
    assert device.push_token == "bb"
    assert call(world, "DELETE", path, headers=headers).status_code == 200
    assert call(world, "DELETE", path, headers=headers).status_code == 200


def test_what_changed_never_refuses(world: World) -> None:
    card = world.join()
    topic = world.chain.pass_type_identifier
    call(
        world,
        "POST",
        path_of(world, card),
        json={"pushToken": "aa"},
        headers=apple_pass(world, card),
    )
    listed = f"/v1/devices/device-1/registrations/{topic}"

    first = call(world, "GET", listed)
    tag = first.json()["lastUpdated"]

    assert first.status_code == 200
    assert first.json()["serialNumbers"] == [card.serial_number]
    assert isinstance(tag, str)
    assert call(world, "GET", listed, params={"passesUpdatedSince": tag}).status_code == 204
    for strange in ("2026-11-22T12:00:00+00:00", "other-5", "", "-", "9" * 500):
        again = call(world, "GET", listed, params={"passesUpdatedSince": strange})
        assert again.status_code == 200, strange
    assert call(world, "GET", "/v1/devices/nobody/registrations/pass.nobody").status_code == 204


def test_not_modified_only_for_the_very_second(world: World) -> None:
    card = world.join()
    url = f"/v1/passes/{world.chain.pass_type_identifier}/{card.serial_number}"
    headers = apple_pass(world, card)
    first = call(world, "GET", url, headers=headers)
    stamp = first.headers["Last-Modified"]

    same = call(world, "GET", url, headers=headers | {"If-Modified-Since": stamp})
    older = "Sun, 22 Nov 2015 12:00:00 GMT"
    newer = "Sun, 22 Nov 2099 12:00:00 GMT"
    others = [
        call(world, "GET", url, headers=headers | {"If-Modified-Since": text}).status_code
        for text in (older, newer, "yesterday", "Sun, 99 Nov 9999 99:99:99 GMT")
    ]
    head = call(world, "HEAD", url, headers=headers)
    world.spend(card)
    after_sale = call(world, "GET", url, headers=headers | {"If-Modified-Since": stamp})

    assert first.headers["Content-Type"] == "application/vnd.apple.pkpass"
    assert same.status_code == 304
    assert others == [200, 200, 200, 200]
    assert (head.status_code, head.content) == (200, b"")
    assert after_sale.status_code == 200
    assert after_sale.headers["Last-Modified"] != stamp


def test_doubled_slashes_are_answered_and_never_redirected(world: World) -> None:
    card = world.join()
    path = path_of(world, card).replace("/v1/", "//v1/", 1)

    answer = call(world, "POST", path, json={"pushToken": "aa"}, headers=apple_pass(world, card))

    assert answer.status_code == 201
    assert call(world, "GET", "/v1/nothing").status_code == 404
    assert call(world, "PUT", path_of(world, card)).status_code == 404


def test_hostile_bodies_are_refused_without_a_page(world: World) -> None:
    card = world.join()
    path, headers = path_of(world, card), apple_pass(world, card)

    for body in (b"", b"{", b"[]", b'{"pushToken": 5}', b"[" * 20_000, b"x" * 70_000):
        answer = call(world, "POST", path, data=body, headers=headers)
        assert answer.status_code == (413 if len(body) > 65_536 else 400), body[:20]
        assert answer.content == b""
    device = "d" * 300
    too_long = call(
        world, "POST", path_of(world, card, device), json={"pushToken": "a"}, headers=headers
    )
    assert too_long.status_code == 400


def test_a_card_takes_twenty_registrations(world: World) -> None:
    card = world.join()
    headers = apple_pass(world, card)

    codes = [
        call(
            world, "POST", path_of(world, card, f"device-{n}"), json={"pushToken": f"a{n}"},
            headers=headers,
        ).status_code
        for n in range(21)
    ]  # fmt: skip

    assert codes == [201] * 20 + [429]


def test_the_log_is_kept_for_its_owner_and_capped(world: World) -> None:
    topic = world.chain.pass_type_identifier
    line = f"[2026-11-22 12:00:00 +0000] Get pass task (pass type {topic}) <script>"
    answers = [
        call(world, "POST", "/v1/log", json={"logs": [line, "no type in here", 7]}),
        call(world, "POST", "/v1/log", json={"logs": "text"}),
        call(world, "POST", "/v1/log", json={"logs": [f"{topic} " + "x" * 600] * 90}),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    with open_work(world.database, world.merchant_id, clock=world.clock, writing=False) as work:
        kept = [text for _at, text in Devices(work.scope).log_lines()]
    assert kept[-1] == line
    assert len(kept) == 21
    assert max(len(text) for text in kept) == 500
