"""Draws a stamp card's strip: so many stamps, so many of them filled.

One layout serves the pictures of both wallets and the drawing on our own pages, so that they cannot
differ. Pictures are drawn when a design is published, one set per number of filled stamps, and are
named by their hash like all others. Rules: every mark is drawn large and shrunk, which makes edges
smooth; few colours make small files; the ground is the card's own colour, so that no frame shows.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from PIL import Image, ImageDraw

from passes.design import DRAWN_MAX, Design, ImageName, StampShape
from passes.images import GOOGLE_HERO, STRIP_POINTS, Rendered

COLOURS: Final = 48
_OVERSAMPLING: Final = 4
MARK_REACH: Final = 0.54  # how far a mark reaches, as a share of the stamp's radius
_GAP: Final = 0.28  # between two stamps, as a share of their diameter
_MARGIN: Final = 0.1  # around all, as a share of the height
_ROW_MAX: Final = {1: 5, 2: 12, 3: 24, 4: DRAWN_MAX}
_STRIPS: Final = {1: ImageName.STRIP_1X, 2: ImageName.STRIP_2X, 3: ImageName.STRIP_3X}
_RING: Final = 0.085
_FAINT: Final = 0.62  # how far an empty stamp goes towards the ground
Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """One stamp: centre and radius in the box's units; the last one is the reward."""

    x: float
    y: float
    radius: float
    filled: bool
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is drawn in a stamp: outlines to fill and lines to follow, in a box of -1 to 1."""

    filled: tuple[tuple[Point, ...], ...] = ()
    lines: tuple[tuple[Point, ...], ...] = ()
    line_width: float = 0.2

    @property
    def outlines_path(self) -> str:
        """The filled outlines as an SVG path."""
        return " ".join([_path(outline) + "Z" for outline in self.filled])

    @property
    def lines_path(self) -> str:
        """The lines as an SVG path."""
        return " ".join([_path(line) for line in self.lines])


def layout(goal: int, filled: int, *, width: float, height: float) -> tuple[Stamp, ...]:
    """Where the stamps of a card stand in a box, in reading order and centred row by row."""
    goal = min(goal, DRAWN_MAX)
    rows = next(rows for rows, most in _ROW_MAX.items() if goal <= most)
    longest = -(-goal // rows)
    room_x, room_y = width - 2 * _MARGIN * height, height * (1 - 2 * _MARGIN)
    diameter = min(room_x / _span(longest), room_y / _span(rows), height * 0.56)
    step = diameter * (1 + _GAP)
    top = (height - diameter * _span(rows)) / 2 + diameter / 2
    stamps = []
    for number in range(goal):
        row, place = divmod(number, longest)
        in_row = min(longest, goal - row * longest)
        left = (width - diameter * _span(in_row)) / 2 + diameter / 2
        stamps.append(
            Stamp(
                x=round(left + place * step, 2),
                y=round(top + row * step, 2),
                radius=round(diameter / 2, 2),
                filled=number < filled,
                last=number == goal - 1,
            )
        )
    return tuple(stamps)


def mark(shape: StampShape, *, last: bool) -> Mark:
    """The mark of a stamp; the reward's is a present, whatever the others are."""
    return _PRESENT if last else _MARKS[shape]


def draw_stamps(design: Design, goal: int) -> tuple[dict[ImageName, Rendered], ...]:
    """The strips and Google's hero for 0, 1 … `goal` filled stamps."""
    sets: list[dict[ImageName, Rendered]] = [{} for _ in range(goal + 1)]
    sizes = {name: (STRIP_POINTS[0] * s, STRIP_POINTS[1] * s) for s, name in _STRIPS.items()}
    sizes[ImageName.GOOGLE_HERO] = GOOGLE_HERO
    for name, size in sizes.items():
        tiles = _Tiles(design, layout(goal, 0, width=size[0], height=size[1])[0].radius)
        for filled, images in enumerate(sets):
            images[name] = _rendered(_picture(tiles, goal, filled, size=size))
    return tuple(sets)


class _Tiles:
    """The four stamps there are, drawn once for a size and brought to one small palette."""

    def __init__(self, design: Design, radius: float) -> None:
        self._design = design
        self.side = max(2, round(radius * 2))
        kinds = [(filled, last) for filled in (False, True) for last in (False, True)]
        sheet = Image.new("RGB", (self.side * len(kinds), self.side))
        for place, (filled, last) in enumerate(kinds):
            sheet.paste(self._tile(filled=filled, last=last), (place * self.side, 0))
        few = sheet.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        self.ground = cast("int", few.getpixel((0, 0)))
        self.palette = few.getpalette() or []
        # The median of nearly equal colours may miss the card's own by a step, which would show.
        self.palette[self.ground * 3 : self.ground * 3 + 3] = _rgb(design.background_colour)
        self._made = {
            kind: few.crop((place * self.side, 0, (place + 1) * self.side, self.side))
            for place, kind in enumerate(kinds)
        }

    def of(self, stamp: Stamp) -> Image.Image:
        return self._made[stamp.filled, stamp.last]

    def _tile(self, *, filled: bool, last: bool) -> Image.Image:
        side = self.side * _OVERSAMPLING
        paper = _rgb(self._design.background_colour)
        ink = _rgb(self._design.foreground_colour)
        faint = _mixed(ink, paper, _FAINT)
        tile = Image.new("RGB", (side, side), paper)
        pen = ImageDraw.Draw(tile)
        edge = side * 0.01
        box = (edge, edge, side - 1 - edge, side - 1 - edge)
        if filled:
            pen.ellipse(box, fill=ink)
        else:
            pen.ellipse(box, outline=faint, width=max(1, round(side * _RING / 2)))
        _draw(pen, mark(self._design.stamp_shape, last=last), side, paper if filled else faint)
        return tile.resize((self.side, self.side), Image.Resampling.LANCZOS)


