from __future__ import annotations

import io
import itertools

import pytest
from PIL import Image

from passes.design import DRAWN_MAX, ImageName, StampShape
from passes.stamp_card import draw_stamps, layout, mark
from tests.support.cards import a_design


@pytest.mark.parametrize("goal", [1, 2, 5, 6, 9, 10, 13, 24, 25, DRAWN_MAX])
def test_every_stamp_stands_whole_in_the_box_and_none_touches_another(goal):
    stamps = layout(goal, 0, width=375, height=144)

    assert len(stamps) == goal
    for stamp in stamps:
        assert stamp.radius <= stamp.x <= 375 - stamp.radius
        assert stamp.radius <= stamp.y <= 144 - stamp.radius
    for one, other in itertools.pairwise(stamps):
        distance = ((one.x - other.x) ** 2 + (one.y - other.y) ** 2) ** 0.5
        assert distance > one.radius * 2


def test_as_many_are_filled_as_were_earned_and_the_last_is_the_present():
    stamps = layout(9, 4, width=375, height=144)

    assert [stamp.filled for stamp in stamps] == [True] * 4 + [False] * 5
    assert [stamp.last for stamp in stamps] == [False] * 8 + [True]
    assert mark(StampShape.STAR, last=True) == mark(StampShape.CUP, last=True)


def test_there_is_a_set_for_each_state_in_every_size_sharp_and_small():
    sets = draw_stamps(a_design(), 5)

    assert len(sets) == 6
    for images in sets:
        assert {name: (one.width, one.height) for name, one in images.items()} == {
            ImageName.STRIP_1X: (375, 144),
            ImageName.STRIP_2X: (750, 288),
            ImageName.STRIP_3X: (1125, 432),
            ImageName.GOOGLE_HERO: (1032, 336),
        }
        assert all(len(one.data) < 25_000 for one in images.values())
    assert len({images[ImageName.STRIP_3X].sha256 for images in sets}) == 6


def test_the_same_state_is_the_same_picture():
    assert draw_stamps(a_design(), 3) == draw_stamps(a_design(), 3)


@pytest.mark.parametrize("shape", [s for s in StampShape if s is not StampShape.NONE])
def test_the_ground_is_exactly_the_cards_colour_so_that_no_frame_shows(shape):
    design = a_design(stamp_shape=shape, background_colour="#12ab9f", foreground_colour="#fefefe")

    for images in draw_stamps(design, 3):
        picture = Image.open(io.BytesIO(images[ImageName.STRIP_2X].data)).convert("RGB")
        assert picture.getpixel((0, 0)) == picture.getpixel((749, 287)) == (0x12, 0xAB, 0x9F)


def test_a_design_gives_each_balance_its_pictures():
    sets = draw_stamps(a_design(), 3)
    refs = tuple({name: one.ref for name, one in images.items()} for images in sets)
    design = a_design(stamp_images=refs)

    assert design.pictures(goal=3, balance=2)[ImageName.STRIP_1X] == refs[2][ImageName.STRIP_1X]
    assert design.pictures(goal=3, balance=7)[ImageName.STRIP_1X] == refs[3][ImageName.STRIP_1X]
    assert ImageName.STRIP_1X not in design.pictures(goal=4, balance=2)
    assert ImageName.STRIP_1X not in design.pictures()
