"""What is wrong with a signature is named; what is merely odd is forgiven."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import SigningError
from signing import der
from signing.cms import Signer
from signing.signed_data import SIGNATURE_BYTES_MAX, read_signed_data
from signing.verify import signature_complaints, signer_identity
from tests.unit.signing.chains import Authority, ec_key, rsa_key

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
MANIFEST = b'{\n"pass.json":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}\n'
DATA = der.object_identifier("1.2.840.113549.1.7.1")
DIGESTS = {SHA1: "1.3.14.3.2.26", SHA256: "2.16.840.1.101.3.4.2.1"}


class Maker:
    """Signs as any maker might: each part can be given, left out or put in the wrong place."""

    def __init__(self, *, root=None, key=None, **leaf) -> None:
        self.root = root or Authority(NOW, cn="Root")
        self.middle = Authority(NOW, cn="Intermediate", issuer=self.root)
        self.key = key or rsa_key()
        self.leaf = self.middle.pass_leaf(self.key, **leaf)

    def sign(
        self,
        manifest=MANIFEST,
        *,
        digest=SHA256,
        at=NOW,
        drop=(),
        order=sorted,
        attached=False,
        certificates=None,
        signers=1,
        sign_sorted=False,
    ) -> bytes:
        algorithm = der.tlv(der.SEQUENCE, der.object_identifier(DIGESTS[digest]), der.NULL)
        hashed = hashlib.new(digest().name, manifest).digest()
        named = {
            "type": attribute("1.2.840.113549.1.9.3", DATA),
            "time": attribute("1.2.840.113549.1.9.5", der.time(at)) if at else b"",
            "digest": attribute("1.2.840.113549.1.9.4", der.tlv(der.OCTET_STRING, hashed)),
        }
        attributes = order([v for k, v in named.items() if k not in drop and v])
        signed_order = sorted(attributes) if sign_sorted else attributes
        text = der.tlv(der.SET, *signed_order) if attributes else manifest
        info = der.tlv(
            der.SEQUENCE,
            b"\x02\x01\x01",
            self.issuer_and_serial(),
            algorithm,
            der.tlv(der.CONTEXT_0, *attributes) if attributes else b"",
            der.tlv(der.SEQUENCE, der.object_identifier("1.2.840.113549.1.1.1"), der.NULL),
            der.tlv(der.OCTET_STRING, self.key.sign(text, padding.PKCS1v15(), digest())),
        )
        chain = [self.leaf, self.middle.certificate] if certificates is None else certificates
        content = der.tlv(der.CONTEXT_0, der.tlv(der.OCTET_STRING, manifest)) if attached else b""
        body = der.tlv(
            der.SEQUENCE,
            b"\x02\x01\x01",
            der.tlv(der.SET, algorithm),
            der.tlv(der.SEQUENCE, DATA, content),
            der.tlv(der.CONTEXT_0, *(c.public_bytes(Encoding.DER) for c in chain)),
            der.tlv(der.SET, *[info] * signers),
        )
        kind = der.object_identifier("1.2.840.113549.1.7.2")
        return der.tlv(der.SEQUENCE, kind, der.tlv(der.CONTEXT_0, body))

    def issuer_and_serial(self) -> bytes:
        serial = self.leaf.serial_number
        octets = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
        return der.tlv(der.SEQUENCE, self.leaf.issuer.public_bytes(), der.tlv(der.INTEGER, octets))

    def judge(self, signature, *, manifest=MANIFEST, now=NOW, roots=None):
        found = signature_complaints(manifest, signature, roots=roots or self.root.pem, now=now)
        return {f.code: f.fault for f in found}


def attribute(oid: str, value: bytes) -> bytes:
    return der.tlv(der.SEQUENCE, der.object_identifier(oid), der.tlv(der.SET, value))


@pytest.fixture(scope="module")
def maker():
    return Maker()


def test_our_own_signature_has_no_complaint(certificate, apple):
    signature = Signer(certificate).sign_manifest(MANIFEST, now=NOW)

    assert signature_complaints(MANIFEST, signature, roots=apple.root_pem, now=NOW) == []


def test_the_signature_of_another_maker_has_no_complaint(maker):
    assert maker.judge(maker.sign()) == {}


def test_a_signature_by_the_pkcs7_builder_is_judged_at_the_machines_time(maker):
    builder = pkcs7.PKCS7SignatureBuilder().set_data(MANIFEST)
    signature = (
        builder.add_signer(maker.leaf, maker.key, SHA256())
        .add_certificate(maker.middle.certificate)
        .sign(Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])
    )

    assert set(maker.judge(signature)) <= {"signature_time", "signature_time_ahead"}


def test_a_signature_over_changed_line_endings_is_named(maker):
    builder = pkcs7.PKCS7SignatureBuilder().set_data(MANIFEST)
    signature = (
        builder.add_signer(maker.leaf, maker.key, SHA256())
        .add_certificate(maker.middle.certificate)
        .sign(Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature])
    )

    assert maker.judge(signature)["signature_manifest"]


def test_sha_1_is_warned_of_and_no_fault(maker):
    assert maker.judge(maker.sign(digest=SHA1)) == {"signature_sha1": False}


def test_the_order_of_attributes_is_warned_of_and_no_fault(maker):
    backwards = maker.sign(order=lambda values: sorted(values, reverse=True))
    sorted_when_signed = maker.sign(
        order=lambda values: sorted(values, reverse=True), sign_sorted=True
    )

    assert maker.judge(backwards) == {"signature_attribute_order": False}
    assert maker.judge(sorted_when_signed) == {"signature_attribute_order": False}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"attached": True}, "signature_attached"),
        ({"at": None}, "signature_time_missing"),
        ({"drop": ("type", "time", "digest")}, "signature_time_missing"),
        ({"drop": ("digest",)}, "signature_manifest"),
        ({"drop": ("type",)}, "signature_content_type_attribute"),
        ({"at": NOW - timedelta(days=5)}, "signature_time"),
        ({"at": NOW + timedelta(days=400)}, "signature_time"),
        ({"signers": 2}, "signature_signers"),
        ({"signers": 0}, "signature_signers"),
        ({"certificates": []}, "signature_certificate_missing"),
    ],
)
def test_each_broken_rule_is_a_fault_of_its_own(maker, options, code):
    assert maker.judge(maker.sign(**options))[code] is True


def test_a_missing_intermediate_is_named(maker):
    assert maker.judge(maker.sign(certificates=[maker.leaf])) == {
        "signature_intermediate_missing": True
    }


def test_an_intermediate_of_the_same_name_and_another_key_does_not_count(maker):
    namesake = Authority(NOW, cn="Intermediate", issuer=maker.root)
    signature = maker.sign(certificates=[maker.leaf, namesake.certificate])

    assert "signature_intermediate_missing" in maker.judge(signature)


def test_a_chain_to_a_stranger_is_a_fault_with_and_without_roots(maker):
    stranger = Authority(NOW, cn="Root")

    assert maker.judge(maker.sign(), roots=stranger.pem) == {"signature_chain": True}
    found = signature_complaints(MANIFEST, maker.sign(), roots=None, now=NOW)
    assert [f.code for f in found] == ["signature_chain"]


def test_another_manifest_is_a_fault(maker):
    assert maker.judge(maker.sign(), manifest=MANIFEST + b" ") == {"signature_manifest": True}


def test_a_flipped_byte_in_what_is_signed_is_never_a_good_signature(maker):
    signature = maker.sign()
    parts = [
        *read_signed_data(signature).signers[0].to_be_signed,
        read_signed_data(signature).signers[0].signature,
        maker.leaf.public_bytes(Encoding.DER),
    ]
    for part in parts:
        start = signature.index(part)
        for place in range(start, start + len(part), 7):
            changed = bytearray(signature)
            changed[place] ^= 0x55
            assert any(maker.judge(bytes(changed)).values()), place


def test_a_flipped_byte_in_the_signature_value_is_named(maker):
    signature = bytearray(maker.sign())
    signature[-9] ^= 1

    assert maker.judge(bytes(signature)) == {"signature_value": True}


def test_an_expired_certificate_is_warned_of_because_cards_that_are_out_stay(maker):
    later = NOW + timedelta(days=366)

    assert maker.judge(maker.sign(), now=later) == {"signature_certificate_expired": False}


def test_a_signing_time_ahead_is_warned_of(maker):
    assert maker.judge(maker.sign(at=NOW + timedelta(hours=1))) == {"signature_time_ahead": False}


def test_a_certificate_that_is_not_for_passes_is_named(maker):
    other = Maker(root=maker.root, uid="com.example.app", ou="")

    assert maker.judge(other.sign()) == {"signature_no_pass_type": True, "signature_no_team": True}


def test_an_elliptic_key_is_refused_by_name(maker):
    key = ec_key()
    builder = pkcs7.PKCS7SignatureBuilder().set_data(MANIFEST)
    signature = (
        builder.add_signer(maker.middle.pass_leaf(key), key, SHA256())
        .add_certificate(maker.middle.certificate)
        .sign(Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])
    )

    assert maker.judge(signature)["signature_key"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n",
        b"\x30\x80" * 40_000,
        b"\x30\x82\xff\xff",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x8a" + b"\xff" * 12,
        b"\x30\x80\x00\x00",
        b"\x30\x00",
        b"\x1f\x81\x01\x00",
        b"\x04\x80\x00\x00",
        b"\x30\x82\x20\x00" + b"\x05\x00" * 4096,
        b"\xff" * SIGNATURE_BYTES_MAX,
        b"\x30" * (SIGNATURE_BYTES_MAX + 1),
    ],
    ids=range(14),
)
def test_what_is_no_signature_is_called_damaged_and_nobody_signed_it(maker, data):
    assert set(maker.judge(data)) == {"signature_damaged"}
    assert signer_identity(data) is None


def test_a_signature_cut_anywhere_is_called_damaged(maker):
    signature = maker.sign()

    for size in range(0, len(signature), 97):
        assert set(maker.judge(signature[:size])) == {"signature_damaged"}


def test_a_message_of_another_kind_is_named(maker):
    enveloped = der.object_identifier("1.2.840.113549.1.7.3")
    data = der.tlv(der.SEQUENCE, enveloped, der.tlv(der.CONTEXT_0, der.tlv(der.SEQUENCE)))

    assert maker.judge(data) == {"signature_kind": True}


def test_the_signer_tells_the_pass_type_and_the_team(maker):
    identity = signer_identity(maker.sign())

    assert identity is not None
    assert identity.pass_type_identifier == "pass.test.card"
    assert identity.team_identifier == "TEAM123456"
    assert identity.organization == "Bean Co"
    assert signer_identity(maker.sign(certificates=[])) is None
    assert signer_identity(maker.sign(signers=0)) is None


def test_roots_that_cannot_be_read_are_the_operators_fault(maker):
    with pytest.raises(SigningError, match="PEM"):
        signature_complaints(MANIFEST, maker.sign(), roots=b"nothing", now=NOW)


@settings(deadline=None, max_examples=300)
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 4000), st.integers(0, 3), st.binary(max_size=6)),
        min_size=1,
        max_size=4,
    )
)
def test_no_damage_makes_the_judge_fall_over(maker, cuts):
    signature = maker.sign()
    for place, length, instead in cuts:
        at = place % len(signature)
        signature = signature[:at] + instead + signature[at + length :]

    found = signature_complaints(MANIFEST, signature, roots=maker.root.pem, now=NOW)

    assert all(f.rule and f.mend and f.code.startswith("signature_") for f in found)
    signer_identity(signature)


def test_a_certificate_of_an_unknown_version_is_damage(maker):
    signature = maker.sign().replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x1d")

    assert set(maker.judge(signature)) == {"signature_damaged"}
