"""Sign a pass's manifest: a detached CMS signature as Apple Wallet wants it.

The DER is put together here rather than by a library for two reasons: the signing time is given,
not read from the wall clock, and everything but the digest, the time and the RSA signature is
encoded once per certificate. openssl is the witness in tests/contract/test_signatures.py.

Not done here: choosing and checking the certificate (`signing.apple_certificates`).

Rules:
- One signer, RSA with SHA-256, over the manifest's raw bytes; no line ending is changed.
- Signed attributes: content type, signing time (Wallet refuses a signature without), digest.
- Leaf and intermediate travel along, the root does not.
- Loading a key costs as much as sixty signatures, so it is loaded once: `SignerCache`.

Source: RFC 5652, 5.1 to 5.6 and 11; https://developer.apple.com/documentation/walletpasses
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from common.errors import CertificateExpired, KeyMismatch, SigningError
from common.i18n import gettext as _
from signing import der
from signing.apple_certificates import PassCertificate
from signing.chain import issuer_and_serial

MANIFEST_BYTES_MAX: Final = 256 * 1024
SIGNERS_MAX: Final = 256
_PADDING: Final = PKCS1v15()
_DIGEST: Final = SHA256()

_VERSION_1: Final = b"\x02\x01\x01"
_SIGNED_DATA: Final = der.object_identifier("1.2.840.113549.1.7.2")
_DATA: Final = der.object_identifier("1.2.840.113549.1.7.1")
_SHA_256: Final = der.tlv(der.SEQUENCE, der.object_identifier("2.16.840.1.101.3.4.2.1"), der.NULL)
_RSA: Final = der.tlv(der.SEQUENCE, der.object_identifier("1.2.840.113549.1.1.1"), der.NULL)
_CONTENT_TYPE: Final = der.tlv(
    der.SEQUENCE, der.object_identifier("1.2.840.113549.1.9.3"), der.tlv(der.SET, _DATA)
)
_MESSAGE_DIGEST: Final = der.object_identifier("1.2.840.113549.1.9.4")
_SIGNING_TIME: Final = der.object_identifier("1.2.840.113549.1.9.5")


class Signer:
    """A pass certificate with its key loaded; safe for threads.

    Raises:
        KeyMismatch: the key is not the certificate's.
        SigningError: a part cannot be loaded.
    """

    def __init__(self, certificate: PassCertificate) -> None:
        leaf, intermediate, self._key = _load(certificate)
        self.pass_type_identifier = certificate.pass_type_identifier
        self.team_identifier = certificate.team_identifier
        self.nfc = certificate.nfc
        self._certificate = certificate
        chain = (one.public_bytes(Encoding.DER) for one in (leaf, intermediate))
        self._chain = der.tlv(der.CONTEXT_0, *der.set_of(*chain))
        self._signer_id = issuer_and_serial(leaf)
        self._mould = lru_cache(maxsize=4)(self._cast)

    def __repr__(self) -> str:
        return f"Signer({self.pass_type_identifier!r})"

    def sign_manifest(self, manifest: bytes, *, now: datetime) -> bytes:
        """The detached signature of a manifest.

        Args:
            manifest: the bytes that go into the bundle, at most MANIFEST_BYTES_MAX.
            now: the signing time, aware; to the second.

        Returns:
            DER bytes of a CMS ContentInfo, for the bundle's `signature` file.

        Raises:
            CertificateExpired: leaf or intermediate is not valid at `now`.
            SigningError: the manifest is empty or too large.
        """
        now = now.astimezone(UTC)
        self._check_dates(now)
        if not 0 < len(manifest) <= MANIFEST_BYTES_MAX:
            raise SigningError("The manifest is empty or too large to be one.")
        before, after = _attribute_mould(now.replace(microsecond=0))
        attributes = b"".join((before, hashlib.sha256(manifest).digest(), after))
        # What is signed is the SET itself; in the signature it stands under a context tag.
        signature = self._key.sign(der.tlv(der.SET, attributes), _PADDING, _DIGEST)
        head, middle, end = self._mould(len(attributes), len(signature))
        return b"".join((head, attributes, middle, signature, end))

    def _check_dates(self, now: datetime) -> None:
        if now > self._certificate.not_after:
            day = self._certificate.not_after.date().isoformat()
            raise CertificateExpired(
                _(
                    "The Apple certificate of %(name)s ended on %(day)s. Make the next one for "
                    "the same Pass Type ID and hand it in; cards that are out stay.",
                    name=self.pass_type_identifier,
                    day=day,
                )
            )
        if now < self._certificate.not_before:
            raise CertificateExpired(
                _(
                    "The Apple certificate of %(name)s is not valid yet. Check the clock of this "
                    "machine.",
                    name=self.pass_type_identifier,
                )
            )

    def _cast(self, attributes_size: int, signature_size: int) -> tuple[bytes, bytes, bytes]:
        """All but attributes and signature, which have the same sizes every time."""
        attributes, signature = b"\xa5" * attributes_size, b"\x5a" * signature_size
        head, rest = self._content_info(attributes, signature).split(attributes)
        middle, end = rest.split(signature)
        return head, middle, end

    def _content_info(self, attributes: bytes, signature: bytes) -> bytes:
        signer_info = der.tlv(
            der.SEQUENCE,
            _VERSION_1,
            self._signer_id,
            _SHA_256,
            der.tlv(der.CONTEXT_0, attributes),
            _RSA,
            der.tlv(der.OCTET_STRING, signature),
        )
        signed_data = der.tlv(
            der.SEQUENCE,
            _VERSION_1,
            der.tlv(der.SET, _SHA_256),
            der.tlv(der.SEQUENCE, _DATA),
            self._chain,
            der.tlv(der.SET, signer_info),
        )
        return der.tlv(der.SEQUENCE, _SIGNED_DATA, der.tlv(der.CONTEXT_0, signed_data))


class SignerCache:
    """Loaded signers by certificate id; the least used leave first. Safe for threads."""

    def __init__(self, *, size: int = SIGNERS_MAX) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._signers: OrderedDict[Hashable, Signer] = OrderedDict()

    def get(self, certificate_id: Hashable, load: Callable[[], PassCertificate]) -> Signer:
        """The signer of a certificate; `load` is asked only when it is not at hand."""
        with self._lock:
            if certificate_id in self._signers:
                self._signers.move_to_end(certificate_id)
                return self._signers[certificate_id]
        # Loading reads a database and costs 40 ms, so it does not hold the others up.
        fresh = Signer(load())
        with self._lock:
            signer = self._signers.setdefault(certificate_id, fresh)
            while len(self._signers) > self._size:
                self._signers.popitem(last=False)
            return signer

    def drop(self, certificate_id: Hashable) -> None:
        """Forget a certificate that was replaced or taken away."""
        with self._lock:
            self._signers.pop(certificate_id, None)


def _load(
    certificate: PassCertificate,
) -> tuple[x509.Certificate, x509.Certificate, RSAPrivateKey]:
    try:
        leaf = x509.load_pem_x509_certificate(certificate.certificate_pem.encode("ascii"))
        intermediate = x509.load_pem_x509_certificate(certificate.intermediate_pem.encode("ascii"))
        key = load_pem_private_key(certificate.key_pem, None)
    except (ValueError, TypeError) as error:
        raise SigningError(
            _(
                "The stored Apple certificate of %(name)s is damaged. Hand it in again.",
                name=certificate.pass_type_identifier,
            )
        ) from error
    if not isinstance(key, RSAPrivateKey) or key.public_key() != leaf.public_key():
        raise KeyMismatch
    return leaf, intermediate, key


@lru_cache(maxsize=4)
def _attribute_mould(now: datetime) -> tuple[bytes, bytes]:
    """The signed attributes of this second, before and after the digest."""
    digest = b"\xa5" * SHA256.digest_size
    attributes = b"".join(
        der.set_of(
            _CONTENT_TYPE,
            der.tlv(der.SEQUENCE, _SIGNING_TIME, der.tlv(der.SET, der.time(now))),
            der.tlv(
                der.SEQUENCE,
                _MESSAGE_DIGEST,
                der.tlv(der.SET, der.tlv(der.OCTET_STRING, digest)),
            ),
        )
    )
    before, after = attributes.split(digest)
    return before, after
