"""The save page, the Android phones and the signed callbacks."""

from __future__ import annotations

import base64
import json
import struct
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.sandbox import GoogleAccount, SandboxProcess
from tests.unit.sandbox.callback_receiver import CallbackReceiver
from tests.unit.sandbox.google_client import GoogleClient, a_class, an_object


@pytest.fixture
def google(sandbox: SandboxProcess, account: GoogleAccount) -> Iterator[GoogleClient]:
    client = GoogleClient(sandbox, account)
    yield client
    client.close()


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    receiver = CallbackReceiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def object_id(google: GoogleClient, receiver: CallbackReceiver) -> str:
    name = uuid.uuid4().hex
    class_id = google.insert_class(f"c-{name}", callbackOptions={"url": receiver.url})
    return google.insert_object(f"m-{name}", class_id)


def link(google: GoogleClient, object_id: str, **changes: Any) -> str:
    payload = changes.pop("payload", {"loyaltyObjects": [{"id": object_id}]})
    token = google.account.save_token(payload, **changes)
    return f"{google.sandbox.urls['google_save_url']}/{token}"


def chunks(*texts: str) -> bytes:
    return b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts)


def check(key_text: str, signature: str, text: bytes) -> None:
    key = serialization.load_der_public_key(base64.b64decode(key_text))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(base64.b64decode(signature), text, ec.ECDSA(hashes.SHA256()))


def verify(body: dict[str, Any], keys: dict[str, Any], issuer: str) -> dict[str, Any]:
    root = next(k for k in keys["keys"] if k["protocolVersion"] == "ECv2SigningOnly")
    middle = body["intermediateSigningKey"]
    protocol = "ECv2SigningOnly"
    text = chunks("GooglePayPasses", protocol, middle["signedKey"])
    check(root["keyValue"], middle["signatures"][0], text)
    signer = json.loads(middle["signedKey"])["keyValue"]
    text = chunks("GooglePayPasses", issuer, protocol, body["signedMessage"])
    check(signer, body["signature"], text)
    found: dict[str, Any] = json.loads(body["signedMessage"])
    return found


def test_the_page_has_a_button_and_shows_nothing_changed(
    sandbox: SandboxProcess, google: GoogleClient, object_id: str
) -> None:
    answer = requests.get(link(google, object_id), timeout=10)

    assert answer.status_code == 200
    assert 'method="post"' in answer.text
    assert "Bean Club" in answer.text
    assert google.call("GET", f"loyaltyObject/{object_id}").json()["hasUsers"] is False


def test_the_button_puts_the_card_on_a_phone_and_tells_the_issuer(
    sandbox: SandboxProcess, google: GoogleClient, object_id: str, receiver: CallbackReceiver
) -> None:
    phone = sandbox.create_phone("android")

    answer = sandbox.save_to_google(link(google, object_id), phone=phone)

    assert answer.status_code == 303
    assert sandbox.android(phone)["cards"][0]["id"] == object_id
    assert google.call("GET", f"loyaltyObject/{object_id}").json()["hasUsers"] is True
    sandbox.wait_for_kind("callback.sent", resource=object_id, status=200)
    keys = requests.get(sandbox.urls["google_keys_url"], timeout=10).json()
    found = verify(receiver.bodies[0], keys, google.account.issuer_id)
    assert (found["eventType"], found["objectId"], found["count"]) == ("save", object_id, 1)
    with pytest.raises(InvalidSignature):
        verify(receiver.bodies[0], keys, "3388000000000000002")


def test_removing_the_card_tells_the_issuer_too(
    sandbox: SandboxProcess, google: GoogleClient, object_id: str, receiver: CallbackReceiver
) -> None:
    phone = sandbox.create_phone("android")
    sandbox.save_to_google(link(google, object_id), phone=phone)
    sandbox.wait_for_kind("callback.sent", resource=object_id)

    sandbox.do(phone, "remove", card=f"loyaltyObject/{object_id}")

    sandbox.wait_for_kind("callback.sent", resource=object_id, event="del")
    assert json.loads(receiver.bodies[-1]["signedMessage"])["eventType"] == "del"
    assert sandbox.android(phone)["cards"] == []


def test_a_patch_shows_at_once_and_notifies_three_times_a_day(
    sandbox: SandboxProcess, google: GoogleClient, object_id: str
) -> None:
    phone = sandbox.create_phone("android")
    sandbox.save_to_google(link(google, object_id), phone=phone)

    for points in range(1, 6):
        change = {"loyaltyPoints": {"balance": {"int": points}}}
        loud = change | {"notifyPreference": "NOTIFY_ON_UPDATE"}
        answer = google.call("PATCH", f"loyaltyObject/{object_id}", loud)
        assert answer.status_code == 200

    shown = sandbox.android(phone)
    assert shown["cards"][0]["loyaltyPoints"]["balance"] == {"int": 5}
    assert len(shown["notices"]) == 3


