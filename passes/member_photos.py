"""A photo that a member sends in, drawn anew: smaller, in sRGB, without place, time or camera.

As with all uploads, what leaves here was decoded and encoded anew; see images.py for the rules.
"""

from __future__ import annotations

from typing import Final

from PIL import Image

from passes.images import Pixels, Rendered, encoded, flattened, inspect_upload, opened

SIDE_MAX: Final = 800


def render_photo(data: bytes, *, field: str = "photo") -> Rendered:
    """The photo as a PNG of at most 800 pixels a side.

    Raises:
        InvalidInput: as `images.inspect_upload`, or the picture is damaged.
        Unavailable: too many pictures are being read.
    """
    inspect_upload(data, field=field)
    with opened(data, fit=_scale, field=field) as picture:
        plain = flattened(picture, "#ffffff")
        plain.thumbnail((SIDE_MAX, SIDE_MAX), Image.Resampling.LANCZOS)
        return encoded(plain)


def _scale(size: Pixels) -> float:
    return min(1.0, SIDE_MAX / max(size))
