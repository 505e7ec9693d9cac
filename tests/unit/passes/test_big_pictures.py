from __future__ import annotations

import pytest

from common.errors import InvalidInput
from passes.big_pictures import (
    POSTER_IMAGES,
    THUMBNAIL_IMAGES,
    render_poster,
    render_thumbnail,
)
from passes.design import ImageName
from tests.support.cards import a_picture, pixels_of


def test_a_thumbnail_is_a_square_at_three_scales():
    images = render_thumbnail(a_picture(600, 300))

    assert images.keys() == THUMBNAIL_IMAGES
    assert [(one.width, one.height) for one in images.values()] == [
        (90, 90),
        (180, 180),
        (270, 270),
    ]


def test_a_poster_fills_the_card_and_stays_small():
    images = render_poster(a_picture(1500, 1500, kind="JPEG"))

    assert images.keys() == POSTER_IMAGES
    poster = images[ImageName.ARTWORK_3X]
    assert (poster.width, poster.height) == (1074, 1344)
    assert sum(len(one.data) for one in images.values()) < 700_000


def test_what_was_transparent_lies_on_the_cards_colour():
    images = render_poster(a_picture(400, 500, mode="RGBA"), background_colour="#ff0000")

    picture = pixels_of(images[ImageName.ARTWORK_2X].data).convert("RGBA")
    assert picture.getextrema()[3] == (255, 255)


@pytest.mark.parametrize("render", [render_thumbnail, render_poster])
def test_what_is_no_picture_is_told_at_its_field(render):
    with pytest.raises(InvalidInput) as refused:
        render(b"no picture")

    assert refused.value.field in {"thumbnail", "poster"}
