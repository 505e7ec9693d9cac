from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from passes.apple import pass_document, rgb
from passes.apple_face import Zone, apple_face
from passes.apple_options import (
    AppleOptions,
    CodeKind,
    options_from_document,
    options_to_document,
)
from passes.content import Place, RewardLine, RuleLines
from passes.design import StampShape, Upload
from passes.document_rules import check_document
from tests.support.cards import a_content, a_design, a_stamp_card, an_apple_identity

GOLDEN = Path(__file__).parents[2] / "data" / "apple"
CARDS = {"points": a_content(), "stamps": a_stamp_card()}


def document(design=None, content=None):
    return pass_document(design or a_design(), content or a_content(), an_apple_identity())


def fields(card, zone):
    return {field["key"]: field for field in card["storeCard"].get(zone, ())}


@pytest.mark.parametrize("name", CARDS)
def test_pass_json_is_the_golden_one(name):
    golden = json.loads((GOLDEN / f"{name}.json").read_text())

    assert document(content=CARDS[name]) == golden


@pytest.mark.parametrize("content", CARDS.values(), ids=CARDS)
def test_what_we_make_passes_our_own_inspection(content):
    assert check_document(document(content=content), {"icon.png"}) == []


def test_balance_is_a_number_in_the_header_and_announces_its_change():
    balance = fields(document(), Zone.HEADER)["balance"]

    assert balance["value"] == 12
    assert balance["changeMessage"] == "You now have %@ points"


@pytest.mark.parametrize(
    ("lines", "status"), [(RuleLines(tier="Gold"), "Gold"), (RuleLines(), None), (None, None)]
)
def test_the_tier_is_a_semantic_tag(lines, status):
    tags = document(content=a_content(rule_lines=lines))["semantics"]

    assert tags.get("membershipProgramStatus") == status


def test_one_point_is_announced_in_the_singular():
    balance = fields(document(content=a_content(balance=1)), Zone.HEADER)["balance"]

    assert balance["changeMessage"] == "You now have %@ point"


def test_drawn_stamps_leave_the_strip_free_and_count_in_the_row_below():
    card = document(content=a_stamp_card())

    assert fields(card, Zone.SECONDARY)["stamps"]["value"] == "3 / 9"
    assert Zone.PRIMARY not in card["storeCard"]


def test_without_a_drawing_stamps_stand_over_the_strip():
    card = document(a_design(stamp_shape=StampShape.NONE), a_stamp_card())

    assert fields(card, Zone.PRIMARY)["stamps"]["value"] == "3 / 9"
    assert Zone.PRIMARY not in document()["storeCard"]


def test_a_message_is_announced_and_its_removal_is_not():
    with_message = fields(document(content=a_content(message="Free cake!")), Zone.BACK)["message"]
    without = fields(document(), Zone.BACK)["message"]

    assert with_message["value"] == "Free cake!"
    assert with_message["changeMessage"] == "%@"
    assert without["value"]
    assert "changeMessage" not in without


def test_only_balance_and_message_announce_themselves():
    card = document(content=a_content(message="Hello"))

    announced = {
        field["key"]
        for zone in card["storeCard"].values()
        for field in zone
        if "changeMessage" in field
    }
    assert announced == {"balance", "message"}


def test_a_voided_card_shows_no_barcode():
    card = document(content=a_content(voided=True))

    assert card["voided"] is True
    assert "barcodes" not in card
    assert "0123456789ABCDEFGHJKMNPQRS" not in json.dumps(card)


