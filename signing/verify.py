"""Judge the signature of any maker's pass as Wallet does, and say what is wrong with it.

Wallet answers every fault with one sentence about certificates; here each has its own. Not done
here: the manifest's digests and pass.json (`passes.inspect_pass`); whether the certificate was
revoked. Texts are in the current language.

Rules:
- Detached, one signer, RSA, with signed attributes: content type, digest and signing time.
- The signing time lies inside the signing certificate's dates.
- The signer's certificate and the intermediate travel along; the chain ends at Apple's G4, known by
  its fingerprint, or at a root the operator gives.
- SHA-1 digests and an expired certificate are warnings: phones still show such passes.

Source: RFC 5652, 5.3 to 5.6; https://developer.apple.com/documentation/walletpasses
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.x509.oid import NameOID

from common.i18n import gettext as _
from signing import der
from signing.ber import Malformed
from signing.chain import (
    extension,
    is_apple_g4,
    issuer_and_serial,
    issuer_of,
    reaches,
    read_roots,
    subject_name,
)
from signing.signed_data import (
    CONTENT_TYPE,
    DATA,
    MESSAGE_DIGEST,
    SIGNING_TIME,
    NotSignedData,
    SignedData,
    SignerInfo,
    read_signed_data,
    read_time,
)

RSA_BITS_MIN: Final = 2048
# How Apple names the certificates it makes for NFC.
NFC_NAME: Final = "with NFC"
# A maker's clock may be ahead of ours.
CLOCK_AHEAD: Final = timedelta(minutes=5)

_DIGESTS: Final[dict[bytes, type[HashAlgorithm]]] = {
    der.object_identifier("1.3.14.3.2.26"): SHA1,
    der.object_identifier("2.16.840.1.101.3.4.2.1"): SHA256,
    der.object_identifier("2.16.840.1.101.3.4.2.2"): SHA384,
    der.object_identifier("2.16.840.1.101.3.4.2.3"): SHA512,
}
_RSA_1: Final = "1.2.840.113549.1.1."
# rsaEncryption, and RSA with SHA-1, SHA-256, SHA-384, SHA-512: all PKCS #1 v1.5.
_RSA_SIGNATURES: Final = frozenset(
    der.object_identifier(_RSA_1 + arc) for arc in ("1", "5", "11", "12", "13")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing about a signature; a `fault` keeps the pass from working, others are forgiven.

    `code` is stable; `rule` says what must hold and `mend` what to do, in the current language.
    """

    code: str
    fault: bool
    rule: str
    mend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerIdentity:
    """Who signed, as the certificate says; empty where it says nothing."""

    pass_type_identifier: str
    team_identifier: str
    organization: str
    nfc: bool


def signature_complaints(
    manifest: bytes, signature: bytes, *, roots: bytes | None, now: datetime
) -> list[Finding]:
    """Every broken rule of a pass's signature; an empty list is a good one.

    Args:
        manifest: the bytes of manifest.json.
        signature: the file `signature`, untrusted.
        roots: PEM of roots that are trusted beside Apple's; None for Apple's alone.
        now: the present moment, aware.

    Raises:
        SigningError: `roots` itself cannot be read.
    """
    anchors = read_roots(roots)
    try:
        signed = read_signed_data(signature)
    except NotSignedData:
        return [_not_signed_data()]
    except Malformed:
        return [_damaged()]
    found = list(_shape(signed))
    if len(signed.signers) == 1:
        found.extend(_signer(signed, signed.signers[0], manifest))
        found.extend(_certificate(signed, signed.signers[0], anchors=anchors, now=now))
    return found


def signer_identity(signature: bytes) -> SignerIdentity | None:
    """Who signed; None when the signature cannot be read or lacks its certificate."""
    try:
        signed = read_signed_data(signature)
    except Malformed:
        return None
    leaf = _leaf(signed, signed.signers[0]) if signed.signers else None
    if leaf is None:
        return None
    return SignerIdentity(
        pass_type_identifier=subject_name(leaf, NameOID.USER_ID),
        team_identifier=subject_name(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME),
        organization=subject_name(leaf, NameOID.ORGANIZATION_NAME),
        nfc=NFC_NAME in subject_name(leaf, NameOID.COMMON_NAME),
    )