def _picture(tiles: _Tiles, goal: int, filled: int, *, size: tuple[int, int]) -> Image.Image:
    picture = Image.new("P", size, tiles.ground)
    picture.putpalette(tiles.palette)
    for stamp in layout(goal, filled, width=size[0], height=size[1]):
        at = (round(stamp.x - tiles.side / 2), round(stamp.y - tiles.side / 2))
        picture.paste(tiles.of(stamp), at)
    return picture


def _draw(pen: ImageDraw.ImageDraw, what: Mark, side: int, colour: tuple[int, int, int]) -> None:
    half, reach = side / 2, side / 2 * MARK_REACH

    def placed(points: Sequence[Point]) -> list[Point]:
        return [(half + x * reach, half + y * reach) for x, y in points]

    for outline in what.filled:
        pen.polygon(placed(outline), fill=colour)
    width = max(1, round(what.line_width * reach))
    for line in what.lines:
        points = placed(line)
        pen.line(points, fill=colour, width=width, joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=colour)


def _rendered(picture: Image.Image) -> Rendered:
    out = io.BytesIO()
    picture.save(out, "PNG")
    data = out.getvalue()
    return Rendered(
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        width=picture.width,
        height=picture.height,
    )


def _span(count: int) -> float:
    """How many diameters `count` stamps in a row take."""
    return count + (count - 1) * _GAP


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def _mixed(ink: tuple[int, ...], paper: tuple[int, ...], share: float) -> tuple[int, int, int]:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(ink, paper, strict=True))
    return red, green, blue


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def _star() -> tuple[Point, ...]:
    turns = [math.pi * step / 5 - math.pi / 2 for step in range(10)]
    reach = [1.12 if step % 2 == 0 else 0.48 for step in range(10)]
    return tuple(
        (round(r * math.cos(t), 3), round(r * math.sin(t) + 0.06, 3))
        for r, t in zip(reach, turns, strict=True)
    )


def _heart() -> tuple[Point, ...]:
    turns = [2 * math.pi * step / 60 for step in range(60)]
    return tuple(
        (
            round(math.sin(t) ** 3 * 1.05, 3),
            round(
                -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t))
                / 15.5
                - 0.06,
                3,
            ),
        )
        for t in turns
    )


def _arc(x: float, y: float, radius: float, *, start: float, end: float) -> tuple[Point, ...]:
    turns = [math.radians(start + (end - start) * step / 16) for step in range(17)]
    return tuple(
        (round(x + radius * math.cos(t), 3), round(y + radius * math.sin(t), 3)) for t in turns
    )


_TICK: Final = Mark(lines=(((-0.72, 0.05), (-0.2, 0.58), (0.78, -0.56)),), line_width=0.3)
_CUP: Final = Mark(
    filled=(
        ((-0.86, -0.28), (0.5, -0.28), (0.4, 0.5), *_arc(-0.18, 0.42, 0.6, start=20, end=160)),
    ),
    lines=(
        _arc(0.5, 0.08, 0.34, start=-80, end=85),
        ((-0.46, -0.98), (-0.36, -0.78), (-0.46, -0.58)),
        ((0.1, -0.98), (0.2, -0.78), (0.1, -0.58)),
    ),
    line_width=0.16,
)
_PRESENT: Final = Mark(
    filled=(
        ((-0.88, -0.36), (-0.09, -0.36), (-0.09, 0.0), (-0.88, 0.0)),
        ((0.09, -0.36), (0.88, -0.36), (0.88, 0.0), (0.09, 0.0)),
        ((-0.74, 0.14), (-0.09, 0.14), (-0.09, 0.94), (-0.74, 0.94)),
        ((0.09, 0.14), (0.74, 0.14), (0.74, 0.94), (0.09, 0.94)),
    ),
    lines=(
        (*_arc(-0.34, -0.68, 0.28, start=70, end=380), (0.0, -0.42)),
        (*_arc(0.34, -0.68, 0.28, start=110, end=-200), (0.0, -0.42)),
    ),
    line_width=0.15,
)
_MARKS: Final = {
    StampShape.CIRCLE: _TICK,
    StampShape.STAR: Mark(filled=(_star(),)),
    StampShape.HEART: Mark(filled=(_heart(),)),
    StampShape.CUP: _CUP,
    StampShape.NONE: Mark(),
}
