"""The two pictures only some cards have: a thumbnail (generic) and a poster (iOS 27).

As with all uploads, what leaves here was decoded and encoded anew; see images.py for the rules.

Source: developer.apple.com/design/human-interface-guidelines/wallet; apple-wallet 1.4
"""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageOps

from passes.design import ImageName
from passes.images import PALETTE, Pixels, Rendered, cover_scale, encoded, flattened, opened, times

THUMBNAIL_POINTS: Final = (90, 90)
ARTWORK_POINTS: Final = (358, 448)
_THUMBNAILS: Final = {
    1: ImageName.THUMBNAIL_1X,
    2: ImageName.THUMBNAIL_2X,
    3: ImageName.THUMBNAIL_3X,
}
_ARTWORKS: Final = {2: ImageName.ARTWORK_2X, 3: ImageName.ARTWORK_3X}
THUMBNAIL_IMAGES: Final = frozenset(_THUMBNAILS.values())
POSTER_IMAGES: Final = frozenset(_ARTWORKS.values())


def render_thumbnail(
    data: bytes, *, background_colour: str = "#ffffff", field: str = "thumbnail"
) -> dict[ImageName, Rendered]:
    """The square picture beside a generic card's name, cropped around the middle.

    Raises:
        InvalidInput: as `images.inspect_upload`, or the picture is damaged.
        Unavailable: too many pictures are being read.
    """
    sizes = {name: times(THUMBNAIL_POINTS, scale) for scale, name in _THUMBNAILS.items()}
    return _covering(data, sizes, colour=background_colour, field=field)


def render_poster(
    data: bytes, *, background_colour: str = "#ffffff", field: str = "poster"
) -> dict[ImageName, Rendered]:
    """The picture that fills the card from iOS 27 on; at the scales those phones have.

    Raises:
        InvalidInput: as `images.inspect_upload`, or the picture is damaged.
        Unavailable: too many pictures are being read.
    """
    sizes = {name: times(ARTWORK_POINTS, scale) for scale, name in _ARTWORKS.items()}
    return _covering(data, sizes, colour=background_colour, field=field)


def _covering(
    data: bytes, sizes: dict[ImageName, Pixels], *, colour: str, field: str
) -> dict[ImageName, Rendered]:
    def fit(size: Pixels) -> float:
        return max(cover_scale(size, box) for box in sizes.values())

    with opened(data, fit=fit, field=field) as picture:
        opaque = flattened(picture, colour)
        pictures = {
            name: ImageOps.fit(opaque, size, Image.Resampling.LANCZOS)
            for name, size in sizes.items()
        }
    smallest = min(pictures.values(), key=lambda one: one.width)
    palette = smallest.quantize(PALETTE, Image.Quantize.MEDIANCUT)
    return {name: encoded(picture, palette=palette) for name, picture in pictures.items()}
