"""Make the key and the certificate request that Apple's developer portal signs; no Mac is needed.

Not done here: keeping the key until its certificate comes back (the caller seals and stores it).
Apple replaces the subject by its own, so the name in a request only helps a person to know it.

Source: https://developer.apple.com/help/account/certificates/create-a-certificate-signing-request
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
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
from cryptography.x509.oid import NameOID

KEY_BITS: Final = 2048
NAME_MAX: Final = 64
_COUNTRY_LETTERS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest:
    """A fresh key (PEM) with its request (PEM); `public_sha256` is hex of the public key's DER."""

    key_pem: bytes = field(repr=False)
    request_pem: str
    public_sha256: str


def make_request(name: str, *, country: str = "") -> CertificateRequest:
    """A new RSA key and its request.

    Args:
        name: what the request is called, such as the shop's name; cut to 64 characters.
        country: two letters, or nothing.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    common_name = "".join(c for c in name if c.isprintable()).strip()[:NAME_MAX] or "Regulars"
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if len(country) == _COUNTRY_LETTERS and country.isascii() and country.isalpha():
        subject.append(x509.NameAttribute(NameOID.COUNTRY_NAME, country.upper()))
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject)).sign(key, SHA256())
    )
    return CertificateRequest(
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        request_pem=request.public_bytes(Encoding.PEM).decode("ascii"),
        public_sha256=_digest(key.public_key()),
    )


def public_sha256(certificate: x509.Certificate) -> str:
    """How the key of a certificate is known: hex of its public half's digest."""
    return _digest(certificate.public_key())


def _digest(public_key: object) -> str:
    data = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return hashlib.sha256(data).hexdigest()
