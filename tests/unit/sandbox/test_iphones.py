"""A pretend iPhone adds, registers, asks and fetches as a real one does."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.sandbox import AppleChain, SandboxProcess, SandboxRefused
from tests.unit.sandbox.pass_service import PassService, Served
from tests.unit.sandbox.push_client import PushClient


def settle(sandbox: SandboxProcess, phone: str, *, after: int = 0) -> int:
    """Wait until the phone has registered and fetched once; returns the event's number."""
    return int(sandbox.wait_for_kind("fetched", phone=phone, after=after)["n"])


def token_of(sandbox: SandboxProcess, phone: str) -> str:
    return str(next(iter(sandbox.iphone(phone)["push_tokens"].values())))


def complained_of(words: str) -> Callable[[dict[str, object]], bool]:
    return lambda event: event["kind"] == "complained" and words in str(event["text"])


def added(sandbox: SandboxProcess, service: PassService, phone: str) -> str:
    sandbox.do(phone, "add", url=service.card_url())
    settle(sandbox, phone)
    return token_of(sandbox, phone)


def test_adding_a_pass_registers_and_asks_at_once(
    sandbox: SandboxProcess, service: PassService, phone: str
) -> None:
    token = added(sandbox, service, phone)

    card = sandbox.iphone(phone)["cards"][0]
    assert card["registered"] is True
    assert card["values"] == {"points": 0}
    assert service.registrations == {"card-1": token}
    assert len(service.asked("GET", "/registrations/")) == 1


def test_a_push_makes_the_phone_ask_and_fetch_the_new_balance(
    sandbox: SandboxProcess, service: PassService, phone: str, push: PushClient
) -> None:
    token = added(sandbox, service, phone)
    service.set_points("card-1", 12)

    answer = push.send(token)

    assert answer.status == 200
    event = sandbox.wait_for_kind("fetched", phone=phone, cause="push")
    assert event["values"] == {"points": 12}
    assert event["changed"] is True
    listed = sandbox.wait_for_kind("listed", phone=phone, cause="push")
    assert (listed["tag_sent"], listed["tag"]) == ("e1-1", "e1-2")
    assert service.asked("GET", "/v1/passes/")[-1][2]["If-Modified-Since"].endswith("GMT")
    sandbox.wait_for_kind("phone.notified", phone=phone, text="You have 12")


def test_the_tag_goes_back_verbatim_and_escaped(
    sandbox: SandboxProcess, service: PassService, phone: str, push: PushClient
) -> None:
    tag = "2026-01-01T00:00:00+01:00 &é"
    answer = {"serialNumbers": ["card-1"], "lastUpdated": tag}
    service.bend["list"] = Served(body=json.dumps(answer).encode())
    token = added(sandbox, service, phone)

    push.send(token)

    listed = sandbox.wait_for_kind("listed", phone=phone, cause="push")
    assert listed["tag_sent"] == tag
    assert "%2B01%3A00%20%26%C3%A9" in service.asked("GET", "passesUpdatedSince")[-1][1]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"serialNumbers": ["card-1"], "lastUpdated": 7}, "Server response was malformed"),
        ({"serialNumbers": "card-1", "lastUpdated": "7"}, "Server response was malformed"),
        ({"serialNumbers": ["card-1"]}, "omitted a lastUpdated tag"),
        ({"serialNumbers": ["x"], "lastUpdated": "7"}, "unregistered serial number x"),
    ],
)
def test_a_wrong_list_is_complained_of_in_apples_words(
    sandbox: SandboxProcess, service: PassService, phone: str, answer: object, complaint: str
) -> None:
    service.bend["list"] = Served(body=json.dumps(answer).encode())

    sandbox.do(phone, "add", url=service.card_url())

    event = sandbox.wait_for_kind("complained", phone=phone)
    assert complaint in event["text"]
    assert any(complaint in line and line.startswith("[20") for line in service.logs)


