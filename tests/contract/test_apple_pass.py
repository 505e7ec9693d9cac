"""A whole .pkpass as Wallet would take it: judged by openssl, unzip and Pillow, not by our code."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from passes.apple import pass_document
from passes.bundle import build_bundle, pack_files
from passes.content import Place, RewardLine
from passes.document_rules import check_document
from passes.findings import faults
from passes.images import default_images, render_logo, render_strip
from passes.inspect_pass import inspect_bundle
from signing.apple_certificates import check_certificate, read_pem
from signing.cms import Signer
from signing.sandbox_chain import make_sandbox_apple
from tests.support.cards import (
    a_content,
    a_design,
    a_picture,
    a_stamp_card,
    an_apple_identity,
)

# openssl judges the chain by the machine's clock.
NOW = datetime.now(UTC)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
REWARD = st.builds(RewardLine, name=TEXT, cost=st.integers(1, 10**6), due=st.booleans())
CONTENT = st.builds(
    a_content,
    member_name=TEXT,
    unit=st.sampled_from(["points", "stamps"]),
    balance=st.integers(0, 2**50),
    goal=st.none() | st.integers(1, 99),
    next_reward=st.none() | REWARD,
    rewards=st.lists(REWARD, max_size=8).map(tuple),
    rules=st.lists(TEXT, max_size=8).map(tuple),
    message=TEXT,
    language=st.sampled_from(["en", "de", "fr-CA", "ar"]),
    voided=st.booleans(),
    places=st.lists(
        st.builds(Place, name=TEXT, latitude=st.floats(-90, 90), longitude=st.floats(-180, 180)),
        max_size=12,
    ).map(tuple),
)


@pytest.fixture(scope="module")
def apple():
    return make_sandbox_apple(NOW)


@pytest.fixture(scope="module")
def sign(apple):
    material = read_pem(apple.certificate_pem, apple.key_pem, None)
    whole = material.with_intermediates(apple.intermediate_pem)
    signer = Signer(check_certificate(whole, roots=apple.root_pem, now=NOW))
    return lambda manifest: signer.sign_manifest(manifest, now=NOW)


@pytest.fixture(scope="module")
def bundle(sign):
    images = default_images(a_design())
    images |= render_logo(a_picture(500, 200, mode="RGBA"))
    images |= render_strip(a_picture(1600, 700, kind="JPEG"))
    packed = pack_files({name: image.data for name, image in images.items()})
    document = pass_document(a_design(), a_stamp_card(), an_apple_identity())
    return build_bundle(document, packed, sign=sign)


@pytest.fixture(scope="module")
def files(bundle):
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_openssl_verifies_the_signature_over_the_manifest(tmp_path, files, apple):
    for name in ("manifest.json", "signature"):
        (tmp_path / name).write_bytes(files[name])
    (tmp_path / "root.pem").write_bytes(apple.root_pem)

    judged = subprocess.run(
        [
            *("openssl", "cms", "-verify", "-purpose", "any", "-binary", "-inform", "DER"),
            *("-in", "signature", "-content", "manifest.json", "-CAfile", "root.pem"),
            *("-no-CApath", "-no-CAstore", "-out", "content"),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=30,
    )

    assert judged.returncode == 0, judged.stderr.decode()


def test_the_manifest_names_every_file_with_its_sha_1(files):
    listed = json.loads(files["manifest.json"])

    assert listed == {
        name: hashlib.sha1(data).hexdigest()
        for name, data in files.items()
        if name not in {"manifest.json", "signature"}
    }


def test_every_image_is_a_png_of_apples_size_at_three_scales(files):
    most = {"icon": (38, 38), "logo": (160, 50), "strip": (375, 144)}
    for kind, (width, height) in most.items():
        for scale, suffix in ((1, ""), (2, "@2x"), (3, "@3x")):
            with Image.open(io.BytesIO(files[f"{kind}{suffix}.png"])) as picture:
                assert picture.format == "PNG"
                assert picture.width <= width * scale
                assert picture.height <= height * scale
    assert sum(map(len, files.values())) < 1024 * 1024


def test_our_inspection_has_nothing_to_say(bundle):
    assert inspect_bundle(bundle) == []


def test_the_same_card_gives_the_same_manifest_whenever_it_is_signed(sign, bundle):
    images = pack_files({"icon.png": b"x"})
    document = pass_document(a_design(), a_content(), an_apple_identity())
    seen = []
    for _ in range(2):
        build_bundle(document, images, sign=lambda manifest: seen.append(manifest) or b"")

    assert seen[0] == seen[1]


@settings(deadline=None)
@given(content=CONTENT)
def test_any_member_gives_a_pass_without_a_fault(content):
    document = pass_document(a_design(), content, an_apple_identity())

    assert faults(check_document(document, {"icon.png"})) == []
    packed = pack_files({"icon.png": a_picture(38, 38)})
    assert faults(inspect_bundle(build_bundle(document, packed, sign=lambda _m: b"s"))) == []
