"""Tell what a person uploaded as "the certificate": `.cer`, PEM with or without key, or `.p12`.

Not done here: judging it (`signing.apple_certificates`). The content decides, never the file's
name; a certificate that came alone waits for its key, which the caller looks up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from common.errors import InvalidInput
from common.i18n import gettext as _
from signing.certificate_files import (
    CertificateMaterial,
    read_certificates,
    read_p12,
    read_pem,
)
from signing.csr import public_sha256

_DER_SEQUENCE: Final = b"\x30"
_KEY_BLOCK: Final = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----.{1,20000}?-----END (?:[A-Z]+ )*PRIVATE KEY-----",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LoneCertificate:
    """Certificates without a key; one of them is the leaf, and its key tells which."""

    data: bytes
    public_sha256s: tuple[str, ...]

    def __repr__(self) -> str:
        return "LoneCertificate()"

    def with_key(self, key: bytes, password: str | None = None) -> CertificateMaterial:
        """The material with its key (PEM or DER).

        Raises:
            InvalidInput: this is no key, or it needs another password.
        """
        return read_pem(self.data, key, password)


def read_upload(data: bytes, password: str | None) -> CertificateMaterial | LoneCertificate:
    """What the file is, by its content.

    Raises:
        InvalidInput: it is none of these (fields certificate, key, password).
    """
    if not data:
        raise InvalidInput(_("Choose the file that Apple gave you."), field="certificate")
    if data[:1] != _DER_SEQUENCE:
        return _read_pem_text(data, password)
    try:
        return _alone(data)
    except InvalidInput:
        # DER that is no certificate can still be a .p12, which says itself what is wrong with it.
        return read_p12(data, password)


def _read_pem_text(data: bytes, password: str | None) -> CertificateMaterial | LoneCertificate:
    key = _KEY_BLOCK.search(data)
    if key is None or b"-----BEGIN CERTIFICATE-----" not in data:
        return _alone(data)
    return read_pem(data, key[0], password)


def _alone(data: bytes) -> LoneCertificate:
    found = read_certificates(data, field="certificate")
    return LoneCertificate(data=data, public_sha256s=tuple(public_sha256(c) for c in found))