def _shape(signed: SignedData) -> Iterator[Finding]:
    if signed.attached:
        yield _fault(
            "signature_attached",
            _("The signature is detached: it does not hold the manifest itself."),
            _("Sign with the option for a detached signature."),
        )
    if signed.content_type != DATA:
        yield _fault(
            "signature_content_type",
            _("The signed content is plain data."),
            _("Sign with the content type id-data."),
        )
    if len(signed.signers) != 1:
        yield _fault(
            "signature_signers",
            _("A pass has exactly one signer; this has %(count)d.", count=len(signed.signers)),
            _("Sign it once, with the Pass Type ID certificate."),
        )


def _signer(signed: SignedData, signer: SignerInfo, manifest: bytes) -> Iterator[Finding]:
    digest = _DIGESTS.get(signer.digest_algorithm)
    if digest is None:
        yield _fault(
            "signature_digest_algorithm",
            _("The digest is SHA-256."),
            _("Sign with SHA-256."),
        )
        return
    if digest is SHA1:
        yield _warning(
            "signature_sha1",
            _("The digest is SHA-1, which is no longer safe; phones still take it."),
            _("Sign with SHA-256."),
        )
    if signer.attributes:
        yield from _attributes(signer, manifest, digest=digest)
    else:
        yield _no_time()
    yield from _value(signed, signer, manifest, digest=digest)


def _attributes(
    signer: SignerInfo, manifest: bytes, *, digest: type[HashAlgorithm]
) -> Iterator[Finding]:
    stated = signer.attributes.get(MESSAGE_DIGEST)
    actual = hashlib.new(digest().name, manifest, usedforsecurity=False).digest()
    if stated is None or stated.tag != der.OCTET_STRING or stated.content != actual:
        yield _fault(
            "signature_manifest",
            _("The signature was made for another manifest than the one in the pass."),
            _(
                "Sign the manifest's bytes as they are packed; a signer that changes line "
                "endings needs its option for binary content."
            ),
        )
    kind = signer.attributes.get(CONTENT_TYPE)
    if kind is None or kind.whole != DATA:
        yield _fault(
            "signature_content_type_attribute",
            _("The signed attributes name the content type, plain data."),
            _("Sign with a library that writes the attributes of RFC 5652, 11."),
        )
    if SIGNING_TIME not in signer.attributes:
        yield _no_time()
    if list(signer.to_be_signed) != sorted(signer.to_be_signed):
        yield _warning(
            "signature_attribute_order",
            _("The signed attributes are not in the order DER wants; strict readers refuse it."),
            _("Sort the attributes by their encoding before signing."),
        )


def _value(
    signed: SignedData, signer: SignerInfo, manifest: bytes, *, digest: type[HashAlgorithm]
) -> Iterator[Finding]:
    leaf = _leaf(signed, signer)
    if leaf is None:
        return
    key = leaf.public_key()
    if not isinstance(key, RSAPublicKey) or signer.signature_algorithm not in _RSA_SIGNATURES:
        yield _fault(
            "signature_key",
            _("Wallet takes RSA signatures (PKCS #1 v1.5)."),
            _("Sign with the RSA key of a Pass Type ID certificate."),
        )
        return
    if key.key_size < RSA_BITS_MIN:
        yield _fault(
            "signature_key_size",
            _("The RSA key has at least %(bits)d bits.", bits=RSA_BITS_MIN),
            _("Make a new certificate request with a larger key."),
        )
    attributes = signer.to_be_signed
    # Some makers sign the attributes as they stand, some in DER's order.
    tries = [attributes, tuple(sorted(attributes))] if attributes else []
    texts = [der.tlv(der.SET, *order) for order in tries] or [manifest]
    if not any(_fits(key, signer.signature, text, digest=digest) for text in texts):
        yield _fault(
            "signature_value",
            _("The signature does not fit its certificate: something was changed afterwards."),
            _("Sign again with the key that belongs to the certificate."),
        )


def _fits(key: RSAPublicKey, signature: bytes, text: bytes, *, digest: type[HashAlgorithm]) -> bool:
    try:
        key.verify(signature, text, PKCS1v15(), digest())
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _certificate(
    signed: SignedData, signer: SignerInfo, *, anchors: Sequence[x509.Certificate], now: datetime
) -> Iterator[Finding]:
    leaf = _leaf(signed, signer)
    if leaf is None:
        yield _fault(
            "signature_certificate_missing",
            _("The signature carries the certificate of its signer."),
            _("Sign with the Pass Type ID certificate included."),
        )
        return
    yield from _subject(leaf)
    yield from _dates(leaf, signer, now=now)
    yield from _chain(signed, leaf, anchors=anchors, now=now)


