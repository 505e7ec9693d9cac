"""Turns an untrusted upload into the images a design shows; nothing of the file itself survives.

Rules: limits are judged from the header before decoding; every picture is decoded, turned upright,
brought to sRGB and encoded anew, so metadata, hidden tails and scripts are gone; at most two
pictures are decoded at a time. The big picture is shrunk once, while it is decoded where the
format allows, and the small ones are made from that. Not here: storing (storage), Google's
fetching by address (web). Sizes: apple-wallet 1.4, google-wallet 1.1.
"""

from __future__ import annotations

import hashlib
import io
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

from PIL import Image, ImageCms, ImageOps

from common.errors import InvalidInput, Unavailable
from common.i18n import gettext as _
from passes.design import Design, ImageName, ImageRef
from passes.image_header import PictureFormat, UploadFacts, read_header
from passes.monogram import first_letter, monogram, rounded_mask

UPLOAD_BYTES_MAX: Final = 10 * 1024 * 1024
PIXELS_MAX: Final = 20_000_000
SIDE_MAX: Final = 10_000
DECODERS: Final = 2
DECODE_WAIT_S: Final = 20

LOGO_POINTS: Final = (160, 50)
ICON_POINTS: Final = 38
STRIP_POINTS: Final = (375, 144)
GOOGLE_LOGO_SIDE: Final = 660
GOOGLE_HERO: Final = (1032, 336)
GOOGLE_WIDE_LOGO: Final = (1280, 400)
# A logo this much wider than high also stands alone at the top of Google's card.
_WIDE: Final = 2.0
# Google masks its logo to a circle and asks for this much air on each side.
GOOGLE_MARGIN: Final = 0.15
ICON_MARGIN: Final = 0.1
PALETTE: Final = 256
# Sets of default pictures kept, about 30 KB each.
DRAWN_MAX: Final = 16

