from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import ObjectIdentifier, load_pem_x509_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID

from common.errors import InvalidInput, InvalidInputs, SigningError
from signing.apple_certificates import (
    CertificateMaterial,
    check_certificate,
    curl_identity,
    load_pass_certificate,
    read_pem,
)
from signing.sandbox_chain import make_sandbox_apple
from tests.unit.signing.chains import Authority, cert_pem, ec_key, key_pem, rsa_key


@pytest.fixture(scope="module")
def root(now):
    return Authority(now, cn="Test Root")


@pytest.fixture(scope="module")
def middle(now, root):
    return Authority(now, cn="Test Intermediate", issuer=root)


@pytest.fixture(scope="module")
def key():
    return rsa_key()


def material(leaf, key, *others):
    return CertificateMaterial(leaf=leaf, key=key, others=tuple(o.certificate for o in others))


@pytest.fixture
def faults(root, now):
    def run(given, *, roots=root.pem, at=now) -> dict[str, str]:
        with pytest.raises(InvalidInputs) as caught:
            check_certificate(given, roots=roots, now=at)
        return {error["field"]: error["message"] for error in caught.value.errors}

    return run


def test_a_good_certificate_is_described(certificate, apple, now):
    assert certificate.pass_type_identifier == "pass.sandbox.regulars"
    assert certificate.team_identifier == "SANDBOX000"
    assert certificate.organization == "Regulars Sandbox"
    assert certificate.days_left(now) == 365
    assert not certificate.nfc
    assert certificate.findings == ()
    assert len(certificate.fingerprint) == 64
    assert certificate.certificate_pem.encode() == apple.certificate_pem
    assert certificate.intermediate_pem.encode() == apple.intermediate_pem


def test_stored_parts_load_to_the_same_certificate(certificate, now):
    parts = (certificate.certificate_pem, certificate.intermediate_pem, certificate.key_pem)

    assert load_pass_certificate(*parts, now=now) == certificate


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_damaged_stored_part_is_refused(certificate, now, place):
    parts = [certificate.certificate_pem, certificate.intermediate_pem, certificate.key_pem]
    parts[place] = parts[place][:90]

    with pytest.raises(InvalidInput):
        load_pass_certificate(*parts, now=now)


def test_curl_gets_the_chain_and_the_key(certificate):
    chain, key = curl_identity(certificate)

    subjects = [c.subject.rfc4514_string() for c in load_pem_x509_certificates(chain)]
    assert ["SANDBOX000" in subject for subject in subjects] == [True, False]
    assert load_pem_private_key(key, None)


def test_a_plain_chain_of_the_operator_is_accepted_with_a_finding(root, middle, key, now):
    checked = check_certificate(
        material(middle.pass_leaf(key), key, middle), roots=root.pem, now=now
    )

    assert [finding.code for finding in checked.findings] == ["no_pass_marker"]


def test_the_intermediate_may_come_with_the_roots(root, middle, key, now):
    given = material(middle.pass_leaf(key), key)

    assert check_certificate(given, roots=root.pem + middle.pem, now=now)


def test_a_root_may_issue_directly(root, key, now):
    assert check_certificate(material(root.pass_leaf(key), key), roots=root.pem, now=now)


def test_the_right_one_of_several_intermediates_of_one_name_is_chosen(root, middle, key, now):
    older = Authority(now, cn="Test Intermediate", issuer=root)
    given = material(middle.pass_leaf(key), key, older, root, middle)

    checked = check_certificate(given, roots=root.pem, now=now)

    assert checked.intermediate_pem.encode() == middle.pem


def test_only_another_intermediate_of_the_same_name_is_not_enough(faults, root, middle, key, now):
    older = Authority(now, cn="Test Intermediate", issuer=root)

    found = faults(material(middle.pass_leaf(key), key, older))

    assert "another one of the same name" in found["intermediate"]


def test_a_key_identifier_that_points_elsewhere_is_refused(faults, middle, key):
    leaf = middle.pass_leaf(key, identifier=b"elsewhere")

    assert "intermediate" in faults(material(leaf, key, middle))


def test_a_missing_intermediate_is_named(faults, middle, key):
    found = faults(material(middle.pass_leaf(key), key))

    assert "CN=Test Intermediate" in found["intermediate"]
    assert "--intermediate" in found["intermediate"]


def test_an_issuer_that_may_not_issue_is_refused(faults, root, now, key):
    fake = Authority(now, cn="No CA", issuer=root, ca=False)

    assert "intermediate" in faults(material(fake.pass_leaf(key), key, fake))


