from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from common.errors import CertificateExpired, KeyMismatch, SigningError
from signing.cms import MANIFEST_BYTES_MAX, Signer, SignerCache
from signing.sandbox_chain import make_sandbox_apple

MANIFEST = b'{"pass.json":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}'


def test_the_same_manifest_at_the_same_moment_gives_the_same_signature(certificate, now):
    signer = Signer(certificate)

    first = signer.sign_manifest(MANIFEST, now=now)

    assert first == signer.sign_manifest(MANIFEST, now=now)
    assert first != signer.sign_manifest(MANIFEST, now=now + timedelta(seconds=1))
    assert first != signer.sign_manifest(MANIFEST + b"\n", now=now)
    assert MANIFEST not in first


@pytest.mark.parametrize("days", [-2, 366])
def test_nothing_is_signed_outside_the_certificate_dates(certificate, now, days):
    with pytest.raises(CertificateExpired, match=r"pass\.sandbox\.regulars"):
        Signer(certificate).sign_manifest(MANIFEST, now=now + timedelta(days=days))


@pytest.mark.parametrize("manifest", [b"", b"x" * (MANIFEST_BYTES_MAX + 1)])
def test_what_cannot_be_a_manifest_is_refused(certificate, now, manifest):
    with pytest.raises(SigningError):
        Signer(certificate).sign_manifest(manifest, now=now)


def test_a_foreign_key_is_refused_when_the_signer_is_made(certificate, now):
    other = make_sandbox_apple(now)

    with pytest.raises(KeyMismatch):
        Signer(replace(certificate, key_pem=other.key_pem))


def test_a_damaged_part_is_refused_without_showing_it(certificate):
    broken = certificate.key_pem[:200] + certificate.key_pem[260:]

    with pytest.raises(SigningError, match="damaged") as caught:
        Signer(replace(certificate, key_pem=broken))

    assert "PRIVATE" not in str(caught.value)


def test_a_signer_and_its_certificate_show_no_key(certificate):
    shown = repr(Signer(certificate)) + repr(certificate)

    assert "PRIVATE" not in shown
    assert "BEGIN" not in shown


def test_a_key_is_loaded_once_per_certificate(certificate):
    cache, loads = SignerCache(), []

    def load():
        loads.append(1)
        return certificate

    first = cache.get(7, load)

    assert cache.get(7, load) is first
    assert cache.get(8, load) is not first
    assert len(loads) == 2


def test_a_dropped_certificate_is_loaded_again(certificate):
    cache = SignerCache()
    first = cache.get(7, lambda: certificate)

    cache.drop(7)
    cache.drop(7)

    assert cache.get(7, lambda: certificate) is not first


def test_the_cache_forgets_the_least_used(certificate):
    cache = SignerCache(size=2)
    first, second = (cache.get(number, lambda: certificate) for number in (1, 2))
    cache.get(1, lambda: certificate)

    cache.get(3, lambda: certificate)

    assert cache.get(1, lambda: certificate) is first
    assert cache.get(2, lambda: certificate) is not second
