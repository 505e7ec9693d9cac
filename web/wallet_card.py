"""What the drawing of a wallet card (templates/wallet_card.html) needs beside the view itself.

SVG does not cut a text that is too long, so it is cut here by the usual widths of letters; the
phones cut in the same places, give or take a letter.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from flask import Flask, url_for
from markupsafe import Markup

from passes.barcodes import qr_svg
from passes.contrast import contrast_ratio
from passes.design import ImageName
from passes.web_card import CardView

_NARROW: Final = frozenset("iljtfrI.,:;'|!()[]/ ")
_WIDE: Final = frozenset("mwMW@%")
_ELLIPSIS: Final = "…"


def install(app: Flask) -> None:
    """Give templates the filter `fit` and the functions the drawing calls."""
    app.jinja_env.filters["fit"] = fit
    app.jinja_env.globals.update(
        card_picture=card_picture, card_code=card_code, google_ink=google_ink
    )


def fit(text: str, width: float, size: float) -> str:
    """The text, cut with an ellipsis where it would be wider than `width` at font size `size`."""
    if _width(text) * size <= width:
        return text
    kept = text
    while kept and (_width(kept) + _width(_ELLIPSIS)) * size > width:
        kept = kept[:-1]
    return kept.rstrip() + _ELLIPSIS


def card_picture(view: CardView, name: str) -> str:
    """The address of one of the card's pictures, empty when the design has none of this name."""
    sha256 = view.images.get(ImageName(name))
    return url_for("google.image", sha256=sha256) if sha256 else ""


def card_code(text: str) -> Markup:
    """The QR code of a card as an SVG element."""
    return Markup(qr_svg(text))  # noqa: S704  # made of modules only, no text goes in


def google_ink(view: CardView) -> str:
    """Google chooses black or white type by the ground; so does the drawing."""
    ground = view.colours.background
    dark, light = "#1f1f1f", "#ffffff"
    return light if contrast_ratio(light, ground) >= contrast_ratio(dark, ground) else dark


def _width(text: str) -> float:
    """In units of the font size."""
    return sum(_letter(symbol) for symbol in text)


def _letter(symbol: str) -> float:
    if symbol in _NARROW:
        return 0.31
    if symbol in _WIDE:
        return 0.86
    if unicodedata.east_asian_width(symbol) in {"W", "F"}:
        return 1.0
    return 0.66 if symbol.isupper() or symbol.isdigit() else 0.54
