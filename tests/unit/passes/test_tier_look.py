"""A tier's look: worn by its members alone, kept by code, judged like the card's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from common.errors import InvalidInputs
from passes.content import RuleLines, face_digest
from passes.design import (
    ImageName,
    ImageRef,
    Texts,
    check_design,
    from_document,
    to_document,
)
from passes.google import loyalty_class, loyalty_object
from passes.tier_look import Tier, TierLook
from tests.support.cards import a_content, a_design, a_google_identity

IDENTITY = a_google_identity()
BANNER = ImageRef(sha256="e" * 64, width=1032, height=336)
GOLD = TierLook(
    name="Gold",
    background_colour="#aa8800",
    label_colour="#000000",
    source="f" * 64,
    images={ImageName.GOOGLE_HERO: BANNER},
)
DESIGN = a_design(tier_looks={"gold": GOLD, "silver": TierLook(background_colour="#c0c0c0")})


def in_tier(code: str, name: str = "") -> Any:
    return a_content(rule_lines=RuleLines(tier=name or code.title(), tier_code=code))


def test_a_look_survives_its_document() -> None:
    assert from_document(to_document(DESIGN)) == DESIGN
    assert "tier_looks" not in to_document(a_design())


def test_a_tier_wears_its_own_look_and_the_cards_where_it_has_none() -> None:
    gold = DESIGN.for_tier("gold")

    assert gold.background_colour == "#aa8800"
    assert gold.label_colour == "#000000"
    assert gold.foreground_colour == DESIGN.foreground_colour
    assert gold.images[ImageName.GOOGLE_HERO] == BANNER
    assert gold.images[ImageName.GOOGLE_LOGO] == DESIGN.images[ImageName.GOOGLE_LOGO]
    assert gold.for_tier("gold") == gold
    assert DESIGN.for_tier("") == a_design()
    assert DESIGN.for_tier("bronze") == a_design()


def test_a_tiers_banner_wins_over_a_languages() -> None:
    other = ImageRef(sha256="d" * 64, width=1032, height=336)
    design = replace(
        DESIGN,
        translations={"de": Texts(programme_name="Bohnenklub")},
        localised={"de": {ImageName.GOOGLE_HERO: other, ImageName.ICON_1X: other}},
    )

    worn = design.for_tier("gold").pictures(language="de")

    assert worn[ImageName.GOOGLE_HERO] == BANNER
    assert worn[ImageName.ICON_1X] == other


def test_the_class_of_a_tier_has_its_colour_banner_and_short_name() -> None:
    made = loyalty_class(DESIGN, IDENTITY, tier=Tier(code="gold", name="Golden Circle"))
    plain = loyalty_class(DESIGN, IDENTITY)
    card = loyalty_object(DESIGN.for_tier("gold"), in_tier("gold"), IDENTITY)

    assert made["hexBackgroundColor"] == "#aa8800"
    assert made["heroImage"]["sourceUri"]["uri"].endswith(f"/{'e' * 64}.png")
    assert made["rewardsTier"] == "Gold"
    assert plain["hexBackgroundColor"] == DESIGN.background_colour
    assert "rewardsTier" not in plain
    # The banner is the class's: one request changes it for all.
    assert "heroImage" not in card


def test_another_tiers_look_is_no_change_of_a_card() -> None:
    def digest(design: Any, code: str) -> bytes:
        return face_digest(design.for_tier(code), in_tier(code, "Friend"))

    other = replace(DESIGN, tier_looks=DESIGN.tier_looks | {"gold": TierLook(name="Au")})

    assert digest(other, "silver") == digest(DESIGN, "silver")
    assert digest(other, "gold") != digest(DESIGN, "gold")
    # A tier without a look of its own is told as it always was.
    assert digest(DESIGN, "bronze") == face_digest(a_design(), in_tier("", "Friend"))


@pytest.mark.parametrize(
    ("looks", "field"),
    [
        ({"gold": TierLook(name="Platinum")}, "tier_name.gold"),
        ({"gold": TierLook(background_colour="gold")}, "tier_background_colour.gold"),
        ({"gold": TierLook(foreground_colour="#fff")}, "tier_foreground_colour.gold"),
        ({"../x": TierLook(name="x")}, "tier_name"),
        ({f"t{number}": TierLook(name="x") for number in range(21)}, "tier_name"),
    ],
)
def test_what_a_wallet_would_refuse_is_named(looks: dict[str, TierLook], field: str) -> None:
    with pytest.raises(InvalidInputs) as refusal:
        check_design(a_design(tier_looks=looks))

    assert {one["field"] for one in refusal.value.errors} == {field}
