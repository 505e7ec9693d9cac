from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from common.errors import ConfigurationError
from passes.apple import pass_document
from passes.bundle import build_bundle, pack_files
from passes.findings import Severity
from regulars.inspection import TrustedRoots, inspect_pass, trusted_roots
from regulars.settings import read_settings
from signing.apple_certificates import check_certificate, read_pem
from signing.cms import Signer
from signing.sandbox_chain import make_sandbox_apple
from tests.support.cards import a_content, a_design, a_picture, an_apple_identity

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def apple():
    return make_sandbox_apple(NOW)


@pytest.fixture(scope="module")
def signer(apple):
    material = read_pem(apple.certificate_pem + apple.intermediate_pem, apple.key_pem, None)
    return Signer(check_certificate(material, roots=apple.root_pem, now=NOW))


@pytest.fixture
def a_pass(signer):
    def build(**changes) -> bytes:
        own = {
            "pass_type_identifier": signer.pass_type_identifier,
            "team_identifier": signer.team_identifier,
        }
        identity = an_apple_identity(**own | changes)
        return build_bundle(
            pass_document(a_design(), a_content(), identity),
            pack_files({"icon.png": a_picture(29, 29), "icon@2x.png": a_picture(58, 58)}),
            sign=lambda manifest: signer.sign_manifest(manifest, now=NOW),
        )

    return build


def judge(data, **roots):
    found = inspect_pass(data, roots=TrustedRoots(**roots), now=NOW)
    return {f.code: f.severity for f in found if f.code.startswith("signature")}


def test_a_pass_under_the_operators_root_has_no_complaint(apple, a_pass):
    assert inspect_pass(a_pass(), roots=TrustedRoots(operator=apple.root_pem), now=NOW) == []


def test_a_pass_of_the_sandbox_is_no_fault_and_called_one(apple, a_pass):
    stranger = make_sandbox_apple(NOW).root_pem

    assert judge(a_pass(), sandbox=apple.root_pem) == {"signature_sandbox": Severity.WARNING}
    assert judge(a_pass(), sandbox=stranger) == {"signature_chain": Severity.FAULT}
    assert judge(a_pass()) == {"signature_chain": Severity.FAULT}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"pass_type_identifier": "pass.example.other"}, "signature_other_pass_type"),
        ({"team_identifier": "OTHER12345"}, "signature_other_team"),
    ],
)
def test_a_pass_that_names_another_owner_than_its_certificate_is_a_fault(
    apple, a_pass, changes, code
):
    assert judge(a_pass(**changes), operator=apple.root_pem) == {code: Severity.FAULT}


def test_a_changed_manifest_shows_in_the_signature(apple, a_pass):
    data = a_pass()
    place = data.index(b'{"icon.png":"') + 14
    changed = data[:place] + b"0" + data[place + 1 :]

    found = inspect_pass(changed, roots=TrustedRoots(operator=apple.root_pem), now=NOW)

    assert any(f.severity is Severity.FAULT for f in found)


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_pass_has_findings_and_no_exception(data):
    assert inspect_pass(data, roots=TrustedRoots(), now=NOW)


def test_an_expired_certificate_is_a_warning(apple, a_pass):
    roots = TrustedRoots(operator=apple.root_pem)

    found = inspect_pass(a_pass(), roots=roots, now=NOW + timedelta(days=400))

    assert {f.code: f.severity for f in found} == {
        "signature_certificate_expired": Severity.WARNING
    }


def test_the_roots_are_the_operators_and_the_sandboxs(tmp_path, apple):
    root = tmp_path / "root.pem"
    root.write_bytes(apple.root_pem)
    settings = read_settings(tmp_path / "data", environ={"REGULARS_APPLE_ROOT": str(root)})

    assert trusted_roots(settings) == TrustedRoots(operator=apple.root_pem)
    settings.sandbox_home.mkdir()
    (settings.sandbox_home / "apple-root.pem").write_bytes(b"sandbox")
    assert trusted_roots(settings) == TrustedRoots(operator=apple.root_pem, sandbox=b"sandbox")


def test_a_root_that_went_away_is_named(tmp_path, apple):
    root = tmp_path / "root.pem"
    root.write_bytes(apple.root_pem)
    settings = read_settings(tmp_path / "data", environ={"REGULARS_APPLE_ROOT": str(root)})
    root.unlink()

    with pytest.raises(ConfigurationError, match=r"root\.pem cannot be read"):
        trusted_roots(settings)
