"""Who issued a certificate: issuer by name, key identifier and signature, up to a trusted root.

Not done here: revocation (Wallet's own business), and what a certificate may be used for
(`signing.apple_certificates`, `signing.verify`).

Source: https://www.apple.com/certificateauthority/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256

from common.errors import InvalidInput, SigningError
from signing import der
from signing.certificate_files import read_certificates

# Apple Worldwide Developer Relations Certification Authority, OU=G4, valid to 2030-12-10.
APPLE_G4_SHA256: Final = "ea4757885538dd8cb59ff4556f676087d83c85e70902c122e42c0808b5bce14c"
# Apple publishes it at https://www.apple.com/certificateauthority/; the digest above proves it.
APPLE_G4_FILE: Final = Path(__file__).with_name("apple_g4.pem")


@cache
def apple_g4() -> x509.Certificate:
    """Apple's intermediate for passes, so that nobody needs to look for it.

    Raises:
        SigningError: the file that came with this installation was changed.
    """
    certificate = x509.load_pem_x509_certificate(APPLE_G4_FILE.read_bytes())
    if not is_apple_g4(certificate):
        raise SigningError("signing/apple_g4.pem is not Apple's certificate. Install again.")
    return certificate


def read_roots(roots: bytes | None) -> list[x509.Certificate]:
    """The operator's roots, PEM; none where Apple alone is trusted.

    Raises:
        SigningError: the file holds no certificate.
    """
    if roots is None:
        return []
    try:
        return read_certificates(roots, field="roots")
    except InvalidInput as error:
        raise SigningError(
            "The file of trusted Apple roots holds no certificate. Give a PEM file."
        ) from error


def is_apple_g4(certificate: x509.Certificate) -> bool:
    """Whether this is Apple's intermediate for passes, by fingerprint."""
    return certificate.fingerprint(SHA256()).hex() == APPLE_G4_SHA256


def issuer_of(
    leaf: x509.Certificate, candidates: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    """The one of `candidates` that issued `leaf`."""
    # Apple has had several intermediates of one name, so name, key identifier and signature count.
    return next((c for c in candidates if _is_authority(c) and _issued(leaf, c)), None)


def reaches(
    issuer: x509.Certificate, anchors: Sequence[x509.Certificate], *, now: datetime
) -> bool:
    """Whether `issuer` is a trusted root, or was issued by one that is valid at `now`."""
    return any(
        issuer == anchor
        or (
            _is_authority(anchor)
            and _issued(issuer, anchor)
            and anchor.not_valid_before_utc <= now <= anchor.not_valid_after_utc
        )
        for anchor in anchors
    )


def issuer_and_serial(leaf: x509.Certificate) -> bytes:
    """How a signature names its signer: IssuerAndSerialNumber in DER."""
    # Both are cut out of the certificate as they are: a re-encoded name may differ in string type.
    ((_tag, _whole, body),) = der.elements(leaf.tbs_certificate_bytes)
    parts = [(tag, whole) for tag, whole, _content in der.elements(body)]
    if parts[0][0] == der.CONTEXT_0:
        parts.pop(0)
    (_integer, serial), _algorithm, (_sequence, issuer) = parts[:3]
    return der.tlv(der.SEQUENCE, issuer, serial)


def usages_of(leaf: x509.Certificate) -> Sequence[x509.ObjectIdentifier]:
    """The extended key usages; none means any."""
    usages = extension(leaf, x509.ExtendedKeyUsage.oid)
    return list(usages) if isinstance(usages, x509.ExtendedKeyUsage) else []


def extension(
    certificate: x509.Certificate, oid: x509.ObjectIdentifier
) -> x509.ExtensionType | None:
    """One extension's value, or None."""
    try:
        return certificate.extensions.get_extension_for_oid(oid).value
    except x509.ExtensionNotFound:
        return None


def subject_name(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    """One part of the subject, the first of its kind; empty when it has none."""
    values = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(oid)]
    return str(values[0]) if values else ""


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    named = extension(certificate, x509.AuthorityKeyIdentifier.oid)
    own = extension(issuer, x509.SubjectKeyIdentifier.oid)
    if (
        isinstance(named, x509.AuthorityKeyIdentifier)
        and isinstance(own, x509.SubjectKeyIdentifier)
        and named.key_identifier not in (None, own.digest)
    ):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = extension(certificate, x509.BasicConstraints.oid)
    return isinstance(constraints, x509.BasicConstraints) and constraints.ca
