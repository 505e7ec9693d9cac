"""The image set of a card from a 12-megapixel JPEG, against the same sizes with plain Pillow.

Plain Pillow means what anyone would write: open, convert, and for each size crop and shrink from
the whole picture with Lanczos, saved as PNG. CPU time counts; the two run in turns.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable

from PIL import Image, ImageOps

from bench.row import Row
from passes.images import (
    GOOGLE_HERO,
    GOOGLE_LOGO_SIDE,
    ICON_POINTS,
    LOGO_POINTS,
    STRIP_POINTS,
    render_logo,
    render_strip,
)

GOAL = 0.5
ROUNDS = 3
SIZE = (4000, 3000)
SCALES = (1, 2, 3)


def run() -> list[Row]:
    """The one row."""
    data = _photograph()
    ratios, ours_s = [], []
    for _ in range(ROUNDS):
        ours, plain = _cpu(lambda: _by_us(data)), _cpu(lambda: _plainly(data))
        ratios.append(ours / plain)
        ours_s.append(ours)
    return [
        Row(
            name="image set of 12 megapixels",
            baseline="plain Pillow",
            goal=GOAL,
            measured=statistics.median(ratios),
            more_is_better=False,
            facts={"cpu_ms": round(statistics.median(ours_s) * 1000)},
        )
    ]


def _photograph() -> bytes:
    """A picture as a phone takes it: large shapes with grain."""
    width, height = SIZE
    grain = Image.effect_noise((width // 4, height // 4), 40).resize(SIZE)
    ramps = [
        Image.linear_gradient("L").resize(SIZE),
        Image.radial_gradient("L").resize(SIZE),
        Image.linear_gradient("L").rotate(90).resize(SIZE),
    ]
    bands = [Image.blend(ramp, grain, 0.3) for ramp in ramps]
    out = io.BytesIO()
    Image.merge("RGB", bands).save(out, "JPEG", quality=90)
    return out.getvalue()


def _by_us(data: bytes) -> None:
    render_logo(data)
    render_strip(data)


def _plainly(data: bytes) -> None:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    boxes = [
        *((ICON_POINTS * scale, ICON_POINTS * scale) for scale in SCALES),
        *((LOGO_POINTS[0] * scale, LOGO_POINTS[1] * scale) for scale in SCALES),
        *((STRIP_POINTS[0] * scale, STRIP_POINTS[1] * scale) for scale in SCALES),
        (GOOGLE_LOGO_SIDE, GOOGLE_LOGO_SIDE),
        GOOGLE_HERO,
    ]
    for box in boxes:
        shrunk = ImageOps.fit(picture, box, Image.Resampling.LANCZOS)
        shrunk.save(io.BytesIO(), "PNG")


def _cpu(call: Callable[[], None]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start
