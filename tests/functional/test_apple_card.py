"""What the owner chooses in the card's form, as it arrives in a member's Apple pass; both engines."""

from __future__ import annotations

import base64
import html
import io
import json
import zipfile

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import InvalidInput
from ledger.terms import StampTerms
from loyalty.apple_certificate import install_certificate
from loyalty.check_pass import TrustedRoots, inspect_pass
from loyalty.context import Loyalty
from loyalty.design import read_draft, remove_picture, save_picture, save_words
from loyalty.earn import EarnRequest, earn
from loyalty.programmes import change_terms
from loyalty.publish import publish
from passes.design import Upload
from passes.inspect_pass import inspect_bundle
from signing.certificate_files import read_pem
from signing.sandbox_chain import make_sandbox_apple
from storage.unit_of_work import open_work
from tests.support.cards import a_picture
from tests.support.console import an_owner
from tests.support.house import PHONE, Browser, House, a_house, an_app


def stamps(goal: int) -> StampTerms:
    return StampTerms(version=0, goal=goal)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    house = a_house(ctx, clock, terms=stamps(5))
    apple = make_sandbox_apple(clock.now())
    material = read_pem(apple.certificate_pem + apple.intermediate_pem, apple.key_pem, None)
    install_certificate(ctx, house.merchant_id, material, actor=SYSTEM, sandbox_root=apple.root_pem)
    return house


def the_pass(house: House, token: str) -> dict[str, bytes]:
    answer = Browser(an_app(house.ctx), PHONE).get(f"/m/{token}/apple.pkpass")
    assert answer.status_code == 200
    assert {one.code for one in inspect_bundle(answer.data)} == {"web_service_loopback"}
    with zipfile.ZipFile(io.BytesIO(answer.data)) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


def visit(house: House, member_id: int, key: str) -> None:
    request = EarnRequest(
        member_id=member_id, amount_minor=None, visits=1, actor=SYSTEM, idempotency_key=key
    )
    earn(house.ctx, house.merchant_id, request)


def test_each_stamp_changes_the_strip_and_the_same_count_is_the_same_picture(house: House) -> None:
    member, other = house.enrol(name="Ada"), house.enrol(name="Grace")

    none = the_pass(house, member.card_token)
    visit(house, member.member_id, "one")
    one = the_pass(house, member.card_token)
    visit(house, other.member_id, "two")

    assert {"strip.png", "strip@2x.png", "strip@3x.png"} <= one.keys()
    assert none["strip@3x.png"] != one["strip@3x.png"]
    assert the_pass(house, other.card_token)["strip@3x.png"] == one["strip@3x.png"]
    assert sum(map(len, one.values())) < 200_000


def test_another_goal_draws_the_cards_anew_and_leaves_the_draft_a_draft(house: House) -> None:
    before = the_pass(house, house.enrol(name="Ada").card_token)
    words = {"back_text": "Not yet for customers"}
    save_words(house.ctx, house.merchant_id, house.programme_id, words, actor=SYSTEM)

    change_terms(house.ctx, house.merchant_id, house.programme_id, stamps(7), actor=SYSTEM)

    # Cards that are out follow when the worker comes round; a new one shows it at once.
    after = the_pass(house, house.enrol(name="Grace").card_token)
    draft = read_draft(house.ctx, house.merchant_id, house.programme_id)
    assert after["strip@3x.png"] != before["strip@3x.png"]
    assert b"Not yet for customers" not in after["pass.json"]
    assert draft.design.back_text == "Not yet for customers"
    assert not draft.published
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        shown = work.programmes.published_design(house.programme_id)
    assert len(shown.design.stamp_images) == 8


def test_what_the_form_says_arrives_in_the_pass(house: House) -> None:
    words = {
        "languages": "de, ar",
        "reward_label.de": "Nächste Prämie",
        "programme_name.ar": "نادي القهوة",
        "stamp_shape": "star",
        "expires_on": "2027-06-30",
        "moments": "2027-01-31 18:00 - 20:00",
        "max_distance_m": "300",
        "sharing": "yes",
        "action_1_kind": "order",
        "action_1_url": "https://bean.example/order",
        "user_info": '{"shop": 1}',
    }
    save_words(house.ctx, house.merchant_id, house.programme_id, words, actor=SYSTEM)
    poster = a_picture(800, 1000)
    save_picture(
        house.ctx, house.merchant_id, house.programme_id, Upload.POSTER, poster, actor=SYSTEM
    )
    publish(house.ctx, house.merchant_id, house.programme_id, actor=SYSTEM)

    files = the_pass(house, house.enrol(name="Ada").card_token)

    document = json.loads(files["pass.json"])
    assert document["expirationDate"].startswith("2027-06-30T23:59:59")
    assert document["maxDistance"] == 300
    assert document["relevantDates"][0].keys() == {"startDate", "endDate"}
    assert document["featuredActions"][0]["type"] == "order"
    assert document["userInfo"] == {"shop": 1}
    assert "sharingProhibited" not in document
    assert document["posterGeneric"]["headerFields"] == document["storeCard"]["headerFields"]
    assert {"artwork@2x.png", "artwork@3x.png"} <= files.keys()
    german = files["de.lproj/pass.strings"].decode("utf-16")
    assert '"Next reward" = "Nächste Prämie";' in german
    assert "نادي القهوة" in files["ar.lproj/pass.strings"].decode("utf-16")
    (since,) = [f for f in document["storeCard"]["backFields"] if f["key"] == "member_since"]
    assert since["dateStyle"] == "PKDateStyleMedium"


