from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing.callbacks import (
    CALLBACK_BYTES_MAX,
    CallbackEvent,
    CallbackRefused,
    UnknownRootKey,
    verify_callback,
)

DATA = Path(__file__).parents[2] / "data" / "google"
GENUINE = json.loads((DATA / "google-callbacks.json").read_text())
GENUINE_KEYS = json.loads((DATA / "root-keys.json").read_text())["keys"]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
ISSUER = "3388000000000000001"
PROTOCOL = "ECv2SigningOnly"


class Google:
    """Signs callbacks as Google does, written apart from the code under test."""

    def __init__(self) -> None:
        self.root = ec.generate_private_key(ec.SECP256R1())
        self.intermediate = ec.generate_private_key(ec.SECP256R1())

    def keys(self, **changes) -> list[dict]:
        key = {
            "keyValue": spki(self.root),
            "protocolVersion": PROTOCOL,
            "keyExpiration": str(NOW_MS + 1000),
        }
        return [{k: v for k, v in (key | changes).items() if v is not None}]

    def post(self, *, issuer=ISSUER, expires_ms=NOW_MS + 1000, **message) -> dict:
        signed_key = json.dumps(
            {"keyValue": spki(self.intermediate), "keyExpiration": str(expires_ms)}
        )
        text = json.dumps(a_message(**message), ensure_ascii=False)
        return {
            "signature": sign(self.intermediate, "GooglePayPasses", issuer, PROTOCOL, text),
            "intermediateSigningKey": {
                "signedKey": signed_key,
                "signatures": [sign(self.root, "GooglePayPasses", PROTOCOL, signed_key)],
            },
            "protocolVersion": PROTOCOL,
            "signedMessage": text,
        }


def a_message(**changes) -> dict:
    message = {
        "classId": f"{ISSUER}.coffee",
        "objectId": f"{ISSUER}.m-1",
        "eventType": "save",
        "expTimeMillis": NOW_MS + 1000,
        "count": 1,
        "nonce": "c1359b53-f2bb-4e8f-b392-9a560a21a9a0",
    }
    return {k: v for k, v in (message | changes).items() if v is not None}


def spki(key) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(public).decode()


def sign(key, *texts: str) -> str:
    signed = b"".join(len(t.encode()).to_bytes(4, "little") + t.encode() for t in texts)
    return base64.b64encode(key.sign(signed, ec.ECDSA(SHA256()))).decode()


@pytest.fixture(scope="module")
def google():
    return Google()


def verify(post, keys, **options):
    body = post if isinstance(post, bytes) else json.dumps(post).encode()
    return verify_callback(body, **({"issuer_id": ISSUER, "root_keys": keys, "now": NOW} | options))


@pytest.mark.parametrize("known", GENUINE, ids=[k["event"] for k in GENUINE])
def test_what_google_really_signed_verifies_before_it_expires(known):
    expires = datetime.fromtimestamp(known["expTimeMillis"] / 1000, tz=UTC)
    before, after = expires - timedelta(hours=1), expires + timedelta(seconds=1)

    message = verify(known["body"], GENUINE_KEYS, issuer_id=known["issuer"], now=before)

    assert message.event == known["event"]
    assert message.object_id.startswith(known["issuer"])
    assert message.count == 1
    assert len(message.nonce) == 36
    with pytest.raises(CallbackRefused):
        verify(known["body"], GENUINE_KEYS, issuer_id=known["issuer"], now=after)
    with pytest.raises(CallbackRefused):
        verify(known["body"], GENUINE_KEYS, issuer_id=ISSUER, now=before)


def test_a_genuine_message_fails_when_its_json_is_written_anew():
    known = GENUINE[0]
    now = datetime.fromtimestamp(known["expTimeMillis"] / 1000, tz=UTC) - timedelta(hours=1)
    body = json.loads(json.dumps(known["body"]))
    inner = body["intermediateSigningKey"]
    inner["signedKey"] = json.dumps(json.loads(inner["signedKey"]), separators=(",", ":"))

    with pytest.raises(UnknownRootKey):
        verify(body, GENUINE_KEYS, issuer_id=known["issuer"], now=now)


def test_a_signed_message_is_read(google):
    message = verify(google.post(), google.keys())

    assert (message.class_id, message.object_id) == (f"{ISSUER}.coffee", f"{ISSUER}.m-1")
    assert message.event is CallbackEvent.SAVE
    assert message.expires_at == NOW + timedelta(seconds=1)


def test_lengths_count_bytes_and_not_characters(google):
    post = google.post(objectId=f"{ISSUER}.müller-☕")

    assert verify(post, google.keys()).object_id.endswith("müller-☕")


def test_any_root_key_and_any_signature_may_be_the_right_one(google):
    post = google.post()
    wrong = Google().post()["intermediateSigningKey"]["signatures"][0]
    post["intermediateSigningKey"]["signatures"].insert(0, wrong)

    assert verify(post, [*Google().keys(), {"rubbish": 1}, *google.keys()])


def test_an_unknown_event_is_read_as_other(google):
    assert verify(google.post(eventType="moved"), google.keys()).event is CallbackEvent.OTHER
    assert verify(google.post(eventType=None), google.keys()).event is CallbackEvent.OTHER


