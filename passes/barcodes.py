"""Draws QR codes for web pages and posters as SVG. Wallets draw their own; nothing is read here."""

from __future__ import annotations

import io
from typing import Final

import segno

from common.errors import InvalidInput
from common.i18n import gettext as _

# Version 40 holds more; what is longer than a link is a mistake of ours or an attack.
TEXT_MAX: Final = 1000
QUIET_ZONE: Final = 4


def qr_svg(
    text: str,
    *,
    dark: str = "#000000",
    light: str | None = "#ffffff",
    title: str = "",
    error: str = "m",
    inline: bool = True,
) -> str:
    """A QR code as an SVG element that fills the box it is put in.

    Args:
        text: at most TEXT_MAX characters.
        dark: colour of the modules, `#rrggbb`.
        light: colour of the ground, None for none.
        title: what a screen reader says.
        error: error correction, l, m, q or h; posters take q for scratches.
        inline: without the XML declaration, for a page; else a whole SVG file.

    Raises:
        InvalidInput: the text is empty or too long.
    """
    if not 0 < len(text) <= TEXT_MAX:
        raise InvalidInput(_("A code holds 1 to %(max)d characters.", max=TEXT_MAX), field="text")
    out = io.BytesIO()
    segno.make(text, error=error, micro=False).save(
        out,
        kind="svg",
        border=QUIET_ZONE,
        dark=dark,
        light=light,
        title=title or None,
        omitsize=True,
        xmldecl=not inline,
        svgns=not inline,
        svgclass="qr",
        lineclass=None,
        nl=False,
    )
    return out.getvalue().decode()
