"""The demo's strip: hills of coffee leaves at dawn, drawn here so that no photograph is shipped."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

SIZE: Final = (1125, 432)
SCALE: Final = 2  # drawn larger and scaled down: smooth edges
SKY: Final = ((24, 58, 51), (233, 196, 138))
HILLS: Final = (
    # height of the crest, its swing, its wave length and phase, and its colour
    (0.52, 0.07, 1.5, 0.3, (86, 124, 98)),
    (0.64, 0.06, 1.1, 1.9, (58, 100, 82)),
    (0.76, 0.05, 1.8, 4.0, (38, 78, 66)),
    (0.88, 0.04, 1.3, 5.2, (24, 58, 51)),
)
SUN: Final = (0.74, 0.40, 0.15, (255, 231, 178))


def demo_strip() -> bytes:
    """A JPEG of 1125 by 432 pixels, the same bytes' worth of picture every time."""
    width, height = (side * SCALE for side in SIZE)
    picture = _gradient(width, height)
    _sun(picture)
    draw = ImageDraw.Draw(picture)
    for crest, swing, waves, phase, colour in HILLS:
        line = [
            (x, height * (crest + swing * math.sin(phase + waves * math.tau * x / width)))
            for x in range(0, width + 8, 8)
        ]
        draw.polygon([*line, (width, height), (0, height)], fill=colour)
        _leaves(draw, line, colour)
    buffer = io.BytesIO()
    picture.resize(SIZE, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _gradient(width: int, height: int) -> Image.Image:
    column = Image.new("RGB", (1, height))
    for y in range(height):
        part = min(1.0, y / height * 1.5)
        mixed = tuple(round(a + (b - a) * part) for a, b in zip(*SKY, strict=True))
        column.putpixel((0, y), mixed)
    return column.resize((width, height))


def _sun(picture: Image.Image) -> None:
    width, height = picture.size
    x, y, radius = SUN[0] * width, SUN[1] * height, SUN[2] * height
    for size, strength in ((3.2, 50), (1.9, 80), (1.0, 255)):
        mask = Image.new("L", picture.size, 0)
        r = radius * size
        ImageDraw.Draw(mask).ellipse((x - r, y - r, x + r, y + r), fill=strength)
        blur = ImageFilter.GaussianBlur(radius * (0.6 if size > 1 else 0.03))
        picture.paste(Image.new("RGB", picture.size, SUN[3]), (0, 0), mask.filter(blur))


def _leaves(
    draw: ImageDraw.ImageDraw, line: Sequence[tuple[float, float]], colour: tuple[int, int, int]
) -> None:
    """Rows of small leaves along a crest, a little lighter than the hill."""
    light = tuple(min(255, part + 14) for part in colour)
    for row in range(1, 5):
        for place, (x, y) in enumerate(line[:: 6 + row]):
            turn = math.sin(place * 1.7 + row)
            long, thin = 26 + 5 * row, 8 + row
            at = y + row * 34 + 8 * turn
            tip = (x + long * math.cos(0.5 * turn), at - long * 0.5 * abs(turn) - 6)
            draw.polygon([(x, at), (x + thin, at - thin), tip, (x + thin, at + 3)], fill=light)
