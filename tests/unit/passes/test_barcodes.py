from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from common.errors import InvalidInput
from passes.barcodes import qr_svg

LINK = "https://cards.example/j/7K2M9"


def test_a_code_is_one_svg_element_with_a_title_for_screen_readers():
    svg = ET.fromstring(qr_svg(LINK, title="Join <Bean> & Co"))

    assert svg.tag == "svg"
    assert svg.attrib["viewBox"]
    assert svg.find("title").text == "Join <Bean> & Co"


def test_a_poster_is_a_whole_file():
    assert qr_svg(LINK, inline=False).startswith("<?xml")


def rasterised(svg, *, scale=6):
    """The drawing as pixels: rows of strokes `h`, with moves `M` and `m` between them."""
    root = ET.fromstring(svg)
    side = int(root.attrib["viewBox"].split()[2])
    picture = Image.new("L", (side * scale, side * scale), 255)
    pen = ImageDraw.Draw(picture)
    strokes = next(p for p in root.iter("path") if "stroke" in p.attrib)
    x = y = 0.0
    for step, numbers in re.findall(r"([Mmh])([-0-9. ]+)", strokes.attrib["d"]):
        values = [float(number) for number in numbers.split()]
        if step == "h":
            top = (y - 0.5) * scale
            pen.rectangle((x * scale, top, (x + values[0]) * scale - 1, top + scale - 1), fill=0)
            x += values[0]
        else:
            x, y = values if step == "M" else (x + values[0], y + values[1])
    return picture


@pytest.mark.parametrize("text", [LINK, "0123456789ABCDEFGHJKMNPQRS", "x" * 1000])
def test_what_is_drawn_reads_back(text):
    assert zxingcpp.read_barcode(rasterised(qr_svg(text))).text == text


@pytest.mark.parametrize("text", ["", "x" * 1001])
def test_an_empty_or_endless_text_is_refused(text):
    with pytest.raises(InvalidInput):
        qr_svg(text)