_LOGOS: Final = {1: ImageName.LOGO_1X, 2: ImageName.LOGO_2X, 3: ImageName.LOGO_3X}
_ICONS: Final = {1: ImageName.ICON_1X, 2: ImageName.ICON_2X, 3: ImageName.ICON_3X}
_STRIPS: Final = {1: ImageName.STRIP_1X, 2: ImageName.STRIP_2X, 3: ImageName.STRIP_3X}
_LARGEST: Final = 3
_GAP: Final = 3.0
_OPAQUE: Final = 255
_SRGB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_decoders: Final = threading.BoundedSemaphore(DECODERS)
# What Pillow's plugins raise on damaged files, as the fuzzing test finds them.
_DAMAGE: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
# EXIF: the tag, and the values that swap width and height.
_ORIENTATION: Final = 0x0112
_TURNED: Final = frozenset({5, 6, 7, 8})
Pixels = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A PNG of ours: its bytes, their SHA-256 in lower-case hex, and its size in pixels."""

    data: bytes
    sha256: str
    width: int
    height: int

    @property
    def ref(self) -> ImageRef:
        """How a design names it."""
        return ImageRef(sha256=self.sha256, width=self.width, height=self.height)


def inspect_upload(data: bytes, *, field: str = "image") -> UploadFacts:
    """Judge an upload by its size and header alone.

    Raises:
        InvalidInput: no PNG, JPEG or WebP; above 10 MB, 20 megapixels or 10 000 pixels a side;
            more than one frame. The sentence says what to do.
    """
    if not data:
        raise InvalidInput(_("Choose a picture."), field=field)
    if len(data) > UPLOAD_BYTES_MAX:
        raise InvalidInput(
            _(
                "This file has %(size)d MB; %(max)d is the most. Make it smaller and try again.",
                size=-(-len(data) // (1024 * 1024)),
                max=UPLOAD_BYTES_MAX // (1024 * 1024),
            ),
            field=field,
        )
    facts = read_header(data)
    if facts is None:
        raise InvalidInput(_("This is not a picture. Use a PNG, JPEG or WebP file."), field=field)
    _check_facts(facts, field=field)
    return facts


def render_logo(
    data: bytes, *, background_colour: str = "#ffffff", field: str = "logo"
) -> dict[ImageName, Rendered]:
    """Icon, logo and Google's logo from an upload; the logo keeps its transparency.

    Args:
        data: the upload, untrusted.
        background_colour: `#rrggbb` behind the icon and Google's logo, where a transparent
            picture would otherwise show the phone's own colour.
        field: the form's field, for complaints.

    Raises:
        InvalidInput: as `inspect_upload`, or the picture is damaged or wholly transparent.
        Unavailable: too many pictures are being read.
    """
    inner = round(GOOGLE_LOGO_SIDE * (1 - 2 * GOOGLE_MARGIN))
    boxes = [times(LOGO_POINTS, _LARGEST), (inner, inner), GOOGLE_WIDE_LOGO]

    def fit(size: Pixels) -> float:
        return max(_contain_scale(size, box) for box in boxes)

    with opened(data, fit=fit, field=field) as picture:
        logo = _trimmed(picture, field=field)
        return _logo_images(logo, backdrop=_backdrop(logo, background_colour))


def render_strip(
    data: bytes, *, background_colour: str = "#ffffff", field: str = "strip"
) -> dict[ImageName, Rendered]:
    """Apple's strip and Google's hero from an upload, cropped around the middle to fill.

    Raises:
        InvalidInput: as `inspect_upload`, or the picture is damaged.
        Unavailable: too many pictures are being read.
    """
    sizes = {name: times(STRIP_POINTS, scale) for scale, name in _STRIPS.items()}
    sizes[ImageName.GOOGLE_HERO] = GOOGLE_HERO

    def fit(size: Pixels) -> float:
        return max(cover_scale(size, box) for box in sizes.values())

    with opened(data, fit=fit, field=field) as picture:
        opaque = flattened(picture, background_colour)
        pictures = {
            name: ImageOps.fit(opaque, size, Image.Resampling.LANCZOS)
            for name, size in sizes.items()
        }
    # Choosing colours costs more than all the rest, so the smallest picture chooses for all.
    palette = pictures[ImageName.STRIP_1X].quantize(PALETTE, Image.Quantize.MEDIANCUT)
    return {name: encoded(picture, palette=palette) for name, picture in pictures.items()}


def default_images(design: Design) -> dict[ImageName, Rendered]:
    """Icon, logo and Google's logo drawn from the programme's first letter and its colours."""
    letter = first_letter(design.programme_name)
    return dict(_drawn(letter, design.background_colour, design.foreground_colour))


@lru_cache(maxsize=DRAWN_MAX)
def _drawn(letter: str, paper: str, ink: str) -> Mapping[ImageName, Rendered]:
    """Drawn once for as long as an owner works on the rest of a design."""
    on_card = monogram(letter, paper=paper, ink=ink, side=GOOGLE_LOGO_SIDE)
    badge = monogram(letter, paper=ink, ink=paper, side=GOOGLE_LOGO_SIDE)
    badge.putalpha(rounded_mask(GOOGLE_LOGO_SIDE))
    side = LOGO_POINTS[1]
    images = {
        name: encoded(_resized(badge, times((side, side), scale))) for scale, name in _LOGOS.items()
    }
    for scale, name in _ICONS.items():
        images[name] = encoded(_resized(on_card, times((ICON_POINTS, ICON_POINTS), scale)))
    images[ImageName.GOOGLE_LOGO] = encoded(on_card)
    return images


def _check_facts(facts: UploadFacts, *, field: str) -> None:
    if facts.animated:
        raise InvalidInput(_("This picture moves. Use one that stands still."), field=field)
    if min(facts.width, facts.height) < 1:
        raise InvalidInput(_("This picture is empty. Choose another one."), field=field)
    if max(facts.width, facts.height) > SIDE_MAX:
        raise InvalidInput(
            _(
                "This picture is %(side)d pixels long; %(max)d is the most. "
                "Make it smaller and try again.",
                side=max(facts.width, facts.height),
                max=SIDE_MAX,
            ),
            field=field,
        )
    if facts.pixels > PIXELS_MAX:
        raise InvalidInput(
            _(
                "This picture has %(megapixels)d megapixels; %(max)d is the most. "
                "Make it smaller and try again.",
                megapixels=-(-facts.pixels // 1_000_000),
                max=PIXELS_MAX // 1_000_000,
            ),
            field=field,
        )


@contextmanager
def opened(data: bytes, *, fit: Callable[[Pixels], float], field: str) -> Iterator[Image.Image]:
    """The upload as an upright sRGB picture (RGB or RGBA), no larger than `fit` needs."""
    facts = inspect_upload(data, field=field)
    if not _decoders.acquire(timeout=DECODE_WAIT_S):
        raise Unavailable(_("Many pictures are being read right now. Please try again."))
    try:
        try:
            picture = _decoded(data, facts, fit=fit, field=field)
        except _DAMAGE as error:
            raise InvalidInput(
                _("This picture is damaged. Save it again and try once more."), field=field
            ) from error
        yield picture
    finally:
        _decoders.release()


def _decoded(
    data: bytes, facts: UploadFacts, *, fit: Callable[[Pixels], float], field: str
) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=(facts.format,)) as source:
        width, height = source.size
        # A file may carry a second header; the decoder's reading counts as well.
        _check_facts(UploadFacts(format=facts.format, width=width, height=height), field=field)
        scale = min(1.0, fit(_upright(source)))
        target = (max(1, round(width * scale)), max(1, round(height * scale)))
        if facts.format is PictureFormat.JPEG:
            source.draft("RGB", target)
        profile = source.info.get("icc_profile")
        orientation = source.getexif()
        picture = _plain_mode(source)
        if picture.size != target:
            picture = picture.resize(target, Image.Resampling.LANCZOS, reducing_gap=_GAP)
        picture = _in_srgb(picture, profile)
    picture.info = {}
    picture.getexif().update({_ORIENTATION: orientation.get(_ORIENTATION, 1)})
    return ImageOps.exif_transpose(picture)


def _upright(source: Image.Image) -> Pixels:
    width, height = source.size
    return (height, width) if source.getexif().get(_ORIENTATION) in _TURNED else (width, height)


def _plain_mode(source: Image.Image) -> Image.Image:
    """A mode that can be resized without loss: RGB, RGBA, CMYK or L."""
    if source.mode.startswith("I") or source.mode == "F":
        # Sixteen bits of grey: Pillow's own conversion clips instead of scaling.
        return source.convert("I").point(lambda value: value / 256).convert("L")
    if source.mode in {"RGB", "L"} and "transparency" in source.info:
        return source.convert("RGBA")
    if source.mode in {"RGB", "RGBA", "CMYK", "L"}:
        source.load()
        return source
    has_alpha = source.mode in {"LA", "PA", "La", "RGBa"} or "transparency" in source.info
    return source.convert("RGBA" if has_alpha else "RGB")


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    if profile:
        try:
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            turned = ImageCms.profileToProfile(picture, given, _SRGB, outputMode=mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            # A broken profile is common and harmless: the numbers are read as sRGB.
            turned = None
        if turned is not None:
            return turned
    return picture.convert(mode)


def _trimmed(picture: Image.Image, *, field: str) -> Image.Image:
    """Without the transparent border, which would make the logo look small."""
    if picture.mode != "RGBA":
        return picture
    box = picture.getchannel("A").getbbox()
    if box is None:
        raise InvalidInput(_("This picture is wholly transparent."), field=field)
    return picture.crop(box)


def _backdrop(logo: Image.Image, colour: str) -> str:
    """The colour around the logo: its own where all corners agree, so that no frame shows."""
    if logo.mode == "RGBA" and logo.getchannel("A").getextrema()[0] != _OPAQUE:
        return colour
    opaque = logo.convert("RGB")
    right, bottom = opaque.width - 1, opaque.height - 1
    places = ((0, 0), (right, 0), (0, bottom), (right, bottom))
    corners = [cast("tuple[int, int, int]", opaque.getpixel(place)) for place in places]
    # JPEG noise moves a plain corner by a few steps; sixteenths hide that.
    if len({tuple(channel >> 4 for channel in corner) for corner in corners}) > 1:
        return colour
    red, green, blue = corners[0]
    return f"#{red:02x}{green:02x}{blue:02x}"


def _logo_images(logo: Image.Image, *, backdrop: str) -> dict[ImageName, Rendered]:
    images = {
        name: encoded(_resized(logo, _contained(logo.size, times(LOGO_POINTS, scale))))
        for scale, name in _LOGOS.items()
    }
    for scale, name in _ICONS.items():
        square = _on_square(logo, ICON_POINTS * scale, margin=ICON_MARGIN, backdrop=backdrop)
        images[name] = encoded(square)
    square = _on_square(logo, GOOGLE_LOGO_SIDE, margin=GOOGLE_MARGIN, backdrop=backdrop)
    images[ImageName.GOOGLE_LOGO] = encoded(square)
    if logo.width >= logo.height * _WIDE:
        wide = _resized(logo, _contained(logo.size, GOOGLE_WIDE_LOGO))
        images[ImageName.GOOGLE_WIDE_LOGO] = encoded(wide)
    return images


def _on_square(logo: Image.Image, side: int, *, margin: float, backdrop: str) -> Image.Image:
    square = Image.new("RGB", (side, side), backdrop)
    inner = max(1, round(side * (1 - 2 * margin)))
    small = _resized(logo, _contained(logo.size, (inner, inner)))
    at = ((side - small.width) // 2, (side - small.height) // 2)
    square.paste(small, at, small if small.mode == "RGBA" else None)
    return square


def flattened(picture: Image.Image, colour: str) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    paper = Image.new("RGB", picture.size, colour)
    paper.paste(picture, (0, 0), picture)
    return paper


def _resized(picture: Image.Image, size: Pixels) -> Image.Image:
    if picture.size == size:
        return picture
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=_GAP)


def times(size: Pixels, scale: int) -> Pixels:
    return (size[0] * scale, size[1] * scale)


def _contain_scale(size: Pixels, box: Pixels) -> float:
    return min(box[0] / size[0], box[1] / size[1])


def cover_scale(size: Pixels, box: Pixels) -> float:
    return max(box[0] / size[0], box[1] / size[1])


def _contained(size: Pixels, box: Pixels) -> Pixels:
    scale = _contain_scale(size, box)
    return (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))


def encoded(picture: Image.Image, *, palette: Image.Image | None = None) -> Rendered:
    """A PNG with nothing but pixels, by palette where that is exact or cannot be seen."""
    small = picture
    if picture.getcolors(PALETTE) is not None:
        small = _exact_palette(picture)
    elif palette is not None:
        # A photograph at three pixels a point: dithered, 256 colours look the same on the phone
        # and every later fetch of the pass is a fifth of the size.
        small = picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    small.info = {key: value for key, value in small.info.items() if key == "transparency"}
    out = io.BytesIO()
    small.save(out, "PNG")
    data = out.getvalue()
    return Rendered(
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        width=picture.width,
        height=picture.height,
    )


def _exact_palette(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGBA":
        return picture
    return picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=PALETTE)