def test_a_full_answer_without_change_is_complained_of(
    sandbox: SandboxProcess, service: PassService, phone: str, push: PushClient
) -> None:
    token = added(sandbox, service, phone)
    same = Served(
        body=service.pass_bytes("card-1"), headers={"Content-Type": "application/vnd.apple.pkpass"}
    )
    service.bend["pass"] = same
    service.version += 1

    push.send(token)

    for words in ("Server ignored the 'if-modified-since' header", "'last-modified' header"):
        sandbox.wait_for(complained_of(words))


def test_another_serial_than_asked_is_refused_and_the_old_pass_stays(
    sandbox: SandboxProcess, service: PassService, phone: str, push: PushClient
) -> None:
    token = added(sandbox, service, phone)
    service.set_points("card-2", 99)
    service.bend["pass"] = Served(body=service.pass_bytes("card-2"))
    service.set_points("card-1", 5)

    push.send(token)

    sandbox.wait_for(
        lambda e: (
            e["kind"] == "complained"
            and "Requested serial number card-1, received card-2" in e["text"]
        )
    )
    assert sandbox.iphone(phone)["cards"][0]["values"] == {"points": 0}


def test_a_server_error_is_tried_again_and_an_authentication_failure_is_not(
    sandbox: SandboxProcess, service: PassService
) -> None:
    first, second = sandbox.create_phone("iphone"), sandbox.create_phone("iphone")
    service.bend["register"] = Served(503)
    sandbox.do(first, "add", url=service.card_url())
    sandbox.wait_for_kind("complained", phone=first)
    service.bend["register"] = Served(401)
    sandbox.do(second, "add", url=service.card_url())
    refused = sandbox.wait_for_kind("gave_up", phone=second)
    del service.bend["register"]

    sandbox.advance(3)

    sandbox.wait_for_kind("registered", phone=first, after=refused["n"])
    assert sandbox.iphone(second)["cards"][0]["registered"] is False


def test_many_pushes_raise_the_score_until_the_phone_waits(
    sandbox: SandboxProcess, service: PassService, phone: str, push: PushClient
) -> None:
    token = added(sandbox, service, phone)
    for number in range(1, 5):
        start = sandbox.last_event()
        service.set_points("card-1", number)
        push.send(token)
        sandbox.wait_for_kind("fetched", phone=phone, cause="push", after=start)
    start = sandbox.last_event()
    service.set_points("card-1", 50)

    push.send(token)
    push.send(token)

    held = sandbox.wait_for_kind("push.held", phone=phone, after=start)
    assert held["seconds"] == 120
    sandbox.advance(121)
    fetched = sandbox.wait_for_kind("fetched", phone=phone, after=held["n"])
    assert fetched["values"] == {"points": 50}
    asked = [e for e in sandbox.events(start) if e["kind"] == "listed" and e["phone"] == phone]
    assert len(asked) == 1


def test_pull_to_refresh_fetches_without_a_push(
    sandbox: SandboxProcess, service: PassService, phone: str
) -> None:
    added(sandbox, service, phone)
    service.set_points("card-1", 3)

    sandbox.do(phone, "refresh")

    event = sandbox.wait_for_kind("fetched", phone=phone, cause="refresh")
    assert event["values"] == {"points": 3}


def test_automatic_updates_off_unregisters_and_on_registers(
    sandbox: SandboxProcess, service: PassService, phone: str
) -> None:
    added(sandbox, service, phone)
    card = sandbox.iphone(phone)["cards"][0]["card"]

    sandbox.do(phone, "automatic_updates", card=card, on=False)
    off = sandbox.wait_for_kind("unregistered", phone=phone)

    assert service.registrations == {}
    sandbox.do(phone, "automatic_updates", card=card, on=True)
    sandbox.wait_for_kind("registered", phone=phone, after=off["n"])
    assert "card-1" in service.registrations


def test_an_answer_204_to_the_removal_is_an_error_for_the_phone(
    sandbox: SandboxProcess, service: PassService, phone: str
) -> None:
    added(sandbox, service, phone)
    service.bend["unregister"] = Served(204)

    sandbox.do(phone, "remove", card=sandbox.iphone(phone)["cards"][0]["card"])

    event = sandbox.wait_for_kind("complained", phone=phone)
    assert "Unregister task" in event["text"]
    assert "Unexpected response code 204" in event["text"]


