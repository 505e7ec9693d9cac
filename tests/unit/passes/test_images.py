from __future__ import annotations

import contextlib
import io
import random
import struct
import zlib

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from common.errors import InvalidInput
from passes.design import ImageName
from passes.image_header import read_header
from passes.images import default_images, inspect_upload, render_logo, render_strip
from tests.support.cards import a_design, a_picture, pixels_of

LOGO_NAMES = {
    name
    for name in ImageName
    if "icon" in name or ("logo" in name and name is not ImageName.GOOGLE_WIDE_LOGO)
}
SIZES = {
    ImageName.ICON_1X: (38, 38),
    ImageName.ICON_2X: (76, 76),
    ImageName.ICON_3X: (114, 114),
    ImageName.GOOGLE_LOGO: (660, 660),
}


def a_png_claiming(width, height):
    """A whole PNG header over nothing: what a bomb shows before it goes off."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(header))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
    )


def a_webp_claiming(width, height, *, flags=0):
    body = bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little")
    body += (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + body


def an_animation(kind):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("options", [{}, {"lossless": True}], ids=["plain", "lossless"])
def test_the_header_is_read_as_pillow_reads_it(kind, options):
    data = a_picture(123, 45, kind=kind, **(options if kind == "WEBP" else {}))

    facts = read_header(data)

    assert (facts.format, facts.width, facts.height, facts.animated) == (kind, 123, 45, False)


def test_a_progressive_jpeg_with_exif_is_read():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = a_picture(90, 60, kind="JPEG", progressive=True, exif=exif)

    assert (read_header(data).width, read_header(data).height) == (90, 60)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "Choose a picture"),
        (b"hello, I am a text called logo.png", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (b"GIF89a" + bytes(40), "not a picture"),
        (b"\x89PNG\r\n\x1a\n", "not a picture"),
        (b"\xff\xd8\xff", "not a picture"),
        (b"\xff\xd8\xff\xe0\x00\x00" + bytes(60), "not a picture"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X", "not a picture"),
        (a_png_claiming(0, 10), "empty"),
        (a_png_claiming(8000, 5000), "40 megapixels; 20 is the most"),
        (a_png_claiming(2**32 - 1, 2**32 - 1), "10000 is the most"),
        (a_png_claiming(10_001, 1), "10001 pixels long"),
        (a_webp_claiming(8000, 5000), "40 megapixels"),
        (a_webp_claiming(10, 10, flags=2), "moves"),
        (b"\x89PNG\r\n\x1a\n" + bytes(10 * 1024 * 1024), "11 MB; 10 is the most"),
        (an_animation("PNG"), "moves"),
        (an_animation("WEBP"), "moves"),
    ],
)
def test_what_no_picture_of_ours_can_be_is_refused_with_the_mend(data, words):
    with pytest.raises(InvalidInput, match=words) as refusal:
        inspect_upload(data, field="strip")

    assert refusal.value.field == "strip"


@pytest.mark.parametrize("render", [render_logo, render_strip])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_truncated_picture_is_refused(render, kind):
    data = a_picture(300, 200, kind=kind)

    with pytest.raises(InvalidInput):
        render(data[: len(data) // 2])


def test_a_picture_with_two_headers_counts_by_the_larger():
    honest = a_picture(20, 20)
    liar = a_png_claiming(10, 10) + a_png_claiming(9000, 9000)[8:] + honest[33:]

    with pytest.raises(InvalidInput):
        render_logo(liar)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_damage_anywhere_is_refused_or_survived_and_never_anything_else(kind):
    dice = random.Random(7)
    whole = a_picture(64, 48, kind=kind)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        with contextlib.suppress(InvalidInput):
            render_logo(bytes(data))


def test_a_logo_becomes_icons_logos_and_googles_circle():
    images = render_logo(a_picture(800, 200))

    assert set(images) == LOGO_NAMES | {ImageName.GOOGLE_WIDE_LOGO}
    for name, size in SIZES.items():
        assert (images[name].width, images[name].height) == size
    assert (images[ImageName.LOGO_1X].width, images[ImageName.LOGO_1X].height) == (160, 40)
    assert (images[ImageName.LOGO_3X].width, images[ImageName.LOGO_3X].height) == (480, 120)


def test_a_logo_keeps_its_transparency_and_icons_get_the_cards_colour():
    images = render_logo(a_picture(100, 100, mode="RGBA"), background_colour="#112233")

    assert pixels_of(images[ImageName.LOGO_3X].data).mode == "RGBA"
    icon = pixels_of(images[ImageName.ICON_3X].data).convert("RGBA")
    assert icon.getpixel((0, 0)) == (0x11, 0x22, 0x33, 255)
    assert icon.getchannel("A").getextrema() == (255, 255)


def test_an_opaque_logo_continues_its_own_ground():
    out = io.BytesIO()
    Image.new("RGB", (100, 50), "#fafafa").save(out, "PNG")

    icon = render_logo(out.getvalue(), background_colour="#000000")[ImageName.ICON_1X]

    assert pixels_of(icon.data).convert("RGB").getpixel((0, 0)) == (0xFA, 0xFA, 0xFA)


def test_a_wholly_transparent_logo_is_refused():
    out = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(out, "PNG")

    with pytest.raises(InvalidInput, match="transparent"):
        render_logo(out.getvalue())


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000), (1125, 432)])
def test_a_strip_fills_its_box_whatever_its_shape(size):
    images = render_strip(a_picture(*size))

    assert {name: (r.width, r.height) for name, r in images.items()} == {
        ImageName.STRIP_1X: (375, 144),
        ImageName.STRIP_2X: (750, 288),
        ImageName.STRIP_3X: (1125, 432),
        ImageName.GOOGLE_HERO: (1032, 336),
    }


def test_a_transparent_strip_lies_on_the_cards_colour():
    out = io.BytesIO()
    Image.new("RGBA", (100, 50), (0, 0, 0, 0)).save(out, "PNG")

    strip = render_strip(out.getvalue(), background_colour="#336699")[ImageName.STRIP_1X]

    assert pixels_of(strip.data).convert("RGB").getpixel((9, 9)) == (0x33, 0x66, 0x99)


def test_a_photograph_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: stored lying, shown standing
    data = a_picture(400, 200, kind="JPEG", exif=exif, quality=95)

    logo = render_logo(data)[ImageName.LOGO_3X]

    assert (logo.width, logo.height) == (75, 150)
    upright = pixels_of(logo.data).convert("RGB")
    # The ramp runs from dark (top) to light (bottom); turned clockwise, light is on the left.
    assert upright.getpixel((5, 75))[0] > upright.getpixel((70, 75))[0]


def test_nothing_of_the_file_survives_but_its_pixels():
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "CANARY")
    exif = Image.Exif()
    exif[0x010E] = "CANARY"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = a_picture(60, 60, pnginfo=notes, exif=exif, icc_profile=profile) + b"<script>CANARY"

    for rendered in [*render_logo(data).values(), *render_strip(data).values()]:
        assert b"CANARY" not in rendered.data
        assert pixels_of(rendered.data).info.keys() <= {"transparency"}


def test_a_cmyk_jpeg_becomes_rgb():
    logo = render_logo(a_picture(100, 50, mode="CMYK", kind="JPEG"))[ImageName.LOGO_1X]

    assert pixels_of(logo.data).mode in {"RGB", "P"}


def test_sixteen_bits_of_grey_are_scaled_and_not_clipped():
    half = Image.new("I;16", (50, 50), 32768)
    out = io.BytesIO()
    half.save(out, "PNG")

    logo = render_logo(out.getvalue())[ImageName.LOGO_1X]

    assert pixels_of(logo.data).convert("RGB").getpixel((5, 5)) == (128, 128, 128)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_mode_of_png_is_taken(mode):
    out = io.BytesIO()
    Image.new("RGBA", (40, 30), (200, 10, 10, 255)).convert(mode).save(out, "PNG")

    assert set(render_logo(out.getvalue())) == LOGO_NAMES
    assert render_strip(out.getvalue())


def test_a_palette_with_a_transparent_colour_stays_transparent():
    picture = Image.new("P", (40, 40), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.paste(0, (0, 0, 40, 20))
    picture.paste(0, (0, 39, 40, 40))
    out = io.BytesIO()
    picture.save(out, "PNG", transparency=0)

    # The border is trimmed, so the red part fills the whole logo.
    logo = render_logo(out.getvalue())[ImageName.LOGO_1X]

    assert (logo.width, logo.height) == (105, 50)


def test_a_broken_colour_profile_is_left_aside():
    assert render_strip(a_picture(50, 50, icc_profile=b"no profile"))


def test_the_same_upload_gives_the_same_bytes():
    data = a_picture(500, 400, kind="JPEG")

    assert render_strip(data) == render_strip(data)
    assert render_logo(data) == render_logo(data)


def test_names_are_the_hash_of_the_bytes_and_refs_say_the_size():
    icon = render_logo(a_picture())[ImageName.ICON_1X]

    assert (icon.ref.sha256, icon.ref.width, icon.ref.height) == (icon.sha256, 38, 38)
    assert len(icon.sha256) == 64


@pytest.mark.parametrize("name", ["Bean Club", "élan", "咖啡", "☕", "9 Lives"])
def test_a_card_without_a_logo_gets_a_drawn_one(name):
    images = default_images(a_design(programme_name=name))

    assert set(images) == LOGO_NAMES
    icon = pixels_of(images[ImageName.ICON_3X].data).convert("RGB")
    assert icon.getpixel((0, 0)) == (0x1F, 0x3D, 0x36)
    assert len(icon.getcolors(10_000)) > 1


def test_drawn_logos_of_two_letters_differ():
    bean, cup = (default_images(a_design(programme_name=n)) for n in ("Bean", "Cup"))

    assert bean[ImageName.ICON_3X].sha256 != cup[ImageName.ICON_3X].sha256


def test_a_wide_logo_also_stands_alone_at_the_top_of_googles_card():
    wide = render_logo(a_picture(900, 300))[ImageName.GOOGLE_WIDE_LOGO]
    narrow = render_logo(a_picture(400, 300))

    assert (wide.width, wide.height) == (1200, 400)
    assert ImageName.GOOGLE_WIDE_LOGO not in narrow
