"""Whom an Apple device trusts: certificate chains to the root, and the detached CMS signature.

Nothing is fetched and no revocation is asked. A chain is judged at the signing time, because a pass
signed while its certificate was valid keeps working later.
Sources: RFC 5652 (CMS), RFC 5280 (path), Apple's Wallet Developer Guide on signing passes.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID, ObjectIdentifier

from sandbox import der

CHAIN_LENGTH_MAX = 5
SIGNATURE_BYTES_MAX = 64_000
SIGNED_DATA = "1.2.840.113549.1.7.2"
PLAIN_DATA = "1.2.840.113549.1.7.1"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "1.3.14.3.2.26": hashes.SHA1(),  # noqa: S303  Apple's own old samples use it.
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}


class NotTrusted(Exception):
    """A certificate or signature that an Apple device refuses; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassSigner:
    pass_type_identifier: str
    team_identifier: str
    signed_at: datetime


def subject_text(certificate: x509.Certificate, oid: ObjectIdentifier) -> str:
    """The first subject attribute of that kind, or the empty string."""
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


def check_chain(
    leaf: x509.Certificate,
    *,
    others: list[x509.Certificate],
    roots: list[x509.Certificate],
    at: datetime,
) -> None:
    """Walk from the leaf to one of the roots, or raise NotTrusted naming the broken step."""
    if not roots:
        raise NotTrusted("The sandbox has no Apple root yet: apple-root.pem is missing or empty.")
    current = leaf
    for _step in range(CHAIN_LENGTH_MAX):
        _check_dates(current, at)
        if current in roots:
            return
        issuer = next((each for each in [*others, *roots] if _issued(each, current)), None)
        if issuer is None:
            raise NotTrusted(
                f"No issuer found for {current.subject.rfc4514_string()!r}: "
                f"the intermediate is missing, or the chain ends at a stranger's root."
            )
        current = issuer
    raise NotTrusted(f"The certificate chain is longer than {CHAIN_LENGTH_MAX}.")


def check_signature(
    manifest: bytes, signature: bytes, *, roots: list[x509.Certificate]
) -> PassSigner:
    """Verify the detached signature of a manifest as Wallet does, and say who signed."""
    if len(signature) > SIGNATURE_BYTES_MAX:
        raise NotTrusted("The signature file is too large.")
    try:
        return _check_signature(manifest, signature, roots)
    except (der.BadDer, IndexError, ValueError) as error:
        raise NotTrusted(f"The signature cannot be read: {error}.") from error


def _check_signature(
    manifest: bytes, signature: bytes, roots: list[x509.Certificate]
) -> PassSigner:
    signed_data = _signed_data(signature)
    certificates = pkcs7.load_der_pkcs7_certificates(signature)
    signer_infos = signed_data[-1].expect(der.SET).children()
    if len(signer_infos) != 1:
        raise NotTrusted(f"The signature must have one signer, it has {len(signer_infos)}.")
    info = signer_infos[0].children()
    leaf = _signer_certificate(info[1], certificates)
    if info[3].tag != der.CONTEXT_0:
        raise NotTrusted("The signature has no signed attributes, so it has no signing time.")
    digest = _digest(info[2].children()[0].object_id())
    attributes = _attributes(info[3])
    _check_attributes(attributes, manifest, digest)
    _check_value(leaf, info[5].expect(der.OCTET_STRING).content, info[3], digest)
    signed_at = _time(attributes[SIGNING_TIME])
    others = [each for each in certificates if each != leaf]
    check_chain(leaf, others=others, roots=roots, at=signed_at)
    return PassSigner(
        pass_type_identifier=subject_text(leaf, NameOID.USER_ID),
        team_identifier=subject_text(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME),
        signed_at=signed_at,
    )


def _signed_data(signature: bytes) -> list[der.Node]:
    content = der.parse(signature).expect(der.SEQUENCE).children()
    if content[0].object_id() != SIGNED_DATA:
        raise NotTrusted("The signature is not CMS SignedData.")
    parts = content[1].expect(der.CONTEXT_0).children()[0].expect(der.SEQUENCE).children()
    encapsulated = parts[2].children()
    if encapsulated[0].object_id() != PLAIN_DATA or len(encapsulated) != 1:
        raise NotTrusted("The signature must be detached: it holds content of its own.")
    return parts


def _signer_certificate(
    identifier: der.Node, certificates: list[x509.Certificate]
) -> x509.Certificate:
    for certificate in certificates:
        if identifier.tag == der.CONTEXT_0_PRIMITIVE:
            if _key_identifier(certificate) == identifier.content:
                return certificate
            continue
        issuer, serial = identifier.expect(der.SEQUENCE).children()
        same_issuer = certificate.issuer.public_bytes() == issuer.whole
        if same_issuer and certificate.serial_number == serial.integer():
            return certificate
    raise NotTrusted("The signature does not carry the certificate of its signer.")


def _key_identifier(certificate: x509.Certificate) -> bytes:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return b""
    return found.value.digest


def _digest(oid: str) -> hashes.HashAlgorithm:
    if oid not in DIGESTS:
        raise NotTrusted(f"The signature uses an unknown digest ({oid}).")
    return DIGESTS[oid]


def _attributes(node: der.Node) -> dict[str, der.Node]:
    found: dict[str, der.Node] = {}
    for attribute in node.children():
        name, values = attribute.expect(der.SEQUENCE).children()
        found[name.object_id()] = values.expect(der.SET).children()[0]
    return found


def _check_attributes(
    attributes: dict[str, der.Node], manifest: bytes, digest: hashes.HashAlgorithm
) -> None:
    if SIGNING_TIME not in attributes:
        raise NotTrusted("The signature has no signing time, which Wallet demands.")
    if CONTENT_TYPE not in attributes or attributes[CONTENT_TYPE].object_id() != PLAIN_DATA:
        raise NotTrusted("The signed attributes do not name the content type.")
    stated = attributes.get(MESSAGE_DIGEST)
    actual = hashlib.new(digest.name, manifest).digest()
    if stated is None or not hmac.compare_digest(stated.content, actual):
        raise NotTrusted("The signature belongs to another manifest.json.")


def _check_value(
    leaf: x509.Certificate, value: bytes, signed: der.Node, digest: hashes.HashAlgorithm
) -> None:
    # What is signed is the SET OF attributes, so its tag replaces the implicit one (RFC 5652 5.4).
    text = bytes([der.SET]) + signed.whole[1:]
    key = leaf.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(value, text, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(value, text, ec.ECDSA(digest))
        else:
            raise NotTrusted("The signer's key is neither RSA nor elliptic curve.")
    except InvalidSignature as error:
        raise NotTrusted("The signature does not fit the signer's key.") from error


def _time(node: der.Node) -> datetime:
    text = node.content.decode("ascii")
    form = "%y%m%d%H%M%SZ" if node.tag == der.UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(text, form).replace(tzinfo=UTC)


def _issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return constraints.ca


def _check_dates(certificate: x509.Certificate, at: datetime) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise NotTrusted(
            f"{certificate.subject.rfc4514_string()!r} is valid from "
            f"{certificate.not_valid_before_utc:%Y-%m-%d} to "
            f"{certificate.not_valid_after_utc:%Y-%m-%d}, not at {at:%Y-%m-%d %H:%M:%S}."
        )


def public_key(pem: str) -> rsa.RSAPublicKey:
    """Load an RSA public key; ValueError for any other kind."""
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("not an RSA key")  # noqa: TRY004  The text is at fault, not its type.
    return key
