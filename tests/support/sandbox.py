"""The sandbox as a test uses it: a process of its own, and the other side's keys and certificates.

`SandboxProcess` starts `python -m sandbox` on free ports in a fresh folder. `make_apple_chain` and
`make_service_account` give tests an Apple root and a Google account of their own, so that they need
nothing of the product to talk to it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

REPOSITORY = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 30.0
SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"
Event = dict[str, Any]


class SandboxClient:
    """The control endpoints of a sandbox that runs at `urls`."""

    def __init__(self, urls: dict[str, str]) -> None:
        self.urls = urls
        self._http = requests.Session()
        self._http.trust_env = False

    def phones(self) -> dict[str, Any]:
        """{"iphones": [...], "androids": [...]} with cards, values, notices, tags and scores."""
        return self._get("/phones")

    def iphone(self, phone_id: str = "iphone-1") -> dict[str, Any]:
        return next(each for each in self.phones()["iphones"] if each["id"] == phone_id)

    def android(self, phone_id: str = "android-1") -> dict[str, Any]:
        return next(each for each in self.phones()["androids"] if each["id"] == phone_id)

    def create_phone(self, kind: str, name: str = "") -> str:
        """Make one more phone ("iphone" or "android"); returns its id."""
        return str(self._post("/phones", {"kind": kind, "name": name})["id"])

    def do(self, phone_id: str, action: str, **facts: Any) -> dict[str, Any]:
        """Act as the phone's owner: add, refresh, remove, automatic_updates, new_tokens, power."""
        return self._post(f"/phones/{phone_id}/{action}", facts)

    def save_to_google(self, save_link: str, *, phone: str = "") -> requests.Response:
        """Press the button of a save link's page; answers 303, or 400 with the reason."""
        token = save_link.rsplit("/", 1)[1]
        form = {"token": token, "phone": phone}
        url = self.urls["google_save_url"]
        return self._http.post(url, data=form, allow_redirects=False, timeout=30)

    def events(self, after: int = 0, *, wait_s: float = 0.0) -> list[Event]:
        found = self._get(f"/events?after={after}&wait={wait_s}")
        return list(found["events"])

    def last_event(self) -> int:
        events = self.events()
        return events[-1]["n"] if events else 0

    def wait_for(
        self, predicate: Callable[[Event], bool], timeout_s: float = 20.0, *, after: int = 0
    ) -> Event:
        """The first event (numbered above `after`) that fits; AssertionError with what came."""
        deadline = time.monotonic() + timeout_s
        seen: list[Event] = []
        while time.monotonic() < deadline:
            left = max(deadline - time.monotonic(), 0.0)
            fresh = self.events(after, wait_s=min(left, 10.0))
            for event in fresh:
                if predicate(event):
                    return event
            seen += fresh
            after = fresh[-1]["n"] if fresh else after
        shown = "\n".join(json.dumps(event) for event in seen[-30:])
        raise AssertionError(f"no such event within {timeout_s} s; what came:\n{shown}")

    def wait_for_kind(
        self, kind: str, timeout_s: float = 20.0, *, after: int = 0, **facts: Any
    ) -> Event:
        """Wait for an event of a kind whose named facts are equal."""
        return self.wait_for(
            lambda event: (
                event["kind"] == kind
                and all(event.get(name) == value for name, value in facts.items())
            ),
            timeout_s,
            after=after,
        )

    def faults(self, **faults: Any) -> dict[str, Any]:
        """Switch faults on (`apns={"status": 503, "count": 3}`) or off (`apns=None`)."""
        return self._post("/faults", faults)

    def advance(self, seconds: float) -> None:
        """Move the phones' clock: held pushes fall due, notification quotas run out."""
        self._post("/clock", {"advance_s": seconds})

    def settings(self, **settings: Any) -> None:
        self._post("/settings", settings)

    def _get(self, path: str) -> dict[str, Any]:
        return _json(self._http.get(self.urls["control_url"] + path, timeout=60))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return _json(self._http.post(self.urls["control_url"] + path, json=body, timeout=60))


