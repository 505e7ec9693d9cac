"""QR codes as elements of our own pages."""

from __future__ import annotations

from markupsafe import Markup

from passes.barcodes import qr_svg


def code_drawing(text: str, *, title: str) -> Markup:
    """The code of `text` as an SVG that a screen reader calls `title`.

    The drawing is made of modules; segno escapes the title, which is a text of ours.
    """
    return Markup(qr_svg(text, title=title))  # noqa: S704 # nosec B704