def test_a_chain_to_a_strange_root_is_refused(faults, now, key):
    stranger = Authority(now, cn="Stranger")
    strange_middle = Authority(now, cn="Test Intermediate", issuer=stranger)
    given = material(strange_middle.pass_leaf(key), key, strange_middle, stranger)

    assert "does not lead to a root" in faults(given)["intermediate"]


def test_without_a_root_only_apples_intermediate_counts(faults, middle, key):
    found = faults(material(middle.pass_leaf(key), key, middle), roots=None)

    assert "WWDR G4" in found["intermediate"]


def test_an_expired_root_vouches_for_nothing(faults, now, key):
    old_root = Authority(now, cn="Old Root", days=1)
    middle = Authority(now, cn="Middle", issuer=old_root)
    given = material(middle.pass_leaf(key), key, middle)

    found = faults(given, roots=old_root.pem, at=now + timedelta(days=2))

    assert "intermediate" in found


def test_an_expired_intermediate_is_told(faults, root, now, key):
    short = Authority(now, cn="Short", issuer=root, days=1)
    given = material(short.pass_leaf(key), key, short)

    assert "is not valid now" in faults(given, at=now + timedelta(days=2))["intermediate"]


@pytest.mark.parametrize(("days", "says"), [(366, "expired on"), (-2, "valid only from")])
def test_a_certificate_outside_its_dates_is_refused(faults, middle, key, days, says):
    given = material(middle.pass_leaf(key), key, middle)

    assert says in faults(given, at=middle.now + timedelta(days=days))["certificate"]


def test_the_near_end_is_a_finding(root, middle, key, now):
    given = material(middle.pass_leaf(key, days=59), key, middle)

    checked = check_certificate(given, roots=root.pem, now=now)

    assert "expires_soon" in [finding.code for finding in checked.findings]


@pytest.mark.parametrize("uid", ["", "web.example", "pass.", "pass.a b", "Pass.x", "xpass.a"])
def test_a_certificate_that_is_for_no_pass_type_is_refused(faults, middle, key, uid):
    given = material(middle.pass_leaf(key, uid=uid), key, middle)

    assert "Pass Type ID" in faults(given)["certificate"]


@pytest.mark.parametrize("ou", ["", "two words"])
def test_a_certificate_without_a_team_is_refused(faults, middle, key, ou):
    given = material(middle.pass_leaf(key, ou=ou), key, middle)

    assert "team" in faults(given)["certificate"]


def test_a_foreign_key_is_refused(faults, middle, key):
    given = material(middle.pass_leaf(key), rsa_key(), middle)

    assert "does not belong" in faults(given)["key"]


def test_a_short_or_other_kind_of_key_is_refused(faults, middle):
    short, curve = rsa_key(1024), ec_key()

    assert "1024 bits" in faults(material(middle.pass_leaf(short), short, middle))["key"]
    assert "RSA" in faults(material(middle.pass_leaf(curve), curve, middle))["key"]


def test_a_certificate_that_cannot_push_is_refused(faults, middle, key):
    leaf = middle.pass_leaf(key, usages=[ExtendedKeyUsageOID.CODE_SIGNING])

    assert "push connection" in faults(material(leaf, key, middle))["certificate"]


def test_every_fault_is_told_at_once(faults, middle, now):
    leaf = middle.pass_leaf(rsa_key(1024), uid="", ou="")

    with pytest.raises(InvalidInputs) as caught:
        check_certificate(material(leaf, rsa_key()), roots=None, now=now + timedelta(days=400))

    fields = [error["field"] for error in caught.value.errors]
    assert fields == ["certificate", "certificate", "key", "key", "certificate", "intermediate"]


def test_apples_usage_stands_for_its_mark(root, middle, key, now):
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ObjectIdentifier("1.2.840.113635.100.4.14")]

    checked = check_certificate(
        material(middle.pass_leaf(key, usages=usages), key, middle), roots=root.pem, now=now
    )

    assert checked.findings == ()


def test_unreadable_roots_are_the_operators_fault(middle, key, now):
    with pytest.raises(SigningError, match="roots"):
        check_certificate(material(middle.pass_leaf(key), key, middle), roots=b"x", now=now)


def test_the_leaf_of_one_sandbox_is_nothing_in_another(apple, now):
    other = make_sandbox_apple(now)
    given = read_pem(apple.certificate_pem, apple.key_pem, None)

    with pytest.raises(InvalidInputs):
        check_certificate(
            given.with_intermediates(other.intermediate_pem), roots=other.root_pem, now=now
        )


def test_a_bundle_of_leaf_and_intermediate_is_enough(root, middle, key, now):
    bundle = cert_pem(middle.pass_leaf(key)) + middle.pem

    assert check_certificate(read_pem(bundle, key_pem(key), None), roots=root.pem, now=now)
