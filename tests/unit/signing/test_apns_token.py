"""Push tokens: ES256 over head and claims, by the team's key, and nothing else is taken as a key."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from common.errors import InvalidInput
from signing.apns_token import provider_token, read_push_key
from tests.unit.signing.chains import ec_key, key_pem, rsa_key

KEY, TEAM = "ABC123DEFG", "TEAM123456"


def opened(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_token_names_key_and_team_and_is_signed_by_the_key(now):
    key = ec_key()
    pem = read_push_key(key_pem(key), key_identifier=KEY, team_identifier=TEAM)

    token = provider_token(pem, key_identifier=KEY, team_identifier=TEAM, now=now)

    head, claims, signature = token.split(".")
    assert json.loads(opened(head)) == {"alg": "ES256", "kid": KEY}
    assert json.loads(opened(claims)) == {"iss": TEAM, "iat": int(now.timestamp())}
    raw = opened(signature)
    assert len(raw) == 64
    numbers = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    key.public_key().verify(
        encode_dss_signature(*numbers), f"{head}.{claims}".encode(), ec.ECDSA(SHA256())
    )


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"],
    ids=["empty", "text", "damaged"],
)
def test_what_is_no_key_is_told(data):
    with pytest.raises(InvalidInput, match=r"not a \.p8 key"):
        read_push_key(data, key_identifier=KEY, team_identifier=TEAM)


def test_other_kinds_of_keys_are_told():
    other_curve = ec.generate_private_key(ec.SECP384R1())
    for key in (rsa_key(), other_curve):
        with pytest.raises(InvalidInput, match=r"not a \.p8 key"):
            read_push_key(key_pem(key), key_identifier=KEY, team_identifier=TEAM)


@pytest.mark.parametrize(
    ("key_id", "team", "field"),
    [("short", TEAM, "key_id"), (KEY, "", "team"), (KEY, "TEAM12345\n", "team")],
)
def test_identifiers_are_checked(key_id, team, field):
    with pytest.raises(InvalidInput) as caught:
        read_push_key(key_pem(ec_key()), key_identifier=key_id, team_identifier=team)

    assert caught.value.errors[0]["field"] == field
