"""Judge a Pass Type ID certificate and hold it, with its intermediate and key, ready for use.

Not done here: reading files (`signing.certificate_files`), signing (`signing.cms`), storing; the
caller seals `key_pem` before it goes into a table.

Rules, each refused with its mend, all told at once:
- the subject's UID is a pass type identifier (`pass.…`) and its OU the team;
- RSA of at least 2048 bits, and the key is the certificate's;
- inside its dates, as is the intermediate;
- the intermediate is the one whose name and key identifier the leaf names as its issuer and whose
  key verifies the leaf; it chains to an operator's root, or it is Apple's G4 by fingerprint.

What only may be wrong (Apple's marker is missing, the end is near) is a Finding that does not stop.

Source: https://developer.apple.com/documentation/walletpasses/building-a-pass and
https://www.apple.com/certificateauthority/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from signing.certificate_files import (
    CertificateMaterial,
    read_certificates,
    read_p12,
    read_pem,
)
from signing.chain import (
    APPLE_G4_SHA256,
    apple_g4,
    extension,
    issuer_of,
    reaches,
    read_roots,
    subject_name,
    usages_of,
)

__all__ = [
    "CertificateMaterial",
    "Finding",
    "PassCertificate",
    "check_certificate",
    "curl_identity",
    "load_pass_certificate",
    "read_certificates",
    "read_p12",
    "read_pem",
]

RSA_BITS_MIN: Final = 2048
EXPIRY_WARNING: Final = timedelta(days=60)

_PASS_TYPE: Final = re.compile(r"pass\.[A-Za-z0-9.-]{1,150}", re.ASCII)
_TEAM: Final = re.compile(r"[A-Za-z0-9]{1,32}", re.ASCII)
_PASS_USAGE: Final = x509.ObjectIdentifier("1.2.840.113635.100.4.14")
_PASS_MARKER: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.1.16")
_NFC_NAME: Final = "with NFC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something worth knowing about a certificate that can be used."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassCertificate:
    """A checked certificate with all that is needed to sign and to push.

    `not_before` and `not_after` are the stretch in which leaf and intermediate are both valid.
    """

    certificate_pem: str = field(repr=False)
    intermediate_pem: str = field(repr=False)
    key_pem: bytes = field(repr=False)
    pass_type_identifier: str
    team_identifier: str
    organization: str
    serial_hex: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    nfc: bool
    findings: tuple[Finding, ...] = ()

    def days_left(self, now: datetime) -> int:
        """Whole days until it can sign no more; negative afterwards."""
        return (self.not_after - now).days


def check_certificate(
    material: CertificateMaterial, *, roots: bytes | None, now: datetime
) -> PassCertificate:
    """The certificate, ready to sign and push.

    Args:
        material: from `read_p12` or `read_pem`, with further intermediates added where given.
        roots: PEM of the operator's roots; None to accept Apple's G4 intermediate alone.
        now: the moment it must be valid at.

    Raises:
        InvalidInputs: every fault at once; fields are certificate, key and intermediate.
        SigningError: `roots` itself cannot be read.
    """
    anchors = read_roots(roots)
    issuer = issuer_of(material.leaf, (*material.others, *anchors, apple_g4()))
    complaints = [
        *_subject_complaints(material.leaf),
        *_key_complaints(material),
        *_usage_complaints(material.leaf),
        *_date_complaints(material.leaf, now=now),
        *_chain_complaints(material, issuer, anchors=anchors, now=now),
    ]
    if complaints or issuer is None or not isinstance(material.key, RSAPrivateKey):
        raise InvalidInputs(complaints)
    return _describe(material.leaf, issuer, material.key, now=now)


def load_pass_certificate(
    certificate_pem: str, intermediate_pem: str, key_pem: bytes, *, now: datetime
) -> PassCertificate:
    """The stored parts of a certificate that was checked when it came in.

    Raises:
        InvalidInput: a part is damaged.
    """
    material = read_pem(certificate_pem.encode(), key_pem, None)
    issuer = read_certificates(intermediate_pem.encode(), field="intermediate")[0]
    if not isinstance(material.key, RSAPrivateKey):
        raise InvalidInput(_wrong_key_kind(), field="key")
    return _describe(material.leaf, issuer, material.key, now=now)


def curl_identity(certificate: PassCertificate) -> tuple[bytes, bytes]:
    """Certificate chain and key, both PEM, for curl's SSLCERT_BLOB and SSLKEY_BLOB."""
    chain = certificate.certificate_pem + certificate.intermediate_pem
    return chain.encode("ascii"), certificate.key_pem


def _describe(
    leaf: x509.Certificate, issuer: x509.Certificate, key: RSAPrivateKey, *, now: datetime
) -> PassCertificate:
    not_after = min(leaf.not_valid_after_utc, issuer.not_valid_after_utc)
    return PassCertificate(
        certificate_pem=leaf.public_bytes(Encoding.PEM).decode("ascii"),
        intermediate_pem=issuer.public_bytes(Encoding.PEM).decode("ascii"),
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        pass_type_identifier=subject_name(leaf, NameOID.USER_ID),
        team_identifier=subject_name(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME),
        organization=subject_name(leaf, NameOID.ORGANIZATION_NAME),
        serial_hex=f"{leaf.serial_number:X}",
        fingerprint=leaf.fingerprint(SHA256()).hex(),
        not_before=max(leaf.not_valid_before_utc, issuer.not_valid_before_utc),
        not_after=not_after,
        nfc=_NFC_NAME in subject_name(leaf, NameOID.COMMON_NAME),
        findings=tuple(_findings(leaf, not_after=not_after, now=now)),
    )