def test_a_removed_pass_gives_its_token_up(
    sandbox: SandboxProcess, service: PassService, phone: str, push: PushClient
) -> None:
    token = added(sandbox, service, phone)

    sandbox.do(phone, "remove", card=sandbox.iphone(phone)["cards"][0]["card"])

    sandbox.wait_for_kind("unregistered", phone=phone)
    answer = push.send(token)
    assert (answer.status, answer.body["reason"]) == (410, "Unregistered")
    assert answer.body["timestamp"] > 1_700_000_000_000


def test_a_new_token_is_registered_and_the_old_one_is_gone(
    sandbox: SandboxProcess, service: PassService, phone: str, push: PushClient
) -> None:
    old = added(sandbox, service, phone)
    start = sandbox.last_event()

    sandbox.do(phone, "new_tokens")

    assert sandbox.wait_for_kind("registered", phone=phone, after=start)["status"] == 200
    fresh = token_of(sandbox, phone)
    assert fresh != old
    assert service.registrations == {"card-1": fresh}
    assert push.send(old).status == 410


def test_a_phone_that_is_off_asks_when_it_comes_back(
    sandbox: SandboxProcess, service: PassService, phone: str, push: PushClient
) -> None:
    token = added(sandbox, service, phone)
    sandbox.do(phone, "power", on=False)
    service.set_points("card-1", 8)
    assert push.send(token).status == 200
    stored = sandbox.wait_for_kind("push.stored", phone=phone)

    sandbox.do(phone, "power", on=True)

    event = sandbox.wait_for_kind("fetched", phone=phone, after=stored["n"])
    assert event["values"] == {"points": 8}


def test_an_address_beyond_this_machine_is_refused(sandbox: SandboxProcess, phone: str) -> None:
    with pytest.raises(SandboxRefused) as caught:
        sandbox.do(phone, "add", url="https://example.com/card")

    assert caught.value.status == 400
    assert "example.com" in caught.value.detail


@pytest.mark.parametrize(
    ("bent", "reason"),
    [
        (Served(404, b"no"), "answered 404"),
        (Served(200, b"<html>", {"Content-Type": "text/html"}), "its type is text/html"),
        (Served(302, b"", {"Location": "https://example.com/x"}), "example.com"),
    ],
)
def test_what_safari_cannot_open_is_refused_with_the_reason(
    sandbox: SandboxProcess, service: PassService, phone: str, bent: Served, reason: str
) -> None:
    service.bend["download"] = bent

    with pytest.raises(SandboxRefused) as caught:
        sandbox.do(phone, "add", url=service.card_url())

    assert reason in caught.value.detail
    assert reason in sandbox.iphone(phone)["refusal"]
    assert sandbox.iphone(phone)["cards"] == []


def test_an_unknown_phone_or_action_is_named(sandbox: SandboxProcess, phone: str) -> None:
    with pytest.raises(SandboxRefused) as missing:
        sandbox.do("iphone-99999", "refresh")
    with pytest.raises(SandboxRefused) as wrong:
        sandbox.do(phone, "dance")

    assert missing.value.status == 404
    assert "refresh" in wrong.value.detail


def test_phones_survive_a_restart_and_a_new_root(
    tmp_path_factory: pytest.TempPathFactory,
    service: PassService,
    chain: AppleChain,
    stranger: AppleChain,
) -> None:
    with SandboxProcess(tmp_path_factory.mktemp("again") / "home") as process:
        process.trust(chain)
        token = added(process, service, "iphone-1")
        process.stop()
        process.start()
        process.trust(stranger)

        phone = process.iphone()

    assert phone["cards"][0]["values"] == {"points": 0}
    assert list(phone["push_tokens"].values()) == [token]
    assert phone["services"][0]["tag"] == "e1-1"
