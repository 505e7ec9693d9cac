"""Take a detached CMS signature apart, as far as a pass's `signature` file goes; judges nothing.

Not done here: whether the signature is right (`signing.verify`). Rules: input is hostile, so sizes
and counts have limits; the certificates are parsed whole, or the signature is called malformed.

Source: RFC 5652, 5.1 to 5.4 and 11
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from signing import der
from signing.ber import Element, Malformed, read
from signing.certificate_files import DAMAGE, parse_whole

SIGNATURE_BYTES_MAX: Final = 64 * 1024
CERTIFICATES_MAX: Final = 16
SIGNERS_MAX: Final = 16

CONTENT_TYPE: Final = der.object_identifier("1.2.840.113549.1.9.3")
MESSAGE_DIGEST: Final = der.object_identifier("1.2.840.113549.1.9.4")
SIGNING_TIME: Final = der.object_identifier("1.2.840.113549.1.9.5")
DATA: Final = der.object_identifier("1.2.840.113549.1.7.1")

_SIGNED_DATA: Final = der.object_identifier("1.2.840.113549.1.7.2")
_CONTEXT_0_PRIMITIVE: Final = 0x80
_CONSTRUCTED: Final = 0x20
_CENTURY: Final = 50
_UTC_TIME: Final = re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z")
_GENERALIZED_TIME: Final = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerInfo:
    """What one signer left.

    `signer` is IssuerAndSerialNumber in DER, or None when the signer is named by `key_identifier`.
    Algorithms are object identifiers in DER. `attributes` holds the first value of each signed
    attribute by its identifier; `to_be_signed` lists the attributes as they stand.
    """

    signer: bytes | None
    key_identifier: bytes
    digest_algorithm: bytes
    signature_algorithm: bytes
    signature: bytes
    to_be_signed: tuple[bytes, ...]
    attributes: Mapping[bytes, Element]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedData:
    """A CMS SignedData; `attached` when it carries the content it signs."""

    attached: bool
    content_type: bytes
    certificates: Sequence[x509.Certificate]
    signers: Sequence[SignerInfo]


class NotSignedData(Malformed):
    """It is a CMS message of another kind."""


def read_signed_data(data: bytes) -> SignedData:
    """The parts of a signature.

    Raises:
        NotSignedData: it is another kind of message.
        Malformed: it is no CMS message, or a part of it cannot be read.
    """
    if len(data) > SIGNATURE_BYTES_MAX:
        raise Malformed("too large")
    outer = _sequence(read(data), least=2)
    if outer[0].whole != _SIGNED_DATA:
        raise NotSignedData("another content type")
    if outer[1].tag != der.CONTEXT_0 or len(outer[1].parts) != 1:
        raise Malformed("no content")
    body = _sequence(outer[1].parts[0], least=4)
    content = _sequence(body[2], least=1)
    if body[-1].tag != der.SET or len(body[-1].parts) > SIGNERS_MAX:
        raise Malformed("no signers")
    return SignedData(
        attached=len(content) > 1,
        content_type=content[0].whole,
        certificates=_certificates(body[3:-1]),
        signers=[_signer_info(element) for element in body[-1].parts],
    )


def read_time(element: Element) -> datetime:
    """The moment of a UTCTime or GeneralizedTime.

    Raises:
        Malformed: it is neither, or no such day or hour exists.
    """
    pattern = {der.UTC_TIME: _UTC_TIME, der.GENERALIZED_TIME: _GENERALIZED_TIME}.get(element.tag)
    match = pattern.fullmatch(element.content) if pattern else None
    if match is None:
        raise Malformed("no time")
    year, *rest = (int(digits) for digits in match.groups())
    if element.tag == der.UTC_TIME:
        year += 2000 if year < _CENTURY else 1900
    try:
        month, day, hour, minute, second = rest
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise Malformed("no time") from error


def _certificates(choices: Sequence[Element]) -> list[x509.Certificate]:
    wanted = [
        element
        for choice in choices
        if choice.tag == der.CONTEXT_0
        for element in choice.parts
        if element.tag == der.SEQUENCE
    ]
    if len(wanted) > CERTIFICATES_MAX:
        raise Malformed("too many certificates")
    return [_certificate(element.whole) for element in wanted]


def _certificate(data: bytes) -> x509.Certificate:
    try:
        with warnings.catch_warnings():
            # What the library will refuse in its next version is refused today.
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            certificate = x509.load_der_x509_certificate(data)
            parse_whole(certificate)
    except (*DAMAGE, CryptographyDeprecationWarning) as error:
        raise Malformed("a damaged certificate") from error
    return certificate


def _signer_info(element: Element) -> SignerInfo:
    parts = list(_sequence(element, least=5))
    signer, digest_algorithm = parts[1], parts[2]
    attributes = parts.pop(3).parts if parts[3].tag == der.CONTEXT_0 else ()
    if len(parts) < 5:  # noqa: PLR2004 - version, signer, digest, algorithm, signature
        raise Malformed("a signer without signature")
    named = signer.tag == der.SEQUENCE
    if not named and signer.tag != _CONTEXT_0_PRIMITIVE:
        raise Malformed("a signer without name")
    return SignerInfo(
        signer=signer.whole if named else None,
        key_identifier=b"" if named else signer.content,
        digest_algorithm=_sequence(digest_algorithm, least=1)[0].whole,
        signature_algorithm=_sequence(parts[3], least=1)[0].whole,
        signature=_octets(parts[4]),
        to_be_signed=tuple(attribute.whole for attribute in attributes),
        attributes=_attributes(attributes),
    )


def _attributes(elements: Sequence[Element]) -> dict[bytes, Element]:
    found: dict[bytes, Element] = {}
    for element in elements:
        kind, values = _sequence(element, least=2)[:2]
        if kind.whole in found or values.tag != der.SET or not values.parts:
            raise Malformed("an attribute twice, or without value")
        found[kind.whole] = values.parts[0]
    return found


def _sequence(element: Element, *, least: int) -> tuple[Element, ...]:
    if element.tag != der.SEQUENCE or len(element.parts) < least:
        raise Malformed("not what stands here")
    return element.parts


def _octets(element: Element) -> bytes:
    if element.tag == der.OCTET_STRING:
        return element.content
    if element.tag == der.OCTET_STRING | _CONSTRUCTED and all(
        part.tag == der.OCTET_STRING for part in element.parts
    ):
        return b"".join(part.content for part in element.parts)
    raise Malformed("no signature value")
