"""Read what people upload as their Apple certificate: `.p12`, PEM or `.cer`, with or without chain.

Not done here: judging whether it is the right certificate (`signing.apple_certificates`). Nothing
is written to disk, and no password or key is ever part of a message.

Rules:
- Which certificate is the leaf is decided by the key, not by the order in the file.
- Every fault is an InvalidInput on the field a person can mend: certificate, key, password,
  intermediate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

from common.errors import InvalidInput
from common.i18n import gettext as _

CERTIFICATE_FILE_BYTES_MAX: Final = 128 * 1024
CERTIFICATES_MAX: Final = 16
PASSWORD_MAX: Final = 1024

# What the library raises on what is no certificate; these three of its own are no ValueError.
DAMAGE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_DER_SEQUENCE: Final = b"\x30"
_PEM_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_PEM_KEY: Final = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CertificateMaterial:
    """A leaf, its private key (not yet compared) and every other certificate that came along."""

    leaf: x509.Certificate
    key: PrivateKeyTypes
    others: tuple[x509.Certificate, ...]

    def __repr__(self) -> str:
        return "CertificateMaterial()"

    def with_intermediates(self, data: bytes) -> CertificateMaterial:
        """The same with the certificates of another file (PEM or DER) added.

        Raises:
            InvalidInput: `data` holds no certificate (field `intermediate`).
        """
        more = read_certificates(data, field="intermediate")
        return CertificateMaterial(leaf=self.leaf, key=self.key, others=(*self.others, *more))


def read_p12(data: bytes, password: str | None) -> CertificateMaterial:
    """The content of a `.p12` or `.pfx`, the old RC2 ones of Apple's Keychain included.

    Raises:
        InvalidInput: not a .p12, wrong password, or it holds no key or no certificate.
    """
    _check_size(data, field="certificate")
    if data[:1] != _DER_SEQUENCE:
        raise InvalidInput(
            _("This is not a .p12 file. Export the certificate together with its key as .p12."),
            field="certificate",
        )
    store = _open_p12(data, password)
    certificates = [entry.certificate for entry in (store.cert, *store.additional_certs) if entry]
    if store.key is None:
        raise InvalidInput(
            _(
                "This .p12 holds no private key. In Keychain Access open the certificate's "
                "triangle, select the certificate and its key together, and export both."
            ),
            field="certificate",
        )
    if not certificates:
        raise InvalidInput(_("This .p12 holds a key but no certificate."), field="certificate")
    return _sorted_out(store.key, certificates)


def read_pem(certificate: bytes, key: bytes, password: str | None) -> CertificateMaterial:
    """A certificate file (PEM, one or several, or DER `.cer`) and a key file (PEM or DER).

    Raises:
        InvalidInput: a file holds something else, or the key needs another password.
    """
    certificates = read_certificates(certificate, field="certificate")
    return _sorted_out(_read_key(key, password), certificates)


def read_certificates(data: bytes, *, field: str) -> list[x509.Certificate]:
    """Every certificate of a PEM or DER file.

    Raises:
        InvalidInput: there is none, or one of them is damaged.
    """
    _check_size(data, field=field)
    try:
        if _PEM_CERTIFICATE in data:
            found = x509.load_pem_x509_certificates(data)
        else:
            found = [x509.load_der_x509_certificate(data)]
        for certificate in found:
            parse_whole(certificate)
    except DAMAGE as error:
        raise InvalidInput(_no_certificate(data), field=field) from error
    return _at_most(found, field=field)


def _open_p12(data: bytes, password: str | None) -> pkcs12.PKCS12KeyAndCertificates:
    _check_password(password)
    # No password and an empty one are two things in this format; people mean the same.
    tries = [password.encode()] if password else [None, b""]
    for attempt in tries:
        try:
            store = pkcs12.load_pkcs12(data, attempt)
        except UnsupportedAlgorithm as error:
            raise InvalidInput(
                _("This .p12 uses an encryption that is not supported here. Export it again."),
                field="certificate",
            ) from error
        except ValueError:
            continue
        for entry in (store.cert, *store.additional_certs):
            if entry is not None:
                _parse_p12_entry(entry.certificate)
        return store
    if password:
        message = _("Wrong password for this .p12, or the file is damaged.")
    else:
        message = _("This .p12 needs the password that was chosen when it was exported.")
    raise InvalidInput(message, field="password")


def _parse_p12_entry(certificate: x509.Certificate) -> None:
    try:
        parse_whole(certificate)
    except DAMAGE as error:
        raise InvalidInput(
            _("A certificate in this .p12 is damaged. Export it again."), field="certificate"
        ) from error


def parse_whole(certificate: x509.Certificate) -> None:
    """Read every part now; raises one of DAMAGE where a part is broken."""
    # Names and extensions are parsed when asked for: what is broken in them must show here.
    for part in ("subject", "issuer", "extensions", "serial_number", "not_valid_after_utc"):
        getattr(certificate, part)
    certificate.public_key()


def _read_key(data: bytes, password: str | None) -> PrivateKeyTypes:
    _check_size(data, field="key")
    _check_password(password)
    load = load_pem_private_key if _PEM_KEY.search(data) else load_der_private_key
    attempts = [password.encode(), None] if password else [None]
    for attempt in attempts:
        try:
            return load(data, attempt)
        except TypeError:
            # A password was given for an open key (the next try is without), or the other way.
            continue
        except (ValueError, UnsupportedAlgorithm) as error:
            if attempt is not None and (b"ENCRYPTED" in data or data[:1] == _DER_SEQUENCE):
                break
            raise InvalidInput(
                _("This is not a private key. Give the .key file that belongs to the certificate."),
                field="key",
            ) from error
    if password:
        message = _("Wrong password for this key, or the file is damaged.")
    else:
        message = _("This key is encrypted. Type its password.")
    raise InvalidInput(message, field="password")


def _sorted_out(
    key: PrivateKeyTypes, certificates: Sequence[x509.Certificate]
) -> CertificateMaterial:
    # Without a match the first one stands, and the check says that key and certificate differ.
    mine = _public_bytes(key)
    leaf = next((c for c in certificates if _public_bytes(c) == mine), certificates[0])
    others = tuple(c for c in certificates if c is not leaf)
    return CertificateMaterial(leaf=leaf, key=key, others=others)


def _public_bytes(holder: x509.Certificate | PrivateKeyTypes) -> bytes:
    return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _no_certificate(data: bytes) -> str:
    if _PEM_KEY.search(data):
        return _("This file holds a private key and no certificate. Give the .cer file here.")
    if b"CERTIFICATE REQUEST" in data:
        return _(
            "This is a certificate request. Upload it in Apple's developer portal and give the "
            ".cer file that Apple returns here."
        )
    return _("This is not a certificate. Give the .cer file from Apple, or its PEM form.")


def _at_most(found: list[x509.Certificate], *, field: str) -> list[x509.Certificate]:
    if len(found) > CERTIFICATES_MAX:
        raise InvalidInput(
            _("At most %(count)d certificates in one file.", count=CERTIFICATES_MAX), field=field
        )
    return found


def _check_size(data: bytes, *, field: str) -> None:
    if len(data) > CERTIFICATE_FILE_BYTES_MAX:
        raise InvalidInput(_("This file is too large to be a certificate or key."), field=field)


def _check_password(password: str | None) -> None:
    if password is None:
        return
    if len(password) > PASSWORD_MAX or not password.isprintable():
        raise InvalidInput(
            _("This password holds characters that no certificate password has."), field="password"
        )
