"""A tier's look as the texts of a form."""

from __future__ import annotations

import pytest

from loyalty.design_words import is_word
from loyalty.tier_words import tier_words, with_tier_words
from passes.tier_look import TierLook

LOOKS = {"gold": TierLook(name="Gold", background_colour="#aa8800", source="f" * 64)}


def test_words_and_looks_are_each_others_inverse() -> None:
    assert with_tier_words({}, tier_words(LOOKS)) == {
        "gold": TierLook(name="Gold", background_colour="#aa8800")
    }


def test_what_is_not_sent_keeps_its_value() -> None:
    changed = with_tier_words(LOOKS, {"tier_name.gold": "Au", "programme_name": "x"})

    assert changed["gold"].name == "Au"
    assert changed["gold"].background_colour == "#aa8800"
    assert changed["gold"].source == "f" * 64


def test_a_look_of_nothing_is_none() -> None:
    bare = {"gold": TierLook(name="Gold")}

    assert with_tier_words(bare, {"tier_name.gold": ""}) == {}


@pytest.mark.parametrize(
    "name",
    ["tier_source.gold", "tier_images.gold", "tier_name.Gold", "tier_name.", "tier_name.a/b"],
)
def test_only_what_the_form_has_is_read(name: str) -> None:
    assert not is_word(name)
    assert with_tier_words({}, {name: "x"}) == {}