class SandboxProcess(SandboxClient):
    """A running sandbox. Use as a context manager, or call `stop()`."""

    def __init__(self, home: Path, *, port: int = 0, apns_port: int = 0) -> None:
        super().__init__({})
        self.home = home
        self._ports = (port, apns_port)
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: list[bytes] = []
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start, or start again on the same ports and folder after `stop()`."""
        port, apns_port = self._ports
        command = [
            sys.executable, "-m", "sandbox", "--home", str(self.home),
            "--port", str(port), "--apns-port", str(apns_port), "--json", "--die-with-parent",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": "."}
        )
        reader = threading.Thread(target=self._read_first_line, daemon=True)
        reader.start()
        reader.join(START_TIMEOUT_S)
        if not self._lines:
            self.stop()
            raise AssertionError("the sandbox did not say that it is ready; see its stderr above")
        self.urls = json.loads(self._lines.pop())
        self._ports = (_port(self.urls["page_url"]), _port(self.urls["apns_url"]))

    def stop(self) -> None:
        process, self._process = self._process, None
        self._http.close()
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        if process.stdout is not None:
            process.stdout.close()

    def trust(
        self, chain: AppleChain | None = None, *, accounts: tuple[GoogleAccount, ...] = ()
    ) -> None:
        """Write the files that `regulars init --demo` writes for a sandbox."""
        if chain is not None:
            (self.home / "apple-root.pem").write_bytes(chain.root_pem)
        if accounts:
            rows = [account.public_row() for account in accounts]
            (self.home / "google-service-accounts.json").write_text(json.dumps(rows))

    def trust_push_keys(self, *rows: dict[str, Any]) -> None:
        """Write the teams' keys whose tokens the push server takes; see sandbox/apns_tokens.py."""
        (self.home / "apns-keys.json").write_text(json.dumps(rows))

    def _read_first_line(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            line = self._process.stdout.readline()
            if line:
                self._lines.append(line)


class SandboxRefused(AssertionError):
    """A lever answered with a problem; `status` and `detail` say which."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status, self.detail = status, detail


@dataclass(frozen=True, kw_only=True)
class AppleChain:
    """A root, an intermediate and a pass certificate with its key, as PEM."""

    root_pem: bytes
    intermediate_pem: bytes
    certificate_pem: bytes
    key_pem: bytes
    pass_type_identifier: str
    team_identifier: str

    def identity_pem(self) -> bytes:
        """What a push client presents: leaf, then intermediate."""
        return self.certificate_pem + self.intermediate_pem

    def sign(self, manifest: bytes) -> bytes:
        key = serialization.load_pem_private_key(self.key_pem, None)
        assert isinstance(key, rsa.RSAPrivateKey)
        builder = pkcs7.PKCS7SignatureBuilder().set_data(manifest)
        builder = builder.add_signer(
            x509.load_pem_x509_certificate(self.certificate_pem), key, hashes.SHA256()
        )
        builder = builder.add_certificate(x509.load_pem_x509_certificate(self.intermediate_pem))
        options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
        return builder.sign(serialization.Encoding.DER, options)


@dataclass(frozen=True, kw_only=True)
class GoogleAccount:
    """A service account with its private key."""

    client_email: str
    issuer_id: str
    key_pem: bytes

    def public_row(self) -> dict[str, str]:
        key = serialization.load_pem_private_key(self.key_pem, None)
        pem = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {
            "client_email": self.client_email,
            "public_key_pem": pem.decode(),
            "issuer_id": self.issuer_id,
        }

    def key_file(self, token_uri: str) -> dict[str, str]:
        """The JSON key file as Google's console hands it out."""
        return {
            "type": "service_account",
            "project_id": "sandbox",
            "private_key_id": "sandbox-key-1",
            "private_key": self.key_pem.decode(),
            "client_email": self.client_email,
            "client_id": "1",
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
        }

    def jwt(self, claims: dict[str, Any], *, header: dict[str, str] | None = None) -> str:
        """A token over these claims, RS256."""
        head = {"alg": "RS256", "typ": "JWT", "kid": "sandbox-key-1"} | (header or {})
        signed = b".".join(_base64url(json.dumps(each).encode()) for each in (head, claims))
        key = serialization.load_pem_private_key(self.key_pem, None)
        assert isinstance(key, rsa.RSAPrivateKey)
        signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return (signed + b"." + _base64url(signature)).decode()

    def assertion(self, token_uri: str, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.client_email, "scope": SCOPE, "aud": token_uri,
            "iat": now, "exp": now + 3600,
        }  # fmt: skip
        return self.jwt(claims | changes)

    def save_token(self, payload: dict[str, Any], **changes: Any) -> str:
        claims = {
            "iss": self.client_email, "aud": "google", "typ": "savetowallet",
            "iat": int(time.time()), "payload": payload,
        }  # fmt: skip
        return self.jwt(claims | changes)


def make_apple_chain(
    *,
    pass_type_identifier: str = "pass.sandbox.test",
    team_identifier: str = "SANDBOXT01",
    now: datetime | None = None,
    days: int = 365,
) -> AppleChain:
    """Make a root, a WWDR-like intermediate and a pass certificate of Apple's shape.

    `now` moves the leaf's validity (from a day before it, for `days`); the others last 20 years.
    """
    moment = now or datetime.now(UTC)
    long_ago, far = moment - timedelta(days=3650), moment + timedelta(days=3650)
    root_key, middle_key, leaf_key = (_rsa() for _each in range(3))
    root_name = _name("Sandbox Test Root CA", unit="Certification Authority")
    root = _certificate(
        root_name, root_key, issuer=root_name, issuer_key=root_key, start=long_ago, end=far
    )
    middle_name = _name("Sandbox Test Developer Relations CA", unit="G4")
    middle = _certificate(
        middle_name, middle_key, issuer=root_name, issuer_key=root_key, start=long_ago, end=far
    )
    leaf = _certificate(
        _leaf_name(pass_type_identifier, team_identifier), leaf_key,
        issuer=middle_name, issuer_key=middle_key,
        start=moment - timedelta(days=1), end=moment + timedelta(days=days),
        pass_type_identifier=pass_type_identifier,
    )  # fmt: skip
    return AppleChain(
        root_pem=_pem(root),
        intermediate_pem=_pem(middle),
        certificate_pem=_pem(leaf),
        key_pem=_key_pem(leaf_key),
        pass_type_identifier=pass_type_identifier,
        team_identifier=team_identifier,
    )


def make_service_account(
    *,
    client_email: str = "regulars@sandbox.iam.gserviceaccount.com",
    issuer_id: str = "3388000000000000001",
) -> GoogleAccount:
    return GoogleAccount(client_email=client_email, issuer_id=issuer_id, key_pem=_key_pem(_rsa()))


def build_pass(
    chain: AppleChain,
    *,
    files: dict[str, bytes] | None = None,
    signature: bytes | None = None,
    **changes: Any,
) -> bytes:
    """A small store card by hand; `changes` replace keys of pass.json, None takes one away."""
    document: dict[str, Any] = {
        "formatVersion": 1,
        "passTypeIdentifier": chain.pass_type_identifier,
        "teamIdentifier": chain.team_identifier,
        "serialNumber": "card-1",
        "organizationName": "Bean Co",
        "description": "Bean Club card",
        "storeCard": {
            "headerFields": [
                {"key": "points", "label": "POINTS", "value": 0, "changeMessage": "You have %@"}
            ]
        },
        "barcodes": [
            {"format": "PKBarcodeFormatQR", "message": "0001", "messageEncoding": "iso-8859-1"}
        ],
    }
    document |= changes
    document = {name: value for name, value in document.items() if value is not None}
    packed = {"pass.json": json.dumps(document).encode(), "icon.png": PNG} | (files or {})
    hashed = {name: hashlib.sha1(data).hexdigest() for name, data in packed.items()}
    manifest = json.dumps(hashed, sort_keys=True, indent=1).encode()
    packed |= {"manifest.json": manifest, "signature": signature or chain.sign(manifest)}
    return zip_files(packed)


def zip_files(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJg"
    "gg=="
)


def _leaf_name(pass_type_identifier: str, team_identifier: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, pass_type_identifier),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Pass Type ID: {pass_type_identifier}"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, team_identifier),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sandbox Test"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        ]
    )