def _findings(leaf: x509.Certificate, *, not_after: datetime, now: datetime) -> Iterator[Finding]:
    marker = extension(leaf, _PASS_MARKER)
    if marker is None and _PASS_USAGE not in usages_of(leaf):
        yield Finding(
            code="no_pass_marker",
            message=_("Apple's mark of a Pass Type ID certificate is missing in this one."),
        )
    uid = subject_name(leaf, NameOID.USER_ID).encode()
    # The value is a short UTF8String: two bytes of tag and length, then the text.
    if isinstance(marker, x509.UnrecognizedExtension) and marker.value[2:] != uid:
        yield Finding(
            code="marker_differs",
            message=_("The pass type identifier inside this certificate differs from its UID."),
        )
    if not_after - now < EXPIRY_WARNING:
        yield Finding(
            code="expires_soon",
            message=_(
                "This certificate ends in %(days)d days. Make the next one for the same Pass "
                "Type ID in Apple's developer portal; cards that are out keep working.",
                days=(not_after - now).days,
            ),
        )


def _subject_complaints(leaf: x509.Certificate) -> Iterator[InvalidInput]:
    if _PASS_TYPE.fullmatch(subject_name(leaf, NameOID.USER_ID)) is None:
        yield InvalidInput(
            _(
                "This is not a Pass Type ID certificate: its UID does not start with “pass.”. In "
                "Apple's developer portal choose Certificates, then Pass Type ID Certificate."
            ),
            field="certificate",
        )
    if _TEAM.fullmatch(subject_name(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME)) is None:
        yield InvalidInput(
            _(
                "This certificate names no Apple team (its OU is missing). Download it again from "
                "Apple's developer portal."
            ),
            field="certificate",
        )


def _key_complaints(material: CertificateMaterial) -> Iterator[InvalidInput]:
    theirs, mine = material.leaf.public_key(), material.key.public_key()
    as_bytes = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if theirs.public_bytes(*as_bytes) != mine.public_bytes(*as_bytes):
        yield InvalidInput(
            _(
                "This key does not belong to the certificate. Use the key that the certificate "
                "request was made with."
            ),
            field="key",
        )
    if not isinstance(theirs, RSAPublicKey) or not isinstance(material.key, RSAPrivateKey):
        yield InvalidInput(_wrong_key_kind(), field="key")
    elif theirs.key_size < RSA_BITS_MIN:
        yield InvalidInput(
            _(
                "The key has %(bits)d bits. Apple Wallet wants RSA with at least %(least)d; make "
                "a new certificate request.",
                bits=theirs.key_size,
                least=RSA_BITS_MIN,
            ),
            field="key",
        )


def _usage_complaints(leaf: x509.Certificate) -> Iterator[InvalidInput]:
    usages = usages_of(leaf)
    if usages and ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
        yield InvalidInput(
            _(
                "This certificate cannot open a push connection, so cards would never be updated. "
                "Use the Pass Type ID certificate from Apple's developer portal."
            ),
            field="certificate",
        )


def _date_complaints(certificate: x509.Certificate, *, now: datetime) -> Iterator[InvalidInput]:
    if now > certificate.not_valid_after_utc:
        yield InvalidInput(
            _(
                "This certificate expired on %(day)s. Make a new one for the same Pass Type ID in "
                "Apple's developer portal; cards that are out keep working.",
                day=certificate.not_valid_after_utc.date().isoformat(),
            ),
            field="certificate",
        )
    if now < certificate.not_valid_before_utc:
        yield InvalidInput(
            _(
                "This certificate is valid only from %(day)s. Check the clock of this machine.",
                day=certificate.not_valid_before_utc.date().isoformat(),
            ),
            field="certificate",
        )


def _chain_complaints(
    material: CertificateMaterial,
    issuer: x509.Certificate | None,
    *,
    anchors: Sequence[x509.Certificate],
    now: datetime,
) -> Iterator[InvalidInput]:
    if issuer is None:
        yield InvalidInput(_no_issuer(material.leaf), field="intermediate")
        return
    if not issuer.not_valid_before_utc <= now <= issuer.not_valid_after_utc:
        yield InvalidInput(
            _(
                "The intermediate certificate is not valid now (it ends %(day)s). Give the newer "
                "one with --intermediate.",
                day=issuer.not_valid_after_utc.date().isoformat(),
            ),
            field="intermediate",
        )
    if anchors and not reaches(issuer, anchors, now=now):
        yield InvalidInput(
            _("The intermediate certificate does not lead to a root this installation trusts."),
            field="intermediate",
        )
    if not anchors and issuer.fingerprint(SHA256()).hex() != APPLE_G4_SHA256:
        yield InvalidInput(
            _(
                "The intermediate certificate is not Apple's “Worldwide Developer Relations G4”. "
                "Download WWDR G4 from https://www.apple.com/certificateauthority/ and give it "
                "with --intermediate; a chain of your own needs its root in REGULARS_APPLE_ROOT."
            ),
            field="intermediate",
        )


def _no_issuer(leaf: x509.Certificate) -> str:
    return _(
        "The intermediate certificate that issued this one is missing, or it is another one of "
        "the same name. Wanted: %(name)s. For Apple's, download WWDR G4 from "
        "https://www.apple.com/certificateauthority/ and give it with --intermediate.",
        name=leaf.issuer.rfc4514_string()[:200],
    )


def _wrong_key_kind() -> str:
    return _(
        "Apple Wallet wants an RSA key. Make a new certificate request with RSA of %(least)d bits.",
        least=RSA_BITS_MIN,
    )
