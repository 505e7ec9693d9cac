"""Make the keys a first try needs: an Apple-like certificate chain and a Google-like account.

They have the shape of the real ones, so the product runs its production code on them, and names
that nobody takes for real ones. Not done here: anything that trusts them; the sandbox root is
handed over only for `init --demo` and for tests.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SANDBOX_PASS_TYPE: Final = "pass.sandbox.regulars"  # noqa: S105 - an identifier, no password
SANDBOX_TEAM: Final = "SANDBOX000"
SANDBOX_ORGANIZATION: Final = "Regulars Sandbox"

_LEAF_LIFE: Final = timedelta(days=365)
_AUTHORITY_LIFE: Final = timedelta(days=3650)
# A phone's clock may be behind this machine's.
_BACKDATED: Final = timedelta(days=1)
_PASS_USAGE: Final = x509.ObjectIdentifier("1.2.840.113635.100.4.14")
_PUSH_MARKER: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.3.2")
_PASS_MARKER: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.1.16")
_DER_NULL: Final = b"\x05\x00"
_DER_UTF8: Final = 0x0C


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxApple:
    """A root, an intermediate and a pass certificate with its key, all PEM."""

    root_pem: bytes = field(repr=False)
    intermediate_pem: bytes = field(repr=False)
    certificate_pem: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)
    pass_type_identifier: str
    team_identifier: str


def make_sandbox_apple(
    now: datetime,
    *,
    pass_type_identifier: str = SANDBOX_PASS_TYPE,
    team_identifier: str = SANDBOX_TEAM,
    nfc: bool = False,
) -> SandboxApple:
    """A fresh chain whose leaf is valid for one year from `now`; names are ASCII, at most 119.

    With `nfc` the leaf is named as Apple names those it makes for NFC.
    """
    root_key, middle_key, leaf_key = (_new_key() for _ in range(3))
    root_name, middle_name = _authority_name("Root"), _authority_name("Intermediate")
    root = _authority(root_name, root_key, issuer=(root_name, root_key), now=now)
    middle = _authority(middle_name, middle_key, issuer=(root_name, root_key), now=now)
    builder = _pass_builder(pass_type_identifier, team_identifier, leaf_key.public_key(), nfc=nfc)
    leaf = _sign(builder, issuer=(middle_name, middle_key), now=now, life=_LEAF_LIFE)
    return SandboxApple(
        root_pem=root.public_bytes(Encoding.PEM),
        intermediate_pem=middle.public_bytes(Encoding.PEM),
        certificate_pem=leaf.public_bytes(Encoding.PEM),
        key_pem=_private_pem(leaf_key),
        pass_type_identifier=pass_type_identifier,
        team_identifier=team_identifier,
    )


def make_sandbox_service_account(
    now: datetime, token_uri: str, issuer_id: str
) -> tuple[bytes, bytes]:
    """A service account's key file (JSON) and the public key (PEM) the sandbox checks it with."""
    key = _new_key()
    email = f"regulars-{now:%Y%m%d}@sandbox-{issuer_id}.iam.gserviceaccount.com"
    document = {
        "type": "service_account",
        "project_id": f"sandbox-{issuer_id}",
        "private_key_id": secrets.token_hex(20),
        "private_key": _private_pem(key).decode("ascii"),
        "client_email": email,
        "client_id": str(10**20 + secrets.randbelow(10**20)),
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return json.dumps(document, indent=2).encode("ascii"), public


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _authority_name(kind: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"Regulars Sandbox {kind}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, SANDBOX_ORGANIZATION),
        ]
    )


def _authority(
    name: x509.Name,
    key: rsa.RSAPrivateKey,
    *,
    issuer: tuple[x509.Name, rsa.RSAPrivateKey],
    now: datetime,
) -> x509.Certificate:
    path_length = 1 if name == issuer[0] else 0
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(_key_identifier(key.public_key()), critical=False)
    )
    return _sign(builder, issuer=issuer, now=now, life=_AUTHORITY_LIFE)


def _pass_builder(
    pass_type_identifier: str, team_identifier: str, public_key: rsa.RSAPublicKey, *, nfc: bool
) -> x509.CertificateBuilder:
    kind = "Pass Type ID with NFC" if nfc else "Pass Type ID"
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, pass_type_identifier),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{kind}: {pass_type_identifier}"[:64]),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, team_identifier),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, SANDBOX_ORGANIZATION),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        ]
    )
    text = pass_type_identifier.encode("ascii")
    marker = bytes([_DER_UTF8, len(text)]) + text
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, _PASS_USAGE])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(public_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(_key_identifier(public_key), critical=False)
        .add_extension(usages, critical=False)
        .add_extension(x509.UnrecognizedExtension(_PUSH_MARKER, _DER_NULL), critical=False)
        .add_extension(x509.UnrecognizedExtension(_PASS_MARKER, marker), critical=False)
    )


def _key_identifier(public_key: rsa.RSAPublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(public_key)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(
    builder: x509.CertificateBuilder,
    *,
    issuer: tuple[x509.Name, rsa.RSAPrivateKey],
    now: datetime,
    life: timedelta,
) -> x509.Certificate:
    name, key = issuer
    return (
        builder.issuer_name(name)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + life)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, SHA256())
    )