def _name(common_name: str, *, unit: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sandbox Test"),
        ]
    )


def _certificate(
    subject: x509.Name, key: rsa.RSAPrivateKey, *,
    issuer: x509.Name, issuer_key: rsa.RSAPrivateKey, start: datetime, end: datetime,
    pass_type_identifier: str = "",
) -> x509.Certificate:  # fmt: skip
    is_leaf = bool(pass_type_identifier)
    public, issuer_public = key.public_key(), issuer_key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=not is_leaf, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False
        )
        .add_extension(_usage(is_leaf=is_leaf), critical=True)
    )
    if is_leaf:
        marks = [ExtendedKeyUsageOID.CLIENT_AUTH, ObjectIdentifier("1.2.840.113635.100.4.14")]
        text = pass_type_identifier.encode()
        named = bytes([0x0C, len(text)]) + text
        builder = (
            builder.add_extension(x509.ExtendedKeyUsage(marks), critical=False)
            .add_extension(_unknown("1.2.840.113635.100.6.3.2", b"\x05\x00"), critical=False)
            .add_extension(_unknown("1.2.840.113635.100.6.1.16", named), critical=False)
        )
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(*, is_leaf: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=is_leaf, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=not is_leaf,
        crl_sign=not is_leaf, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _unknown(oid: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(ObjectIdentifier(oid), value)


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _json(answer: requests.Response) -> dict[str, Any]:
    if answer.status_code >= 400:
        raise SandboxRefused(answer.status_code, answer.text[:500])
    found: dict[str, Any] = answer.json()
    return found


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _port(url: str) -> int:
    return int(url.rstrip("/").rsplit(":", 1)[1])
