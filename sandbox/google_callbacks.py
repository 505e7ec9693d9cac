"""Signed notes to the issuer that a card was saved or deleted, as Google sends them.

Protocol ECv2SigningOnly: root key -> intermediate key -> message, P-256 with SHA-256 over chunks of
4-byte little-endian length and bytes. Delivered from a background thread with a few retries, and
only to this machine.
Source: Google Wallet, "Use callbacks for save and delete"; Tink's PaymentMethodTokenRecipient.
"""

from __future__ import annotations

import base64
import json
import struct
import time
import uuid
from typing import Any

import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.agenda import Agenda
from sandbox.clock import SandboxClock
from sandbox.events import EventLog
from sandbox.faults import Faults
from sandbox.google_rules import issuer_of
from sandbox.home import Home, HomeUnusable, write_private
from sandbox.loopback import NotLoopback, checked_url

PROTOCOL = "ECv2SigningOnly"
SENDER = "GooglePayPasses"
ROOT_LIFE_MS = 20 * 365 * 24 * 3600 * 1000
INTERMEDIATE_LIFE_MS = 14 * 24 * 3600 * 1000
MESSAGE_LIFE_MS = 3600 * 1000
RETRY_AFTER_S = (1.0, 5.0, 30.0)
TIMEOUT_S = 10.0


class Callbacks:
    def __init__(
        self, *, home: Home, clock: SandboxClock, events: EventLog, agenda: Agenda, faults: Faults
    ) -> None:
        self._clock, self._events, self._agenda, self._faults = clock, events, agenda, faults
        self._root = _root_key(home)
        self._intermediate = ec.generate_private_key(ec.SECP256R1())

    def public_keys(self) -> dict[str, Any]:
        """The document at the keys address, with a key of another protocol beside the real one."""
        real = {
            "keyValue": _public_text(self._root),
            "protocolVersion": PROTOCOL,
            "keyExpiration": str(_now_ms() + ROOT_LIFE_MS),
        }
        decoy = {"keyValue": _public_text(self._intermediate), "protocolVersion": "ECv1"}
        return {"keys": [decoy, real]}

    def send(self, url: str, *, event: str, class_id: str, object_id: str) -> None:
        """Send `save` or `del` soon; a fault may lose it, double it or forge its signature."""
        fault = self._faults.take("callbacks")
        if fault is not None and fault.kind == "lose":
            self._events.add("callback.lost", event=event, resource=object_id)
            return
        body = self.signed(event=event, class_id=class_id, object_id=object_id)
        if fault is not None and fault.kind == "forge":
            body["signature"] = self.signed(event="del", class_id="0.x", object_id="0.y")[
                "signature"
            ]
        copies = 2 if fault is not None and fault.kind == "double" else 1
        for _copy in range(copies):
            self._agenda.soon(lambda: self._deliver(url, body, event, object_id, 0))

    def signed(self, *, event: str, class_id: str, object_id: str) -> dict[str, Any]:
        now = _now_ms()
        key = {
            "keyValue": _public_text(self._intermediate),
            "keyExpiration": str(now + INTERMEDIATE_LIFE_MS),
        }
        # Google's text escapes "="; a receiver that parses and writes it again breaks the signature.
        signed_key = json.dumps(key, separators=(",", ":")).replace("=", "\\u003d")
        message = json.dumps(
            {
                "classId": class_id,
                "objectId": object_id,
                "eventType": event,
                "expTimeMillis": now + MESSAGE_LIFE_MS,
                "count": 1,
                "nonce": str(uuid.uuid4()),
            },
            separators=(",", ":"),
        )
        recipient = issuer_of(object_id)
        return {
            "signature": _sign(self._intermediate, SENDER, recipient, PROTOCOL, message),
            "intermediateSigningKey": {
                "signedKey": signed_key,
                "signatures": [_sign(self._root, SENDER, PROTOCOL, signed_key)],
            },
            "protocolVersion": PROTOCOL,
            "signedMessage": message,
        }

    def _deliver(
        self, url: str, body: dict[str, Any], event: str, object_id: str, attempt: int
    ) -> None:
        status = _post(url, body)
        self._events.add("callback.sent", event=event, resource=object_id, status=status)
        if status in range(200, 300) or attempt >= len(RETRY_AFTER_S):
            return
        due = self._clock.now_s() + RETRY_AFTER_S[attempt]
        self._agenda.at(due, lambda: self._deliver(url, body, event, object_id, attempt + 1))


def _post(url: str, body: dict[str, Any]) -> int:
    """The status of the answer, or 0 when there was none."""
    headers = {"User-Agent": "Google-Valuables", "Content-Type": "application/json"}
    try:
        with requests.Session() as session:
            session.trust_env = False
            data = json.dumps(body).encode()
            answer = session.post(
                checked_url(url), data=data, headers=headers, timeout=TIMEOUT_S,
                allow_redirects=False,
            )  # fmt: skip
            return answer.status_code
    except (requests.RequestException, NotLoopback, OSError):
        return 0


def _root_key(home: Home) -> ec.EllipticCurvePrivateKey:
    path = home.folder / "google-callback-root.key"
    if path.exists():
        found = serialization.load_pem_private_key(path.read_bytes(), None)
        if not isinstance(found, ec.EllipticCurvePrivateKey):
            raise HomeUnusable(f"{path} is no elliptic curve key. Delete it to get a new one.")
        return found
    fresh = ec.generate_private_key(ec.SECP256R1())
    pem = fresh.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_private(path, pem)
    return fresh


def _sign(key: ec.EllipticCurvePrivateKey, *chunks: str) -> str:
    encoded = [chunk.encode() for chunk in chunks]
    text = b"".join(struct.pack("<I", len(chunk)) + chunk for chunk in encoded)
    return base64.b64encode(key.sign(text, ec.ECDSA(hashes.SHA256()))).decode()


def _public_text(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def _now_ms() -> int:
    return int(time.time() * 1000)
