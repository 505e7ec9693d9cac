"""The push server answers as Apple's does, and trusts only certificates under its root."""

from __future__ import annotations

import uuid

import pycurl
import pytest

from tests.support.sandbox import AppleChain, SandboxProcess, make_apple_chain
from tests.unit.sandbox.pass_service import PassService
from tests.unit.sandbox.push_client import PushClient, PushFailed


@pytest.fixture
def token(sandbox: SandboxProcess, service: PassService, phone: str) -> str:
    """The push token of a phone that holds a card."""
    sandbox.do(phone, "add", url=service.card_url())
    sandbox.wait_for_kind("fetched", phone=phone)
    return str(next(iter(sandbox.iphone(phone)["push_tokens"].values())))


def test_an_accepted_push_carries_its_id_back(push: PushClient, token: str) -> None:
    given = str(uuid.uuid4())
    headers = {"apns-id": given, "apns-push-type": "background", "apns-priority": "5"}

    answer = push.send(token, headers=headers)

    assert answer.status == 200
    assert answer.headers["apns-id"] == given
    assert answer.body == {}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"apns-topic": "pass.other"}, "TopicDisallowed"),
        ({"apns-priority": "7"}, "BadPriority"),
        ({"apns-priority": "10", "apns-push-type": "background"}, "BadPriority"),
        ({"apns-push-type": "wallet"}, "InvalidPushType"),
        ({"apns-expiration": "soon"}, "BadExpirationDate"),
        ({"apns-id": "not-a-uuid"}, "BadMessageId"),
        ({"apns-collapse-id": "x" * 65}, "BadCollapseId"),
    ],
)
def test_a_wrong_header_is_refused_by_name(
    push: PushClient, token: str, headers: dict[str, str], reason: str
) -> None:
    answer = push.send(token, headers=headers)

    assert (answer.status, answer.body) == (400, {"reason": reason})


def test_method_path_and_payload_are_checked(push: PushClient, token: str) -> None:
    assert push.send(token, method="PUT").body["reason"] == "MethodNotAllowed"
    assert push.send(token, path="/3/devices/x").status == 404
    assert push.send(token, path="/3/device/").body["reason"] == "MissingDeviceToken"
    assert push.send(token, body=b"").body["reason"] == "PayloadEmpty"
    assert push.send(token, body=b"x" * 4097).status == 413
    assert push.send(token, body=b"x" * 4096).status == 200


@pytest.mark.parametrize("bad", ["ab" * 32, "zz" * 32, "abcd", "%00"])
def test_a_token_of_no_phone_is_a_bad_one(push: PushClient, bad: str) -> None:
    answer = push.send(bad)

    assert (answer.status, answer.body) == (400, {"reason": "BadDeviceToken"})


def test_a_token_of_another_topic_is_told_apart(
    tmp_path_factory: pytest.TempPathFactory, service: PassService, chain: AppleChain
) -> None:
    other = make_apple_chain(pass_type_identifier="pass.other.test")
    with SandboxProcess(tmp_path_factory.mktemp("two") / "home") as process:
        process.trust(chain)
        process.do("iphone-1", "add", url=service.card_url())
        process.wait_for_kind("fetched")
        token = next(iter(process.iphone()["push_tokens"].values()))
        # The root file is read again when it changes, and may hold two roots.
        (process.home / "apple-root.pem").write_bytes(chain.root_pem + other.root_pem)
        client = PushClient(process, other)

        answer = client.send(token)

        client.close()
    assert (answer.status, answer.body) == (400, {"reason": "DeviceTokenNotForTopic"})


def test_a_strangers_certificate_does_not_get_in(
    sandbox: SandboxProcess, stranger: AppleChain, token: str
) -> None:
    client = PushClient(sandbox, stranger)

    with pytest.raises(PushFailed):
        client.send(token)

    client.close()
    sandbox.wait_for_kind("apns.handshake_refused")