def test_a_card_of_one_person_is_not_saved_by_another(
    sandbox: SandboxProcess, google: GoogleClient, object_id: str
) -> None:
    first, second = sandbox.create_phone("android"), sandbox.create_phone("android")
    sandbox.save_to_google(link(google, object_id), phone=first)

    answer = sandbox.save_to_google(link(google, object_id), phone=second)

    assert answer.status_code == 400
    assert first in answer.text


def test_a_fat_link_inserts_and_never_updates(
    sandbox: SandboxProcess, google: GoogleClient
) -> None:
    name = uuid.uuid4().hex
    fat_class = a_class(google.id(f"c-{name}"))
    fat_object = an_object(google.id(f"m-{name}"), str(fat_class["id"]))
    payload = {"loyaltyClasses": [fat_class], "loyaltyObjects": [fat_object]}
    base = sandbox.urls["google_save_url"]
    phone = sandbox.create_phone("android")

    for account_name in ("First", "Second"):
        fat_object["accountName"] = account_name
        token = google.account.save_token(payload)
        answer = sandbox.save_to_google(f"{base}/{token}", phone=phone)
        assert answer.status_code == 303

    assert sandbox.android(phone)["cards"][0]["accountName"] == "First"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aud": "apple"}, "aud"),
        ({"typ": "JWT"}, "typ"),
        ({"iat": "now"}, "iat"),
        ({"sub": "x"}, "unknown claims"),
        ({"payload": {}}, "no object"),
        ({"payload": {"loyaltyCards": []}}, "loyaltyCards"),
        ({"payload": {"loyaltyObjects": [{"id": "3388000000000000001.none"}]}}, "not found"),
        ({"payload": {"loyaltyObjects": [{"id": "3388000000000000002.x"}]}}, "another issuer"),
        ({"iss": "nobody@example.com"}, "no service account"),
    ],
)
def test_a_wrong_link_says_why(
    google: GoogleClient, object_id: str, changes: dict[str, Any], words: str
) -> None:
    answer = requests.get(link(google, object_id, **changes), timeout=10)

    assert answer.status_code == 400
    assert words in answer.text


def test_a_callback_is_tried_again_and_may_be_doubled_or_lost(
    sandbox: SandboxProcess, google: GoogleClient, object_id: str, receiver: CallbackReceiver
) -> None:
    phone = sandbox.create_phone("android")
    card = f"loyaltyObject/{object_id}"
    receiver.status = 500
    sandbox.save_to_google(link(google, object_id), phone=phone)
    failed = sandbox.wait_for_kind("callback.sent", resource=object_id, status=500)
    receiver.status = 200
    sandbox.advance(2)
    sandbox.wait_for_kind("callback.sent", resource=object_id, status=200, after=failed["n"])
    assert receiver.bodies[0] == receiver.bodies[1]

    sandbox.faults(callbacks="lose")
    sandbox.do(phone, "remove", card=card)
    sandbox.wait_for_kind("callback.lost", resource=object_id)
    sandbox.faults(callbacks="double")
    start = sandbox.last_event()
    sandbox.save_to_google(link(google, object_id), phone=phone)
    first = sandbox.wait_for_kind("callback.sent", resource=object_id, after=start)
    sandbox.wait_for_kind("callback.sent", resource=object_id, after=first["n"])
    assert receiver.bodies[-1] == receiver.bodies[-2]


def test_a_forged_callback_does_not_verify(
    sandbox: SandboxProcess, google: GoogleClient, object_id: str, receiver: CallbackReceiver
) -> None:
    sandbox.faults(callbacks="forge")
    sandbox.save_to_google(link(google, object_id), phone=sandbox.create_phone("android"))
    sandbox.wait_for_kind("callback.sent", resource=object_id)
    keys = requests.get(sandbox.urls["google_keys_url"], timeout=10).json()

    with pytest.raises(InvalidSignature):
        verify(receiver.bodies[0], keys, google.account.issuer_id)


def test_a_page_elsewhere_cannot_press_the_button(
    sandbox: SandboxProcess, google: GoogleClient, object_id: str
) -> None:
    token = link(google, object_id).rsplit("/", 1)[1]
    url = sandbox.urls["google_save_url"]
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
    ):
        answer = requests.post(url, data={"token": token}, headers=headers, timeout=10)
        assert answer.status_code == 403
