from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from signing.callbacks import (
    CALLBACK_BYTES_MAX,
    CallbackEvent,
    CallbackRefused,
    UnknownRootKey,
    verify_callback,
)
from tests.support.callback_signer import ISSUER, NOW, NOW_MS, Google, a_message, spki

DATA = Path(__file__).parents[2] / "data" / "google"
GENUINE = json.loads((DATA / "google-callbacks.json").read_text())
GENUINE_KEYS = json.loads((DATA / "root-keys.json").read_text())["keys"]


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