def _subject(leaf: x509.Certificate) -> Iterator[Finding]:
    if not subject_name(leaf, NameOID.USER_ID).startswith("pass."):
        yield _fault(
            "signature_no_pass_type",
            _("The signer's certificate is for a Pass Type ID: its UID starts with “pass.”."),
            _("In Apple's developer portal make a Pass Type ID Certificate."),
        )
    if not subject_name(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME):
        yield _fault(
            "signature_no_team",
            _("The signer's certificate names the Apple team in its OU."),
            _("Download the certificate again from Apple's developer portal."),
        )


def _dates(leaf: x509.Certificate, signer: SignerInfo, *, now: datetime) -> Iterator[Finding]:
    element = signer.attributes.get(SIGNING_TIME)
    try:
        signed_at = read_time(element) if element else None
    except Malformed:
        yield _no_time()
        return
    starts, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if signed_at is not None and not starts <= signed_at <= ends:
        yield _fault(
            "signature_time",
            _(
                "The signing time (%(time)s) lies inside the certificate's dates.",
                time=signed_at.isoformat(),
            ),
            _("Check the clock of the machine that signs, or use the newer certificate."),
        )
    if signed_at is not None and signed_at > now + CLOCK_AHEAD:
        yield _warning(
            "signature_time_ahead",
            _("The signing time (%(time)s) is in the past.", time=signed_at.isoformat()),
            _("Check the clock of the machine that signs, and of this one."),
        )
    if now.astimezone(UTC) > ends:
        yield _warning(
            "signature_certificate_expired",
            _("The certificate ended on %(day)s.", day=ends.date().isoformat()),
            _("Cards that are out stay; for new ones sign with a newer certificate."),
        )


def _chain(
    signed: SignedData,
    leaf: x509.Certificate,
    *,
    anchors: Sequence[x509.Certificate],
    now: datetime,
) -> Iterator[Finding]:
    others = [certificate for certificate in signed.certificates if certificate != leaf]
    issuer = issuer_of(leaf, others)
    if issuer is None:
        yield _fault(
            "signature_intermediate_missing",
            _(
                "The signature carries the intermediate that issued its certificate: %(name)s.",
                name=leaf.issuer.rfc4514_string()[:200],
            ),
            _(
                "Sign with Apple's WWDR G4 included, from "
                "https://www.apple.com/certificateauthority/."
            ),
        )
    elif not is_apple_g4(issuer) and not reaches(issuer, anchors, now=now):
        yield _fault(
            "signature_chain",
            _("The chain leads to Apple through “Worldwide Developer Relations G4”."),
            _(
                "Use a certificate from Apple's developer portal; a chain of your own is trusted "
                "when REGULARS_APPLE_ROOT names its root."
            ),
        )
    elif now.astimezone(UTC) > issuer.not_valid_after_utc:
        yield _fault(
            "signature_intermediate_expired",
            _("The intermediate ended on %(day)s.", day=f"{issuer.not_valid_after_utc:%Y-%m-%d}"),
            _("Sign with the newer intermediate included."),
        )


def _leaf(signed: SignedData, signer: SignerInfo) -> x509.Certificate | None:
    """The certificate the signer is named by, among those that travel along."""
    for certificate in signed.certificates:
        if signer.signer is None:
            own = extension(certificate, x509.SubjectKeyIdentifier.oid)
            named = own.digest if isinstance(own, x509.SubjectKeyIdentifier) else None
            if named == signer.key_identifier:
                return certificate
        elif issuer_and_serial(certificate) == signer.signer:
            return certificate
    return None


def _not_signed_data() -> Finding:
    return _fault(
        "signature_kind",
        _("The file `signature` is a CMS message of the kind SignedData."),
        _("Sign the manifest; do not encrypt or compress it."),
    )


def _damaged() -> Finding:
    return _fault(
        "signature_damaged",
        _("The file `signature` is a CMS signature in DER."),
        _("Write the signature as DER, not as PEM, text or Base64."),
    )


def _no_time() -> Finding:
    return _fault(
        "signature_time_missing",
        _("The signature states its signing time; Wallet refuses a pass without."),
        _("Sign with the signed attributes, the signing time among them."),
    )


def _fault(code: str, rule: str, mend: str) -> Finding:
    return Finding(code=code, fault=True, rule=rule, mend=mend)


def _warning(code: str, rule: str, mend: str) -> Finding:
    return Finding(code=code, fault=False, rule=rule, mend=mend)
