"""Draws the plain picture of a card that has no logo: the first letter on a square.

Pillow's own scalable font knows Latin letters and digits only; other scripts get a ring.
"""

from __future__ import annotations

import unicodedata

from PIL import Image, ImageDraw, ImageFont


def first_letter(name: str) -> str:
    """The first letter or digit our font can draw, else nothing."""
    for symbol in unicodedata.normalize("NFKD", name):
        if symbol.isascii() and symbol.isalnum():
            return symbol.upper()
    return ""


def monogram(letter: str, *, paper: str, ink: str, side: int) -> Image.Image:
    """A square of `side` pixels in two colours (`#rrggbb`)."""
    picture = Image.new("RGB", (side, side), paper)
    pen = ImageDraw.Draw(picture)
    if letter:
        font = ImageFont.load_default(size=side * 0.55)
        left, top, right, bottom = pen.textbbox((0, 0), letter, font=font)
        at = ((side - left - right) / 2, (side - top - bottom) / 2)
        pen.text(at, letter, font=font, fill=ink, stroke_width=side // 80, stroke_fill=ink)
    else:
        # A script the font does not know: a ring instead of an empty box.
        pen.ellipse((side * 0.3, side * 0.3, side * 0.7, side * 0.7), outline=ink, width=side // 14)
    return picture


def rounded_mask(side: int) -> Image.Image:
    """White inside a square with round corners, for `putalpha`."""
    mask = Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, side - 1, side - 1), radius=side // 5, fill=255)
    return mask