@pytest.mark.parametrize(
    ("code", "formats"),
    [
        (CodeKind.QR, ["QR"]),
        (CodeKind.AZTEC, ["Aztec", "QR"]),
        (CodeKind.PDF417, ["PDF417", "QR"]),
        (CodeKind.CODE_128, ["Code128", "QR"]),
        (CodeKind.CODE_39, ["Code39", "Code128", "QR"]),
    ],
)
def test_a_phone_that_cannot_draw_the_code_draws_an_older_one(code, formats):
    design = a_design(apple=AppleOptions(code=code))

    card = pass_document(design, a_content(), an_apple_identity())

    assert [one["format"] for one in card["barcodes"]] == [f"PKBarcodeFormat{f}" for f in formats]
    assert len({one["message"] for one in card["barcodes"]}) == 1
    assert check_document(card, {"icon.png"}) == []
    assert options_from_document(options_to_document(design.apple)) == design.apple


def test_only_barcodes_is_written_never_the_single_one():
    card = document()

    assert "barcode" not in card
    assert card["barcodes"] == [
        {
            "format": "PKBarcodeFormatQR",
            "message": "0123456789ABCDEFGHJKMNPQRS",
            "messageEncoding": "iso-8859-1",
            "altText": "7K2M9-QXTR4",
        }
    ]


def test_expiry_is_spelt_right_and_has_an_offset():
    card = document(content=a_content(expires_at=datetime(2027, 1, 31, 18, tzinfo=UTC)))

    assert card["expirationDate"] == "2027-01-31T18:00:00+00:00"
    assert check_document(card, {"icon.png"}) == []


def test_at_most_ten_branches_become_locations():
    places = tuple(Place(name=f"Branch {n}", latitude=n, longitude=n) for n in range(15))

    locations = document(content=a_content(places=places))["locations"]

    assert len(locations) == 10
    assert locations[0] == {"latitude": 0, "longitude": 0, "relevantText": "Branch 0"}


def test_logo_text_gives_way_to_the_owners_own_logo():
    drawn = apple_face(a_design(), a_content())
    own = apple_face(a_design(source_images={Upload.LOGO: "b" * 64}), a_content())

    assert drawn.logo_text == "Bean Club"
    assert own.logo_text == ""


def test_a_member_without_a_name_shows_the_number():
    card = document(content=a_content(member_name=""))

    assert fields(card, Zone.AUXILIARY)["member"]["value"] == "7K2M9-QXTR4"


def test_a_due_reward_says_so():
    due = RewardLine(name="Coffee", cost=10, due=True)
    card = document(content=a_content(next_reward=due, rewards=(due,)))

    assert fields(card, Zone.SECONDARY)["reward"]["value"] == "Coffee is ready"
    assert fields(card, Zone.BACK)["rewards"]["value"] == "Coffee: 10 points (ready for you)"


def test_a_bare_programme_leaves_out_empty_fields():
    content = a_content(
        next_reward=None, rewards=(), rules=(), history=(), progress="", card_link="", places=()
    )
    design = a_design(back_text="", website="", phone="", email="")

    card = document(design, content)

    assert list(fields(card, Zone.BACK)) == ["message", "member_number"]
    assert "secondaryFields" not in card["storeCard"]
    assert "locations" not in card


def test_hostile_texts_stay_texts():
    nasty = '</a><script>"\\\u202e\x00%s %(x)s {0} %@'
    card = document(
        a_design(programme_name=nasty, organization_name=nasty, back_text=nasty),
        a_content(member_name=nasty, message=nasty, rules=(nasty,)),
    )

    assert fields(card, Zone.BACK)["about"]["value"] == nasty
    assert card["description"] == f"{nasty} card"
    assert "attributedValue" not in json.dumps(card)


def test_numbers_read_as_the_language_writes_them():
    face = apple_face(a_design(), a_content(balance=12345))

    assert face.header[0].text("de") == "12.345"
    assert face.header[0].text("en") == "12,345"


def test_colours_are_written_as_apple_documents_them():
    assert rgb("#1F3d36") == "rgb(31, 61, 54)"


def test_a_blank_message_is_no_message():
    message = fields(document(content=a_content(message=" \n")), Zone.BACK)["message"]

    assert message["value"].strip()
    assert "changeMessage" not in message
