"""From request to renewal: the key is made here, Apple's answer finds it, a renewal lies beside."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7
from sqlalchemy import select

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import CertificateExpired, Conflict, InvalidInput, InvalidInputs, NotFound
from loyalty.apple_request import (
    REQUESTS_MAX,
    CertificateUpload,
    drop_request,
    install_upload,
    read_request,
    request_certificate,
    take_back_certificate,
    waiting_requests,
)
from loyalty.certificate_alarms import alarm_days, certificate_alarms, pass_type_lines
from loyalty.context import Loyalty
from loyalty.read_pass import apple_pass
from signing.keyring import Keyring
from storage import tables
from storage.engine import Database
from storage.unit_of_work import open_work
from tests.support.builders import CAFE, GYM, START, a_context
from tests.support.house import House, a_house
from tests.unit.signing.chains import Authority, cert_pem, key_pem, p12, rsa_key

YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority(START, cn="Test Root")


@pytest.fixture(scope="module")
def middle(root: Authority) -> Authority:
    return Authority(START, cn="Test Intermediate", issuer=root)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def ctx(database: Database, clock: ManualClock, keyring: Keyring, root: Authority) -> Loyalty:
    given = a_context(database, clock, keyring)
    return replace(given, settings=replace(given.settings, apple_root_pem=root.pem))


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


def answer(middle: Authority, request_pem: str, **options) -> bytes:
    """What Apple returns for a request: a DER certificate of its own subject."""
    asked = x509.load_pem_x509_csr(request_pem.encode())
    assert asked.is_signature_valid

    class Holder:
        def public_key(self):
            return asked.public_key()

    leaf = middle.pass_leaf(Holder(), **options)
    from cryptography.hazmat.primitives.serialization import Encoding

    return leaf.public_bytes(Encoding.DER)


def upload(ctx, middle, data, merchant_id=CAFE.id, **options):
    fields = {"intermediate": middle.pem} | options.pop("fields", {})
    return install_upload(
        ctx, merchant_id, CertificateUpload(data=data, **fields), actor=SYSTEM, **options
    )


def renewed(ctx, middle, **options) -> int:
    """Ask, get the answer and install it; the certificate's id."""
    asked = request_certificate(ctx, CAFE.id, actor=SYSTEM)
    upload(ctx, middle, answer(middle, asked.request_pem, **options))
    return max(c.id for c in pass_type_lines(ctx, CAFE.id)[0].certificates)


def signer_of(house: House, member) -> int:
    """The serial number of the certificate that a fresh pass is signed with."""
    with open_work(house.ctx.database, CAFE.id, clock=house.clock, writing=False) as work:
        card = work.passes.current_of_member(member.member_id)
    bundle = zipfile.ZipFile(BytesIO(apple_pass(house.ctx, CAFE.id, card.id).data))
    inside = pkcs7.load_der_pkcs7_certificates(bundle.read("signature"))
    return next(c.serial_number for c in inside if "pass.test.card" in c.subject.rfc4514_string())


def test_the_answer_of_apple_finds_its_key_and_signs(ctx, house, middle):
    member = house.enrol(name="Ada")
    asked = request_certificate(ctx, CAFE.id, actor=SYSTEM)

    done = upload(ctx, middle, answer(middle, asked.request_pem))

    assert (done.pass_type_identifier, done.team_identifier) == ("pass.test.card", "TEAM123456")
    assert waiting_requests(ctx, CAFE.id) == []
    assert f"{signer_of(house, member):X}" == done.serial_hex


def test_a_waiting_key_lies_sealed(ctx, house):
    request_certificate(ctx, CAFE.id, actor=SYSTEM)

    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        row = work.scope.execute(select(tables.apple_request)).one()

    assert b"PRIVATE KEY" not in row.key_sealed
    assert "PRIVATE" not in row.request_pem


def test_a_certificate_whose_key_is_not_here_says_what_to_do(ctx, house, middle):
    key = rsa_key()
    leaf = middle.pass_leaf(key)

    with pytest.raises(InvalidInput) as caught:
        upload(ctx, middle, cert_pem(leaf))

    assert caught.value.errors[0]["field"] == "key"
    assert "upload the .p12" in caught.value.message
    assert upload(ctx, middle, cert_pem(leaf), fields={"key": key_pem(key)}).serial_hex