@pytest.mark.parametrize("member", ["signedMessage", "signature"])
def test_a_changed_message_or_signature_is_refused(google, member):
    post = google.post()
    swap = {"signedMessage": google.post(eventType="del"), "signature": google.post(count=2)}

    with pytest.raises(CallbackRefused):
        verify(post | {member: swap[member][member]}, google.keys())


def test_a_changed_intermediate_key_is_refused(google):
    post = google.post()
    inner = post["intermediateSigningKey"]
    inner["signedKey"] = inner["signedKey"].replace("keyExpiration", "keyExpiratiom")

    with pytest.raises(UnknownRootKey):
        verify(post, google.keys())


def test_an_intermediate_key_of_ones_own_is_refused(google):
    with pytest.raises(UnknownRootKey):
        verify(Google().post(), google.keys())


@pytest.mark.parametrize(
    "change",
    [
        {"protocolVersion": "ECv2"},
        {"protocolVersion": None},
        {"keyExpiration": str(NOW_MS)},
        {"keyExpiration": None},
        {"keyExpiration": "soon"},
        {"keyExpiration": True},
        {"keyExpiration": "9" * 5000},
        {"keyValue": "AAAA"},
        {"keyValue": None},
        {"keyValue": 7},
        {"keyValue": spki(ec.generate_private_key(ec.SECP384R1()))},
    ],
)
def test_a_root_key_that_does_not_count_verifies_nothing(google, change):
    with pytest.raises(UnknownRootKey):
        verify(google.post(), google.keys(**change))


@pytest.mark.parametrize("keys", [[], [None], ["x"], [[]]])
def test_without_root_keys_everything_is_refused(google, keys):
    with pytest.raises(UnknownRootKey):
        verify(google.post(), keys)


@pytest.mark.parametrize("expires_ms", [NOW_MS, 0, -1, "never"])
def test_an_expired_intermediate_key_is_refused(google, expires_ms):
    with pytest.raises(CallbackRefused):
        verify(google.post(expires_ms=expires_ms), google.keys())


@pytest.mark.parametrize(
    "message",
    [
        {"expTimeMillis": NOW_MS},
        {"expTimeMillis": None},
        {"expTimeMillis": 10**30},
        {"expTimeMillis": 1e300},
        {"classId": "3388000000000000002.coffee"},
        {"objectId": f"{ISSUER}0.m-1"},
        {"objectId": 7},
        {"classId": None},
        {"nonce": None},
        {"nonce": ""},
        {"nonce": "x" * 129},
    ],
)
def test_a_signed_message_that_is_late_or_not_ours_is_refused(google, message):
    post = google.post(**message)

    with pytest.raises(CallbackRefused):
        verify(post, google.keys())


def test_a_message_signed_for_another_issuer_is_refused(google):
    with pytest.raises(CallbackRefused):
        verify(google.post(issuer="3388000000000000002"), google.keys())


@pytest.mark.parametrize(
    "change",
    [
        {"protocolVersion": "ECv2"},
        {"protocolVersion": "ECv1"},
        {"protocolVersion": ["ECv2SigningOnly"]},
        {"extra": 1},
        {"signedMessage": a_message()},
        {"signedMessage": None},
        {"signedMessage": "\ud800"},
        {"signature": None},
        {"signature": "****"},
        {"signature": "é"},
        {"signature": ""},
        {"intermediateSigningKey": None},
        {"intermediateSigningKey": []},
        {"intermediateSigningKey": {"signedKey": "{}", "signatures": []}},
        {"intermediateSigningKey": {"signedKey": "{}", "signatures": "x"}},
        {"intermediateSigningKey": {"signedKey": "{}", "signatures": [1]}},
        {"intermediateSigningKey": {"signedKey": "{}", "signatures": ["AAAA"] * 17}},
        {"intermediateSigningKey": {"signedKey": "{}"}},
        {"intermediateSigningKey": {"signedKey": {}, "signatures": ["AAAA"]}},
    ],
)
def test_an_envelope_of_another_shape_is_refused(google, change):
    with pytest.raises(CallbackRefused):
        verify(google.post() | change, google.keys())


@pytest.mark.parametrize(
    "member", ["signature", "intermediateSigningKey", "protocolVersion", "signedMessage"]
)
def test_a_missing_member_is_refused(google, member):
    post = google.post()
    del post[member]

    with pytest.raises(CallbackRefused):
        verify(post, google.keys())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe{}",
        b"[" * 10_000,
        b'{"a":' * 3000,
        b"{" + b" " * CALLBACK_BYTES_MAX + b"}",
        b'{"signature":"a","signature":"b"}',
        b"9" * 10_000,
    ],
)
def test_a_hostile_body_is_refused(google, body):
    with pytest.raises(CallbackRefused):
        verify(body, google.keys())


def test_a_refusal_tells_a_stranger_nothing(google):
    with pytest.raises(CallbackRefused) as caught:
        verify(google.post(issuer="1"), google.keys())

    assert ISSUER not in caught.value.message
    assert caught.value.status == 403
