"""Our signatures, judged by openssl and never by our own code."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from datetime import UTC, datetime

import pytest

from signing.apple_certificates import check_certificate, read_pem
from signing.cms import Signer
from signing.google_jwt import GOOGLE_TOKEN_URI, parse_service_account, save_jwt
from signing.sandbox_chain import make_sandbox_apple, make_sandbox_service_account

# openssl checks the chain against the machine's clock, so this chain starts there too.
NOW = datetime.now(UTC)
MANIFESTS = {
    "one line": b'{"icon.png":"00","pass.json":"11"}',
    "line feeds": b'{\n  "icon.png": "00",\n  "pass.json": "11"\n}\n',
    "carriage returns": b'{\r\n"pass.json": "11"\r}\r\n',
    "no text": bytes(range(256)),
}


@pytest.fixture(scope="module")
def apple():
    return make_sandbox_apple(NOW)


@pytest.fixture(scope="module")
def signer(apple):
    material = read_pem(apple.certificate_pem, apple.key_pem, None)
    whole = material.with_intermediates(apple.intermediate_pem)
    return Signer(check_certificate(whole, roots=apple.root_pem, now=NOW))


@pytest.fixture
def verify(tmp_path, apple):
    def run(manifest: bytes, signature: bytes, *, root: bytes | None = None) -> bool:
        (tmp_path / "manifest.json").write_bytes(manifest)
        (tmp_path / "signature").write_bytes(signature)
        (tmp_path / "root.pem").write_bytes(root or apple.root_pem)
        return (
            openssl(
                *("cms", "-verify", "-purpose", "any", "-binary", "-inform", "DER"),
                *("-in", "signature", "-content", "manifest.json", "-CAfile", "root.pem"),
                *("-no-CApath", "-no-CAstore", "-out", "content"),
                cwd=tmp_path,
            ).returncode
            == 0
        )

    return run


def openssl(*arguments, cwd, stdin=None):
    return subprocess.run(
        ["openssl", *arguments], cwd=cwd, input=stdin, capture_output=True, check=False, timeout=30
    )


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_openssl_accepts_the_signature_and_its_chain(verify, signer, manifest):
    assert verify(manifest, signer.sign_manifest(manifest, now=NOW))


def test_openssl_rejects_a_changed_manifest(verify, signer):
    manifest = MANIFESTS["line feeds"]
    signature = signer.sign_manifest(manifest, now=NOW)

    assert not verify(manifest.replace(b"\n", b"\r\n"), signature)
    assert not verify(manifest[:-2] + b" }", signature)


def test_openssl_rejects_a_flipped_byte_in_the_signature(verify, signer):
    manifest = MANIFESTS["one line"]
    signature = bytearray(signer.sign_manifest(manifest, now=NOW))
    signature[-10] ^= 1

    assert not verify(manifest, bytes(signature))


def test_openssl_rejects_the_signature_under_another_root(verify, signer):
    manifest = MANIFESTS["one line"]

    assert not verify(
        manifest, signer.sign_manifest(manifest, now=NOW), root=make_sandbox_apple(NOW).root_pem
    )


def test_the_signature_is_detached_and_carries_leaf_intermediate_and_signing_time(tmp_path, signer):
    signature = signer.sign_manifest(MANIFESTS["one line"], now=NOW)

    shown = openssl(
        "cms", "-cmsout", "-print", "-inform", "DER", cwd=tmp_path, stdin=signature
    ).stdout.decode()

    assert re.search(r"eContent: *<ABSENT>", shown)
    assert shown.count("Certificate:") + shown.count("d.certificate:") >= 2
    assert "object: signingTime (1.2.840.113549.1.9.5)" in shown
    assert f"UTCTIME:{NOW:%b} {NOW.day:>2} {NOW:%H:%M:%S} {NOW.year} GMT" in shown
    assert "object: contentType (1.2.840.113549.1.9.3)" in shown
    assert "object: messageDigest (1.2.840.113549.1.9.4)" in shown
    assert shown.count("signerInfos:") == 1
    assert "algorithm: sha256 (2.16.840.1.101.3.4.2.1)" in shown


def test_every_length_in_the_signature_is_minimal_der(tmp_path, signer):
    signature = signer.sign_manifest(MANIFESTS["one line"], now=NOW)
    (tmp_path / "signature").write_bytes(signature)

    again = openssl(
        *("cms", "-cmsout", "-inform", "DER", "-outform", "DER", "-in", "signature"),
        cwd=tmp_path,
    )

    assert again.stdout == signature


@pytest.fixture
def save_link(tmp_path):
    data, public = make_sandbox_service_account(NOW, GOOGLE_TOKEN_URI, "3388000000000000001")
    (tmp_path / "public.pem").write_bytes(public)
    return save_jwt(
        parse_service_account(data),
        object_ids=["3388000000000000001.m-1"],
        class_id="3388000000000000001.coffee",
        origins=["https://loyalty.example.com"],
        now=NOW,
    )


def openssl_accepts_jwt(token: str, folder) -> bool:
    message, _dot, signature = token.rpartition(".")
    (folder / "jwt.sig").write_bytes(base64.urlsafe_b64decode(signature + "=="))
    checked = openssl(
        *("dgst", "-sha256", "-verify", "public.pem", "-signature", "jwt.sig"),
        cwd=folder,
        stdin=message.encode(),
    )
    return checked.returncode == 0


def test_openssl_accepts_a_save_link_and_rejects_a_changed_one(tmp_path, save_link):
    head, claims, signature = save_link.split(".")
    changed = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"iss": "someone@else"}
    forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")

    assert openssl_accepts_jwt(save_link, tmp_path)
    assert not openssl_accepts_jwt(f"{head}.{forged}.{signature}", tmp_path)


def test_openssl_takes_the_sandbox_leaf_as_a_tls_client(tmp_path, apple):
    (tmp_path / "root.pem").write_bytes(apple.root_pem)
    (tmp_path / "middle.pem").write_bytes(apple.intermediate_pem)
    (tmp_path / "leaf.pem").write_bytes(apple.certificate_pem)

    checked = openssl(
        *("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "root.pem"),
        *("-untrusted", "middle.pem", "leaf.pem"),
        cwd=tmp_path,
    )

    assert checked.returncode == 0, checked.stderr
