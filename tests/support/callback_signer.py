"""Signs callbacks as Google does, written apart from the code under test."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
ISSUER = "3388000000000000001"
PROTOCOL = "ECv2SigningOnly"


class Google:
    """Signs callbacks as Google does, written apart from the code under test."""

    def __init__(self) -> None:
        self.root = ec.generate_private_key(ec.SECP256R1())
        self.intermediate = ec.generate_private_key(ec.SECP256R1())

    def keys(self, **changes: Any) -> list[dict[str, Any]]:
        key = {
            "keyValue": spki(self.root),
            "protocolVersion": PROTOCOL,
            "keyExpiration": str(NOW_MS + 1000),
        }
        return [{k: v for k, v in (key | changes).items() if v is not None}]

    def post(
        self, *, issuer: str = ISSUER, expires_ms: Any = NOW_MS + 1000, **message: Any
    ) -> dict[str, Any]:
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


def a_message(**changes: Any) -> dict[str, Any]:
    message = {
        "classId": f"{ISSUER}.coffee",
        "objectId": f"{ISSUER}.m-1",
        "eventType": "save",
        "expTimeMillis": NOW_MS + 1000,
        "count": 1,
        "nonce": "c1359b53-f2bb-4e8f-b392-9a560a21a9a0",
    }
    return {k: v for k, v in (message | changes).items() if v is not None}


def spki(key: ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(public).decode()


def sign(key: ec.EllipticCurvePrivateKey, *texts: str) -> str:
    signed = b"".join(len(t.encode()).to_bytes(4, "little") + t.encode() for t in texts)
    return base64.b64encode(key.sign(signed, ec.ECDSA(SHA256()))).decode()
