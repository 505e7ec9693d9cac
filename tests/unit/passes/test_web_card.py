from __future__ import annotations

import pytest

from passes.apple_face import apple_face
from passes.contrast import Contrast, contrast_ratio
from passes.google import object_face
from passes.web_card import card_colours, card_view
from tests.support.cards import a_content, a_design, a_stamp_card


@pytest.mark.parametrize("content", [a_content(), a_stamp_card(), a_content(voided=True)])
def test_the_preview_says_what_the_passes_say(content):
    view, face = card_view(a_design(), content), apple_face(a_design(), content)
    google = object_face(a_design(), content)

    for zone in ("header", "primary", "secondary", "auxiliary", "back"):
        assert [(line.key, line.label) for line in getattr(view, zone)] == [
            (field.key, field.label) for field in getattr(face, zone)
        ]
    assert view.barcode == face.barcode
    assert [line.text for line in view.google.details] == [
        module["body"] for module in google["textModulesData"]
    ]


def test_links_are_only_https_tel_and_mailto():
    view = card_view(a_design(website="javascript:alert(1)"), a_content())

    links = {line.key: line.href for line in view.back if line.href}
    assert links == {
        "card_link": "https://cards.example/m/abc",
        "phone": "tel:+442079460000",
        "email": "mailto:hello@bean.example",
    }


def test_the_balance_is_grouped_in_the_members_language():
    view = card_view(a_design(), a_content(balance=12345, language="de"))

    assert view.header[0].text == "12.345"
    assert view.google.points.text == "12.345"


def test_contrast_is_told_for_text_and_labels():
    colours = card_colours(
        a_design(background_colour="#ffffff", foreground_colour="#000000", label_colour="#eeeeee")
    )

    assert colours.text_ratio == pytest.approx(21.0)
    assert colours.text_contrast is Contrast.GOOD
    assert colours.label_contrast is Contrast.UNREADABLE


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [("#ffffff", "#ffffff", 1.0), ("#777777", "#ffffff", 4.48), ("#ffffff", "#777777", 4.48)],
)
def test_contrast_ratio_is_the_one_of_wcag(first, second, ratio):
    assert contrast_ratio(first, second) == pytest.approx(ratio, abs=0.01)
