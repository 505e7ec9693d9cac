from __future__ import annotations

import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from common.errors import InvalidInput
from signing.certificate_files import (
    CERTIFICATE_FILE_BYTES_MAX,
    read_certificates,
    read_p12,
    read_pem,
)
from tests.unit.signing.chains import Authority, cert_pem, key_pem, p12, rsa_key


@pytest.fixture(scope="module")
def authority(now):
    return Authority(now)


@pytest.fixture(scope="module")
def key():
    return rsa_key()


@pytest.fixture(scope="module")
def leaf(authority, key):
    return authority.pass_leaf(key)


def refusal(call, *arguments) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        call(*arguments)
    assert "secret" not in caught.value.message
    return caught.value


def test_a_p12_gives_leaf_key_and_chain(authority, key, leaf):
    material = read_p12(p12(key, leaf, [authority.certificate]), "secret")

    assert material.leaf == leaf
    assert material.others == (authority.certificate,)
    assert repr(material) == "CertificateMaterial()"


@pytest.mark.parametrize("password", [None, ""])
def test_a_p12_without_password_opens_without(key, leaf, password):
    assert read_p12(p12(key, leaf, password=None), password).leaf == leaf


def test_a_wrong_password_is_told_as_such(key, leaf):
    fault = refusal(read_p12, p12(key, leaf), "guess")

    assert fault.field == "password"
    assert "Wrong password" in fault.message


def test_a_forgotten_password_is_asked_for(key, leaf):
    fault = refusal(read_p12, p12(key, leaf), None)

    assert fault.field == "password"
    assert "needs the password" in fault.message


@pytest.mark.parametrize("password", ["a\x00b", "\ud800", "x" * 2000])
def test_an_impossible_password_is_refused(key, leaf, password):
    assert refusal(read_p12, p12(key, leaf), password).field == "password"


def test_a_p12_without_key_says_how_to_export_it(leaf):
    fault = refusal(read_p12, p12(None, leaf), "secret")

    assert fault.field == "certificate"
    assert "no private key" in fault.message


def test_a_p12_without_certificate_is_refused(key):
    assert "no certificate" in refusal(read_p12, p12(key, None), "secret").message


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_the_old_rc2_export_of_keychain_opens(tmp_path, key, leaf):
    (tmp_path / "both.pem").write_bytes(key_pem(key) + cert_pem(leaf))
    ciphers = ["-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES"]
    files = ["-in", "both.pem", "-passout", "pass:secret"]
    command = ["openssl", "pkcs12", "-export", "-legacy", *ciphers, *files]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)

    assert read_p12(made.stdout, "secret").leaf == leaf
    assert refusal(read_p12, made.stdout, "guess").field == "password"


@pytest.mark.parametrize("data", [b"", b"text", b"-----BEGIN CERTIFICATE-----"])
def test_what_is_no_p12_is_refused(data):
    assert "not a .p12" in refusal(read_p12, data, "x").message


def test_a_truncated_p12_never_passes(key, leaf):
    whole = p12(key, leaf)

    for size in (1, 10, len(whole) // 2, len(whole) - 1):
        refusal(read_p12, whole[:size], "secret")


def test_a_huge_file_is_refused_unread(read_key_refusal):
    huge = b"0" * (CERTIFICATE_FILE_BYTES_MAX + 1)

    assert "too large" in refusal(read_p12, huge, None).message
    assert "too large" in refusal(read_pem, huge, b"", None).message
    assert "too large" in read_key_refusal(huge).message


@pytest.fixture
def read_key_refusal(leaf):
    def run(data, password=None):
        return refusal(read_pem, cert_pem(leaf), data, password)

    return run


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("key_encoding", [Encoding.PEM, Encoding.DER])
def test_pem_and_der_are_read(key, leaf, encoding, key_encoding):
    key_data = key.private_bytes(key_encoding, PrivateFormat.PKCS8, NoEncryption())

    assert read_pem(leaf.public_bytes(encoding), key_data, None).leaf == leaf


def test_one_file_may_hold_both(key, leaf):
    both = key_pem(key) + cert_pem(leaf)

    assert read_pem(both, both, None).leaf == leaf


def test_the_key_decides_which_certificate_is_the_leaf(authority, key, leaf):
    bundle = authority.pem + cert_pem(leaf)

    material = read_pem(bundle, key_pem(key), None)

    assert (material.leaf, material.others) == (leaf, (authority.certificate,))


def test_further_intermediates_are_added(authority, key, leaf):
    material = read_pem(cert_pem(leaf), key_pem(key), None)

    assert material.with_intermediates(authority.pem).others == (authority.certificate,)
    assert refusal(material.with_intermediates, b"rubbish").field == "intermediate"


@pytest.mark.parametrize("form", ["pkcs8", "traditional", "der"])
def test_an_encrypted_key_wants_its_password(read_key_refusal, key, leaf, form):
    encoding = Encoding.DER if form == "der" else Encoding.PEM
    shape = PrivateFormat.TraditionalOpenSSL if form == "traditional" else PrivateFormat.PKCS8
    data = key.private_bytes(encoding, shape, BestAvailableEncryption(b"secret"))

    assert read_pem(cert_pem(leaf), data, "secret").leaf == leaf
    assert "Wrong password" in read_key_refusal(data, "guess").message
    missing = read_key_refusal(data)
    assert (missing.field, "is encrypted" in missing.message) == ("password", True)


def test_a_password_for_an_open_key_is_overlooked(key, leaf):
    assert read_pem(cert_pem(leaf), key_pem(key), "whatever").leaf == leaf


@pytest.mark.parametrize("data", [b"", b"rubbish", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_key_is_refused(read_key_refusal, data):
    assert read_key_refusal(data).field == "key"
    assert read_key_refusal(data, "password").field == "key"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a certificate"),
        (b"\x30\x82\xff\xff", "not a certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a certificate"),
        (b"-----BEGIN RSA PRIVATE KEY-----", "private key and no certificate"),
        (b"-----BEGIN CERTIFICATE REQUEST-----", "certificate request"),
    ],
)
def test_what_is_no_certificate_is_refused_with_the_mend(data, says):
    fault = refusal(lambda: read_certificates(data, field="certificate"))

    assert says in fault.message
    assert fault.field == "certificate"


def test_a_file_of_very_many_certificates_is_refused(leaf):
    with pytest.raises(InvalidInput, match="At most 16"):
        read_certificates(cert_pem(leaf) * 17, field="certificate")


def test_a_certificate_of_an_unknown_version_is_refused_by_name(now):
    data = Authority(now).certificate.public_bytes(Encoding.DER)

    with pytest.raises(InvalidInput, match="not a certificate"):
        read_certificates(data.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x1d"), field="f")
