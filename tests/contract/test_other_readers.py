"""Our passes through readers that others wrote: pass-js from npm and edutap from PyPI."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest

from passes.apple import pass_document
from passes.apple_options import AppleOptions, Moment, PassStyle
from passes.bundle import build_bundle, pack_files
from passes.design import StampShape, Texts
from passes.images import default_images
from passes.inspect_pass import inspect_bundle
from passes.strings import pass_strings
from signing.apple_certificates import check_certificate, read_pem
from signing.cms import Signer
from signing.sandbox_chain import make_sandbox_apple
from tests.support.cards import a_content, a_design, a_stamp_card, an_apple_identity

with warnings.catch_warnings():
    # Its models speak an older dialect of pydantic, which is not our concern.
    warnings.simplefilter("ignore", DeprecationWarning)
    from edutap.wallet_apple.models.passes import PkPass

READERS = Path(__file__).parents[1] / "readers"
NOW = datetime.now(UTC)
RICH = AppleOptions(
    style=PassStyle.STORE_CARD,
    max_distance_m=200,
    moments=(Moment(start=NOW),),
    store_ids=(1234567890,),
    app_launch_url="bean://card",
    user_info='{"shop": 1}',
)
CARDS = {
    "points": (a_design(), a_content()),
    "stamps": (a_design(stamp_shape=StampShape.NONE), a_stamp_card()),
    "rich": (a_design(apple=RICH), a_content(member_since=NOW, expires_at=NOW)),
    "coupon": (a_design(apple=AppleOptions(style=PassStyle.COUPON)), a_content()),
    "generic": (a_design(apple=AppleOptions(style=PassStyle.GENERIC)), a_content()),
    "gift": (a_design(), a_content(unit="EUR", balance=1250)),
    "arabic": (
        a_design(translations={"ar": Texts(programme_name="نادي القهوة")}),
        a_content(language="ar"),
    ),
}


@pytest.fixture(scope="module")
def apple():
    return make_sandbox_apple(NOW)


@pytest.fixture(scope="module")
def a_bundle(apple):
    material = read_pem(apple.certificate_pem, apple.key_pem, None)
    whole = material.with_intermediates(apple.intermediate_pem)
    signer = Signer(check_certificate(whole, roots=apple.root_pem, now=NOW))
    images = {name: one.data for name, one in default_images(a_design()).items()}

    def build(name):
        design, content = CARDS[name]
        identity = an_apple_identity(
            pass_type_identifier=signer.pass_type_identifier,
            team_identifier=signer.team_identifier,
        )
        return build_bundle(
            pass_document(design, content, identity),
            pack_files(images, strings=pass_strings(design, content)),
            sign=lambda manifest: signer.sign_manifest(manifest, now=NOW),
        )

    return build


@pytest.mark.parametrize("name", CARDS)
def test_our_own_validator_has_nothing_to_say(a_bundle, name):
    assert inspect_bundle(a_bundle(name)) == []


# It wants App Store numbers as texts and knows no balance tag; Apple's pages say otherwise.
EDUTAP_GAPS = {"rich", "gift"}


@pytest.mark.parametrize("name", sorted(CARDS.keys() - EDUTAP_GAPS))
def test_edutap_reads_every_field(a_bundle, name):
    read = PkPass.from_zip(io.BytesIO(a_bundle(name)))

    design, content = CARDS[name]
    assert read.is_signed
    assert read.pass_object.serialNumber == content.serial_number
    kinds = {"storeCard": "StoreCard", "coupon": "Coupon", "generic": "Generic"}
    information = read.pass_object.pass_information
    assert type(information).__name__ == kinds[str(design.apple.style)]
    assert {field.key for field in information.headerFields} == {"balance"}
    assert read.pass_object.barcodes[0].message == content.barcode


@pytest.mark.parametrize("name", CARDS)
def test_pass_js_reads_and_approves_it(a_bundle, name, tmp_path):
    if not (READERS / "node_modules").exists() or shutil.which("node") is None:
        pytest.skip("pass-js is not installed: run `npm ci --ignore-scripts` in tests/readers")
    file = tmp_path / "card.pkpass"
    file.write_bytes(a_bundle(name))

    ran = subprocess.run(
        ["node", READERS / "read.js", file], capture_output=True, check=False, timeout=60
    )

    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    read = json.loads(ran.stdout)
    design, content = CARDS[name]
    assert read["style"] == str(design.apple.style)
    assert read["serialNumber"] == content.serial_number
    assert [key for key, _value in read["zones"]["headerFields"]] == ["balance"]
    assert read["barcodes"][0]["message"] == content.barcode
    assert set(read["images"]) >= {"icon.png", "logo.png"}
