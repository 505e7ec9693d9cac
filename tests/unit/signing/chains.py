"""Certificates of any shape for tests: what Apple would never issue is built here."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def name(**parts: str) -> x509.Name:
    oids = {
        "uid": NameOID.USER_ID,
        "cn": NameOID.COMMON_NAME,
        "ou": NameOID.ORGANIZATIONAL_UNIT_NAME,
        "o": NameOID.ORGANIZATION_NAME,
    }
    return x509.Name([x509.NameAttribute(oids[k], v) for k, v in parts.items()])


class Authority:
    """An authority that issues what it is told."""

    def __init__(self, now, *, cn="Test CA", issuer=None, days=3650, ca=True) -> None:
        self.now, self.key, self.name = now, rsa_key(), name(cn=cn)
        signer = issuer or self
        self.certificate = signer.issue(self.name, self.key, days=days, ca=ca)

    def issue(self, subject, key, *, days=365, start=-1, ca=False, usages=None, identifier=None):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + timedelta(days=start))
            .not_valid_after(self.now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if usages is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if identifier is not None:
            known = x509.AuthorityKeyIdentifier(identifier, None, None)
            builder = builder.add_extension(known, critical=False)
        if ca:
            own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            builder = builder.add_extension(own, critical=False)
        return builder.sign(self.key, SHA256())

    def pass_leaf(self, key, *, uid="pass.test.card", ou="TEAM123456", **options):
        usages = options.pop("usages", [ExtendedKeyUsageOID.CLIENT_AUTH])
        parts = {"uid": uid, "cn": "Pass Type ID: x", "ou": ou, "o": "Bean Co"}
        subject = name(**{k: v for k, v in parts.items() if v})
        return self.issue(subject, key, usages=usages, **options)

    @property
    def pem(self) -> bytes:
        return cert_pem(self.certificate)


def cert_pem(certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def key_pem(key, password: str | None = None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _encryption(password))


def p12(key, certificate, others=(), password: str | None = "secret") -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"pass", key, certificate, list(others), _encryption(password)
    )


def _encryption(password: str | None):
    return BestAvailableEncryption(password.encode()) if password else NoEncryption()