def test_without_certificate_and_token_nothing_is_pushed(
    sandbox: SandboxProcess, token: str
) -> None:
    client = PushClient(sandbox, None)

    answer = client.send(token)

    client.close()
    assert (answer.status, answer.body) == (403, {"reason": "MissingProviderToken"})


def test_a_certificate_that_is_no_pass_certificate_is_bad(
    sandbox: SandboxProcess, chain: AppleChain, token: str
) -> None:
    other = make_apple_chain(pass_type_identifier="com.example.app")
    (sandbox.home / "apple-root.pem").write_bytes(chain.root_pem + other.root_pem)
    client = PushClient(sandbox, other)

    answer = client.send(token)

    client.close()
    sandbox.trust(chain)
    assert (answer.status, answer.body) == (403, {"reason": "BadCertificate"})


@pytest.mark.parametrize(
    ("status", "reason"), [(429, "TooManyRequests"), (503, "ServiceUnavailable"),
                           (410, "Unregistered"), (403, "BadCertificate")]
)  # fmt: skip
def test_a_status_fault_is_counted(
    sandbox: SandboxProcess, push: PushClient, token: str, status: int, reason: str
) -> None:
    sandbox.faults(apns={"status": status, "retry_after": 1, "count": 2})

    answers = [push.send(token) for _each in range(3)]

    assert [each.status for each in answers] == [status, status, 200]
    assert answers[0].body["reason"] == reason
    assert answers[0].headers["retry-after"] == "1"


def test_goaway_lets_the_sender_repeat_on_a_new_connection(
    sandbox: SandboxProcess, push: PushClient, token: str
) -> None:
    push.send(token)
    sandbox.faults(apns="goaway")

    # curl repeats an unprocessed stream by itself, or reports a failure that may be retried.
    try:
        status = push.send(token).status
    except PushFailed:
        status = push.send(token).status

    assert status == 200


@pytest.mark.parametrize("fault", ["drop", "hang"])
def test_a_dead_connection_gives_no_answer(
    sandbox: SandboxProcess, push: PushClient, token: str, fault: str
) -> None:
    push.send(token)
    # curl repeats by itself when a connection it had used before dies.
    sandbox.faults(apns={"kind": fault, "count": 20})

    with pytest.raises(PushFailed):
        push.send(token, timeout_ms=500)
    sandbox.faults(apns=None)

    assert push.send(token).status == 200


def test_a_lost_push_is_accepted_and_no_phone_hears_of_it(
    sandbox: SandboxProcess, push: PushClient, token: str, phone: str
) -> None:
    start = sandbox.last_event()
    sandbox.faults(apns="lose")

    assert push.send(token).status == 200

    kinds = [each["kind"] for each in sandbox.events(start)]
    assert "apns.accepted" in kinds
    assert "push.received" not in kinds


def test_the_authority_survives_a_restart(
    tmp_path_factory: pytest.TempPathFactory, chain: AppleChain
) -> None:
    with SandboxProcess(tmp_path_factory.mktemp("again") / "home") as process:
        process.trust(chain)
        before = (process.home / "apns-ca.pem").read_bytes()
        process.stop()
        process.start()
        client = PushClient(process, chain)

        answer = client.send("ab" * 32)

        client.close()
        assert (process.home / "apns-ca.pem").read_bytes() == before
        assert (process.home / "apns-ca.key").stat().st_mode & 0o077 == 0
    assert answer.status == 400


def test_many_streams_of_one_connection_are_answered(
    sandbox: SandboxProcess, chain: AppleChain, token: str
) -> None:
    many = pycurl.CurlMulti()
    many.setopt(pycurl.M_MAX_HOST_CONNECTIONS, 1)
    many.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
    clients = [PushClient(sandbox, chain) for _each in range(50)]
    handles = [client.prepare(token) for client in clients]
    for handle in handles:
        many.add_handle(handle)

    running = len(handles)
    while running:
        _code, running = many.perform()
        many.select(1.0)

    statuses = [client.status() for client in clients]
    for handle in handles:
        many.remove_handle(handle)
        handle.close()
    many.close()
    assert statuses == [200] * 50