@pytest.mark.parametrize("kind", ["p12", "pem with key", "pem chain with key"])
def test_every_kind_of_file_is_taken(ctx, house, middle, kind):
    key = rsa_key()
    leaf = middle.pass_leaf(key)
    data, fields = {
        "p12": (p12(key, leaf), {"password": "secret"}),
        "pem with key": (key_pem(key) + cert_pem(leaf), {}),
        "pem chain with key": (middle.pem + cert_pem(leaf) + key_pem(key), {"intermediate": None}),
    }[kind]

    assert upload(ctx, middle, data, fields=fields).pass_type_identifier == "pass.test.card"


def test_a_renewal_lies_beside_the_running_one_and_takes_over_without_a_gap(
    ctx, house, middle, clock
):
    member = house.enrol(name="Ada")
    old = renewed(ctx, middle, days=20)
    new = renewed(ctx, middle, days=385)

    (line,) = pass_type_lines(ctx, CAFE.id)
    assert [(c.id, c.state) for c in line.certificates] == [(new, "signs"), (old, "beside")]
    first = signer_of(house, member)
    for days in (19, 2, 300):
        clock.advance(days=days)
        assert signer_of(house, member) == first

    (line,) = pass_type_lines(ctx, CAFE.id)
    assert [c.state for c in line.certificates] == ["signs", "ended"]


def test_the_older_one_covers_for_a_renewal_that_is_taken_back(ctx, house, middle):
    member = house.enrol(name="Ada")
    old = renewed(ctx, middle, days=20)
    signed_by = signer_of(house, member)
    new = renewed(ctx, middle, days=385)
    assert signer_of(house, member) != signed_by

    take_back_certificate(ctx, CAFE.id, new, actor=SYSTEM)

    assert signer_of(house, member) == signed_by
    with pytest.raises(Conflict, match="only valid"):
        take_back_certificate(ctx, CAFE.id, old, actor=SYSTEM)
    with pytest.raises(NotFound):
        take_back_certificate(ctx, CAFE.id, new, actor=SYSTEM)


def test_a_shorter_renewal_never_leaves_a_gap_either(ctx, house, middle, clock):
    member = house.enrol(name="Ada")
    renewed(ctx, middle, days=100)
    long_one = signer_of(house, member)
    renewed(ctx, middle, days=10)
    assert signer_of(house, member) != long_one

    clock.advance(days=11)

    assert signer_of(house, member) == long_one


@pytest.mark.parametrize(
    ("days", "alarm"), [(61, None), (60, 60), (31, 60), (30, 30), (7, 7), (2, 7), (1, 1), (0, 0)]
)
def test_alarms_come_60_30_7_and_1_days_before(days, alarm):
    assert alarm_days(START + timedelta(days=days), now=START) == alarm


def test_an_alarm_names_the_pass_type_that_ends(ctx, house, middle, clock):
    renewed(ctx, middle, days=100)
    assert certificate_alarms(ctx, CAFE.id) == []

    clock.advance(days=95)

    (line,) = certificate_alarms(ctx, CAFE.id)
    assert (line.identifier, line.alarm_days, line.urgent) == ("pass.test.card", 7, True)


def test_a_renewal_ends_the_alarm(ctx, house, middle):
    renewed(ctx, middle, days=5)
    assert certificate_alarms(ctx, CAFE.id)

    renewed(ctx, middle, days=385)

    assert certificate_alarms(ctx, CAFE.id) == []


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"ou": "OTHERTEAM1"}, (Conflict, "would never be updated again")),
        ({"uid": "pass.other.card"}, (Conflict, "would never be updated again")),
        ({"uid": "com.example.app"}, (InvalidInputs, "not a Pass Type ID")),
        ({"days": -1, "start": -20}, (InvalidInputs, "expired on")),
    ],
)
def test_a_wrong_renewal_leaves_the_running_one_untouched(ctx, house, middle, options, refusal):
    member = house.enrol(name="Ada")
    renewed(ctx, middle)
    before = signer_of(house, member), pass_type_lines(ctx, CAFE.id)
    asked = request_certificate(ctx, CAFE.id, actor=SYSTEM)

    error, told = refusal
    with pytest.raises(error, match=told):
        upload(ctx, middle, answer(middle, asked.request_pem, **options))

    assert (signer_of(house, member), pass_type_lines(ctx, CAFE.id)) == before
    assert [one.id for one in waiting_requests(ctx, CAFE.id)] == [asked.id]


