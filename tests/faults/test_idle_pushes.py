"""A push connection that dies in silence while nobody pushes: the next push does not pay for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from common.clock import ManualClock, SystemClock
from delivery.apns import ASK_AFTER_S, CLOSE_AFTER_S, Push, PushClient
from delivery.outcomes import Answer, Outcome
from delivery.settings import DeliverySettings
from tests.support.relay import Relay
from tests.support.sandbox import SandboxProcess, make_apple_chain

# No phone has this token: the refusal is an answer, and an answer is all that matters here.
NOBODY = "ab" * 32
REFUSED = "BadDeviceToken"


@pytest.fixture(scope="module")
def chain():
    return make_apple_chain()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory, chain) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "home") as process:
        process.trust(chain)
        yield process


@pytest.fixture
def relay(sandbox: SandboxProcess) -> Iterator[Relay]:
    with Relay(urlsplit(sandbox.urls["apns_url"]).port or 0) as relay:
        yield relay


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture
def client(sandbox: SandboxProcess, relay: Relay, clock: ManualClock) -> Iterator[PushClient]:
    settings = DeliverySettings(
        public_url="http://127.0.0.1:1",
        apns_url=f"https://127.0.0.1:{relay.port}",
        apns_ca_file=sandbox.urls["apns_ca"],  # type: ignore[arg-type]
        request_timeout_s=4.0,
    )
    client = PushClient(settings, clock=clock)
    yield client
    client.close()


@pytest.fixture
def push(client: PushClient, chain):
    def once(*, bearer: str | None = None) -> Answer:
        identity = (chain.certificate_pem + chain.intermediate_pem, chain.key_pem)
        one = Push(push_token=NOBODY, topic=chain.pass_type_identifier, identity=bearer or identity)
        return client.send([one], stop=threading.Event())[0]

    return once


def answered(client: PushClient) -> None:
    while client.is_asking:
        client.collect(0.0)


def test_without_the_question_the_next_push_pays(relay: Relay, push) -> None:
    assert push().reason == REFUSED
    relay.go_dead()

    assert push().outcome is Outcome.TEMPORARY


def test_a_connection_that_died_in_silence_is_found_by_the_question(
    relay: Relay, clock: ManualClock, client: PushClient, push
) -> None:
    assert push().reason == REFUSED
    relay.go_dead()

    clock.advance(seconds=ASK_AFTER_S)
    assert client.collect(0.0) == []
    answered(client)

    assert push().reason == REFUSED
    assert relay.accepted == 2


def test_a_push_does_not_wait_for_the_questions_answer(
    relay: Relay, clock: ManualClock, client: PushClient, push
) -> None:
    assert push().reason == REFUSED
    relay.go_dead()
    clock.advance(seconds=ASK_AFTER_S)
    assert client.collect(0.0) == []
    assert client.is_asking

    assert push().reason == REFUSED
    assert relay.accepted == 2


def test_a_living_connection_answers_and_is_used_again(
    relay: Relay, clock: ManualClock, client: PushClient, push
) -> None:
    assert push().reason == REFUSED

    for _hour in range(3):
        clock.advance(seconds=ASK_AFTER_S)
        assert client.collect(0.0) == []
        answered(client)

    assert push().reason == REFUSED
    assert relay.accepted == 1


def test_nobody_is_asked_more_often_than_once_an_hour(
    sandbox: SandboxProcess, clock: ManualClock, client: PushClient, push
) -> None:
    assert push().reason == REFUSED
    before = sandbox.last_event()

    for _minute in range(119):
        clock.advance(seconds=60)
        client.collect(0.0)
        answered(client)

    asked = [event for event in sandbox.events(before) if event["kind"] == "apns.asked"]
    assert len(asked) == 1


def test_what_nobody_pushes_over_any_more_is_closed(
    relay: Relay, clock: ManualClock, client: PushClient, push
) -> None:
    assert push().reason == REFUSED

    clock.advance(seconds=CLOSE_AFTER_S)
    client.collect(0.0)

    assert not client.is_asking
    assert push().reason == REFUSED
    assert relay.accepted == 2


def test_a_bearer_token_is_not_asked_with(clock: ManualClock, client: PushClient, push) -> None:
    assert push(bearer="not.a.token").outcome is not Outcome.DELIVERED

    clock.advance(seconds=ASK_AFTER_S)
    client.collect(0.0)

    assert not client.is_asking
