"""Our judgement of a signature and openssl's are the same, on signatures that openssl made."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

import pytest

from signing import der
from signing.sandbox_chain import make_sandbox_apple
from signing.verify import signature_complaints, signer_identity

# openssl takes signing time and validity from the machine's clock.
NOW = datetime.now(UTC)
MANIFEST = b'{\n  "icon.png": "00",\r\n  "pass.json": "11"\n}\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openssl")
    apple = make_sandbox_apple(NOW)
    parts = {
        "root.pem": apple.root_pem,
        "middle.pem": apple.intermediate_pem,
        "leaf.pem": apple.certificate_pem,
        "key.pem": apple.key_pem,
        "manifest.json": MANIFEST,
    }
    for name, data in parts.items():
        (folder / name).write_bytes(data)
    return folder


def openssl(folder, *arguments) -> int:
    done = subprocess.run(
        ["openssl", *arguments], cwd=folder, capture_output=True, check=False, timeout=30
    )
    return done.returncode


def sign(folder, *options) -> bytes:
    given = ("-in", "manifest.json", "-signer", "leaf.pem", "-inkey", "key.pem", "-outform", "DER")
    assert openssl(folder, "cms", "-sign", *options, *given, "-out", "signature") == 0
    return (folder / "signature").read_bytes()


def openssl_accepts(folder, manifest: bytes, signature: bytes) -> bool:
    (folder / "judged.json").write_bytes(manifest)
    (folder / "judged").write_bytes(signature)
    return (
        openssl(
            folder,
            *("cms", "-verify", "-purpose", "any", "-binary", "-inform", "DER", "-in", "judged"),
            *("-content", "judged.json", "-CAfile", "root.pem", "-no-CApath", "-no-CAstore"),
            *("-out", "content"),
        )
        == 0
    )


def judge(folder, manifest: bytes, signature: bytes) -> dict[str, bool]:
    roots = (folder / "root.pem").read_bytes()
    found = signature_complaints(manifest, signature, roots=roots, now=datetime.now(UTC))
    return {f.code: f.fault for f in found}


CHAIN = ("-binary", "-certfile", "middle.pem")


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ((*CHAIN, "-md", "sha256"), {}),
        ((*CHAIN, "-md", "sha512"), {}),
        ((*CHAIN, "-md", "sha1"), {"signature_sha1": False}),
        ((*CHAIN, "-md", "sha256", "-keyid"), {}),
        ((*CHAIN, "-md", "sha256", "-nosmimecap"), {}),
    ],
    ids=["sha256", "sha512", "sha1", "key identifier", "no capabilities"],
)
def test_what_openssl_signs_and_accepts_we_accept(folder, options, warned):
    signature = sign(folder, *options)

    assert openssl_accepts(folder, MANIFEST, signature)
    assert judge(folder, MANIFEST, signature) == warned
    identity = signer_identity(signature)
    assert identity is not None
    assert identity.pass_type_identifier == "pass.sandbox.regulars"


def test_lengths_that_end_with_a_mark_are_read_as_javas_signers_write_them(folder):
    signature = by_marks(sign(folder, *CHAIN, "-md", "sha256"), depth=4)

    assert signature[:2] == b"\x30\x80"
    assert openssl_accepts(folder, MANIFEST, signature)
    assert judge(folder, MANIFEST, signature) == {}


def by_marks(data: bytes, *, depth: int) -> bytes:
    """The same elements with indefinite lengths, down to `depth`; below they stay as they are."""
    ((tag, whole, content),) = der.elements(data)
    if depth == 0 or not tag & 0x20:
        return whole
    parts = [by_marks(one, depth=depth - 1) for _tag, one, _content in der.elements(content)]
    return bytes((tag, 0x80)) + b"".join(parts) + b"\x00\x00"


def test_what_openssl_rejects_we_reject(folder):
    signature = sign(folder, *CHAIN, "-md", "sha256")
    changed = bytearray(signature)
    changed[-4] ^= 1

    for manifest, data in [(MANIFEST + b" ", signature), (MANIFEST, bytes(changed))]:
        assert not openssl_accepts(folder, manifest, data)
        assert any(judge(folder, manifest, data).values())


def test_text_line_endings_and_a_missing_chain_are_rejected_by_both(folder):
    as_text = sign(folder, "-certfile", "middle.pem", "-md", "sha256")
    alone = sign(folder, "-binary", "-md", "sha256")

    assert not openssl_accepts(folder, MANIFEST, as_text)
    assert judge(folder, MANIFEST, as_text) == {"signature_manifest": True}
    assert not openssl_accepts(folder, MANIFEST, alone)
    assert judge(folder, MANIFEST, alone) == {"signature_intermediate_missing": True}


def test_an_attached_signature_is_a_fault_for_wallet_alone(folder):
    for option in ("-nodetach", "-stream"):
        attached = sign(folder, *CHAIN, "-md", "sha256", option)

        assert judge(folder, MANIFEST, attached) == {"signature_attached": True}


def test_a_signature_without_attributes_lacks_its_time(folder):
    bare = sign(folder, *CHAIN, "-md", "sha256", "-noattr")

    assert openssl_accepts(folder, MANIFEST, bare)
    assert judge(folder, MANIFEST, bare) == {"signature_time_missing": True}