def test_the_same_certificate_twice_stands_once_and_signs_again(ctx, house, middle):
    member = house.enrol(name="Ada")
    key = rsa_key()
    data = p12(key, middle.pass_leaf(key))
    upload(ctx, middle, data, fields={"password": "secret"})
    first = signer_of(house, member)
    renewed(ctx, middle, days=385)
    assert signer_of(house, member) != first

    upload(ctx, middle, data, fields={"password": "secret"})

    assert signer_of(house, member) == first
    assert len(pass_type_lines(ctx, CAFE.id)[0].certificates) == 2


def test_several_pass_types_and_teams_live_in_one_installation(ctx, house, middle, clock):
    a_house(ctx, clock, merchant_id=GYM.id)
    renewed(ctx, middle)
    key = rsa_key()
    second = p12(key, middle.pass_leaf(key, uid="pass.test.second", ou="SECONDTEAM"))
    upload(ctx, middle, second, new_pass_type=True, fields={"password": "secret"})
    stolen = rsa_key()
    with pytest.raises(Conflict, match="one owner"):
        upload(
            ctx,
            middle,
            p12(stolen, middle.pass_leaf(stolen)),
            merchant_id=GYM.id,
            fields={"password": "secret"},
        )

    told = [(one.identifier, one.team_identifier, one.current) for one in
            pass_type_lines(ctx, CAFE.id)]  # fmt: skip

    assert told == [
        ("pass.test.second", "SECONDTEAM", True),
        ("pass.test.card", "TEAM123456", False),
    ]


def test_an_earlier_pass_type_is_renewed_and_the_current_one_stays(ctx, house, middle):
    renewed(ctx, middle)
    key, later = rsa_key(), rsa_key()
    second = p12(key, middle.pass_leaf(key, uid="pass.test.second", ou="SECONDTEAM"))
    upload(ctx, middle, second, new_pass_type=True, fields={"password": "secret"})

    upload(ctx, middle, p12(later, middle.pass_leaf(later)), fields={"password": "secret"})

    current = [one.identifier for one in pass_type_lines(ctx, CAFE.id) if one.current]
    assert current == ["pass.test.second"]


def test_without_any_valid_certificate_nothing_is_signed(ctx, house, middle, clock):
    member = house.enrol(name="Ada")
    renewed(ctx, middle, days=5)

    clock.advance(days=6)

    with pytest.raises(CertificateExpired):
        signer_of(house, member)


def test_only_a_few_requests_wait_and_they_can_be_given_up(ctx, house):
    asked = [request_certificate(ctx, CAFE.id, actor=SYSTEM) for _ in range(REQUESTS_MAX)]
    with pytest.raises(Conflict, match="wait already"):
        request_certificate(ctx, CAFE.id, actor=SYSTEM)
    with pytest.raises(NotFound):
        drop_request(ctx, GYM.id, asked[0].id, actor=SYSTEM)

    drop_request(ctx, CAFE.id, asked[0].id, actor=SYSTEM)

    assert len(waiting_requests(ctx, CAFE.id)) == REQUESTS_MAX - 1
    with pytest.raises(NotFound):
        read_request(ctx, CAFE.id, asked[0].id)


@pytest.mark.parametrize(
    "data", [b"", b"\x30", b"\x30\x82\x00", b"x" * 5000, b"-----BEGIN CERTIFICATE-----\n", b"\x00"]
)
def test_what_is_no_certificate_is_told(ctx, house, middle, data):
    with pytest.raises(InvalidInput):
        upload(ctx, middle, data)


def test_a_truncated_p12_and_a_wrong_password_are_told(ctx, house, middle):
    key = rsa_key()
    whole = p12(key, middle.pass_leaf(key))

    for data, password in ((whole[:-40], "secret"), (whole, "wrong"), (whole, None)):
        with pytest.raises(InvalidInput):
            upload(ctx, middle, data, fields={"password": password})