def an_nfc_key() -> str:
    """What a reader's owner hands out: a compressed P-256 key in an X.509 envelope, base64."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    # SubjectPublicKeyInfo of a compressed point: RFC 5480, section 2.
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    return base64.b64encode(head + point).decode()


def test_nfc_is_in_the_pass_only_while_the_certificate_allows_it(house: House) -> None:
    key = an_nfc_key()
    save_words(
        house.ctx, house.merchant_id, house.programme_id, {"nfc_public_key": key}, actor=SYSTEM
    )
    publish(house.ctx, house.merchant_id, house.programme_id, actor=SYSTEM)
    token = house.enrol(name="Ada").card_token
    before = json.loads(the_pass(house, token)["pass.json"])

    apple = make_sandbox_apple(house.clock.now(), nfc=True)
    material = read_pem(apple.certificate_pem + apple.intermediate_pem, apple.key_pem, None)
    install_certificate(
        house.ctx, house.merchant_id, material, actor=SYSTEM, sandbox_root=apple.root_pem
    )
    after = json.loads(the_pass(house, token)["pass.json"])

    assert "nfc" not in before
    assert after["nfc"]["encryptionPublicKey"] == key
    assert after["nfc"]["message"] == after["barcodes"][0]["message"]
    # The whole pass, signature and all, holds before the same judge that refuses a plain one.
    data = Browser(an_app(house.ctx), PHONE).get(f"/m/{token}/apple.pkpass").data
    roots = TrustedRoots(operator=apple.root_pem, sandbox=None)
    found = inspect_pass(data, roots=roots, now=house.clock.now())
    assert {one.code for one in found} == {"web_service_loopback"}


def test_a_member_sees_the_picture_of_their_language(house: House) -> None:
    arguments = (house.ctx, house.merchant_id, house.programme_id)
    save_words(*arguments, {"languages": "de", "stamp_shape": "none"}, actor=SYSTEM)
    save_picture(*arguments, Upload.STRIP, a_picture(800, 400), actor=SYSTEM)
    german = a_picture(1200, 1200)
    with pytest.raises(InvalidInput, match="Languages"):
        save_picture(*arguments, Upload.STRIP, german, actor=SYSTEM, language="fr")
    save_picture(*arguments, Upload.STRIP, german, actor=SYSTEM, language="de")
    publish(*arguments, actor=SYSTEM)

    english = the_pass(house, house.enrol(name="Ada").card_token)
    guest = the_pass(house, house.enrol(name="Max", language="de").card_token)

    strips = {"strip.png", "strip@2x.png", "strip@3x.png"}
    assert strips <= english.keys() == guest.keys()
    assert all(english[name] != guest[name] for name in strips)
    assert english["logo.png"] == guest["logo.png"]
    assert not [name for name in guest if name.endswith(".png") and "/" in name]

    remove_picture(*arguments, Upload.STRIP, actor=SYSTEM, language="de")
    publish(*arguments, actor=SYSTEM)
    again = the_pass(house, house.enrol(name="Eva", language="de").card_token)
    assert again["strip.png"] == english["strip.png"]


def test_the_owner_uploads_a_picture_for_one_language(ctx: Loyalty, house: House) -> None:
    save_words(ctx, house.merchant_id, house.programme_id, {"languages": "de"}, actor=SYSTEM)
    owner = an_owner(an_app(ctx), ctx, house.merchant_id)
    page = f"/console/cards/{house.programme_id}"
    owner.get(page)
    fields = {
        **owner.hidden(f"{page}/strip"),
        "strip": (io.BytesIO(a_picture(800, 400)), "x.png"),
        "picture_language": "de",
    }
    owner.client.post(f"{page}/strip", data=fields, base_url="http://127.0.0.1:8080")

    assert "Another one for de" in owner.get(page).text
    draft = read_draft(ctx, house.merchant_id, house.programme_id).design
    assert list(draft.localised_sources["de"]) == [Upload.STRIP]
    assert draft.source_images == {}


def test_a_member_gets_the_owners_texts_in_the_language_of_the_member(house: House) -> None:
    words = {"languages": "de", "reward_label.de": "Prämie", "programme_name.de": "Bohnenklub"}
    save_words(house.ctx, house.merchant_id, house.programme_id, words, actor=SYSTEM)
    publish(house.ctx, house.merchant_id, house.programme_id, actor=SYSTEM)

    document = json.loads(
        the_pass(house, house.enrol(name="Ada", language="de").card_token)["pass.json"]
    )

    assert document["logoText"] == "Bohnenklub"
    labels = {f["key"]: f["label"] for f in document["storeCard"]["secondaryFields"]}
    assert labels["reward"] == "Prämie"


def test_the_console_says_what_is_wrong_with_an_uploaded_pass(ctx: Loyalty, house: House) -> None:
    owner = an_owner(an_app(ctx), ctx, house.merchant_id)
    good = Browser(an_app(ctx), PHONE).get(f"/m/{house.enrol().card_token}/apple.pkpass").data

    def told(data: bytes) -> str:
        owner.get("/console/set-up/check")
        fields = {**owner.hidden("/console/set-up/check"), "pass": (io.BytesIO(data), "x.pkpass")}
        answer = owner.client.post(
            "/console/set-up/check", data=fields, base_url="http://127.0.0.1:8080"
        )
        return html.unescape(answer.text)

    assert "signature_chain" in told(good)  # this installation's sandbox is another one
    assert "zip_damaged" in told(good[:-30])
    assert "Choose a .pkpass file." in told(b"")
