"""Tokens at the push server: what Apple would refuse is refused, by the same names."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox.apns_tokens import TokenDesk, TokenRefused
from sandbox.home import Home

NOW = 1_800_000_000
TOPIC = "pass.example.club"
KEY = ec.generate_private_key(ec.SECP256R1())


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def a_token(
    *, iat: Any = NOW, kid: str = "ABC123DEFG", iss: str = "TEAM123456", alg: str = "ES256",
    key: ec.EllipticCurvePrivateKey = KEY,
) -> str:  # fmt: skip
    signed = f"{part({'alg': alg, 'kid': kid})}.{part({'iss': iss, 'iat': iat})}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class Clock:
    now_s = float(NOW)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(tmp_path, clock) -> TokenDesk:
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    rows = [
        {"key_id": kid, "team_id": "TEAM123456", "public_key_pem": public.decode(),
         "topics": [TOPIC], "environment": environment}
        for kid, environment in (("ABC123DEFG", "production"), ("DEV123DEFG", "development"))
    ]  # fmt: skip
    (tmp_path / "apns-keys.json").write_text(json.dumps(rows))
    return TokenDesk(Home(tmp_path), now_s=lambda: clock.now_s)


def headers(token: str, topic: str = TOPIC) -> dict[str, str]:
    return {"authorization": f"bearer {token}", "apns-topic": topic}


def refusal(desk: TokenDesk, sent: dict[str, str]) -> tuple[int, str]:
    with pytest.raises(TokenRefused) as caught:
        desk.topic_of(sent)
    return caught.value.status, caught.value.reason


def test_a_token_of_the_team_speaks_for_its_topics(desk):
    assert desk.topic_of(headers(a_token())) == TOPIC


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, (403, "MissingProviderToken")),
        ({"authorization": "bearer "}, (403, "MissingProviderToken")),
        (headers("x"), (403, "InvalidProviderToken")),
        (headers("a.b.c"), (403, "InvalidProviderToken")),
        (headers(a_token(kid="UNKNOWN123")), (403, "InvalidProviderToken")),
        (headers(a_token(iss="OTHERTEAM1")), (403, "InvalidProviderToken")),
        (headers(a_token(alg="none")), (403, "InvalidProviderToken")),
        (headers(a_token(iat=str(NOW))), (403, "InvalidProviderToken")),
        (headers(a_token(iat=NOW + 600)), (403, "InvalidProviderToken")),
        (headers(a_token(iat=NOW - 3601)), (403, "ExpiredProviderToken")),
        (
            headers(a_token(key=ec.generate_private_key(ec.SECP256R1()))),
            (403, "InvalidProviderToken"),
        ),
        (headers(a_token(kid="DEV123DEFG")), (403, "BadEnvironmentKeyInToken")),
        (headers(a_token(), topic=""), (400, "MissingTopic")),
        (headers(a_token(), topic="pass.other"), (400, "TopicDisallowed")),
    ],
)
def test_what_apple_refuses_is_refused_by_name(desk, sent, expected):
    assert refusal(desk, sent) == expected


def test_a_token_is_renewed_no_more_often_than_every_twenty_minutes(desk, clock):
    desk.topic_of(headers(a_token()))
    desk.topic_of(headers(a_token()))  # the same moment, signed by another process
    clock.now_s += 19 * 60
    assert refusal(desk, headers(a_token(iat=NOW + 19 * 60)))[0] == 429

    clock.now_s += 60

    assert desk.topic_of(headers(a_token(iat=NOW + 20 * 60))) == TOPIC
    assert desk.topic_of(headers(a_token())) == TOPIC
