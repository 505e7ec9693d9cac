"""The card as our own pages draw it: my-card page and the previews beside the design form.

Made from the very functions that make the passes, so a preview cannot promise something else. Not
here: HTML, and the QR picture (barcodes.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from babel.numbers import format_decimal

from common.money import decimals, format_money
from passes.apple_face import AppleFace, FaceField, apple_face
from passes.apple_options import PassStyle
from passes.content import Content
from passes.contrast import Contrast, contrast_ratio, verdict
from passes.design import Design, ImageName
from passes.google import object_face
from passes.images import STRIP_POINTS
from passes.stamp_card import Mark, Stamp, layout, mark

MICRO_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLine:
    """One label and text; `href` is https, tel, mailto or empty, safe for a link."""

    key: str
    label: str
    text: str
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardColours:
    """The design's colours (`#rrggbb`) and how well text and labels read on the ground."""

    background: str
    foreground: str
    label: str
    text_ratio: float
    label_ratio: float

    @property
    def text_contrast(self) -> Contrast:
        """How well the values read."""
        return verdict(self.text_ratio)

    @property
    def label_contrast(self) -> Contrast:
        """How well the labels read."""
        return verdict(self.label_ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleFace:
    """What Google shows on the card (`points`, `second`) and below it (`details`)."""

    issuer_name: str
    programme_name: str
    points: CardLine
    second: CardLine | None
    details: tuple[CardLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnStamps:
    """A stamp card's strip in points, 375 wide and 144 high; marks are SVG paths of -1 to 1."""

    stamps: tuple[Stamp, ...]
    mark: Mark
    present: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """One card for our pages.

    `images` gives the SHA-256 of each rendered image of the design; empty means a letter stands in.
    `barcode` is empty on a voided card.
    """

    language: str
    programme_name: str
    organization_name: str
    logo_text: str
    header: tuple[CardLine, ...]
    primary: tuple[CardLine, ...]
    secondary: tuple[CardLine, ...]
    auxiliary: tuple[CardLine, ...]
    back: tuple[CardLine, ...]
    google: GoogleFace
    colours: CardColours
    images: Mapping[ImageName, str]
    barcode: str
    barcode_text: str
    voided: bool
    stamps: DrawnStamps | None = None
    style: PassStyle = PassStyle.STORE_CARD

    @property
    def is_generic(self) -> bool:
        """Whether the card has a thumbnail instead of a strip."""
        return self.style is PassStyle.GENERIC


def card_view(design: Design, content: Content) -> CardView:
    """The card of a member, or of a made-up one for a preview."""
    face: AppleFace = apple_face(design, content)

    def shown(fields: Iterable[FaceField]) -> tuple[CardLine, ...]:
        return tuple(_line(field, content.language) for field in fields)

    return CardView(
        language=content.language,
        programme_name=design.programme_name,
        organization_name=design.organization_name,
        logo_text=face.logo_text,
        header=shown(face.header),
        primary=shown(face.primary),
        secondary=shown(face.secondary),
        auxiliary=shown(face.auxiliary),
        back=shown(face.back),
        google=_google_face(design, content),
        colours=card_colours(design),
        images={
            name: ref.sha256
            for name, ref in design.pictures(
                goal=content.goal, balance=content.balance, language=content.language
            ).items()
        },
        barcode=face.barcode,
        barcode_text=face.barcode_text,
        voided=content.voided,
        stamps=_stamps(design, content),
        style=design.apple.style,
    )


def _stamps(design: Design, content: Content) -> DrawnStamps | None:
    if content.goal is None or not design.draws_stamps(content.goal):
        return None
    width, height = STRIP_POINTS
    return DrawnStamps(
        stamps=layout(content.goal, content.balance, width=width, height=height),
        mark=mark(design.stamp_shape, last=False),
        present=mark(design.stamp_shape, last=True),
    )


def card_colours(design: Design) -> CardColours:
    """The colours with their contrast; expects `#rrggbb`, as `check_design` demands."""
    return CardColours(
        background=design.background_colour,
        foreground=design.foreground_colour,
        label=design.label_colour,
        text_ratio=contrast_ratio(design.foreground_colour, design.background_colour),
        label_ratio=contrast_ratio(design.label_colour, design.background_colour),
    )


def _line(field: FaceField, language: str) -> CardLine:
    text = field.text(language)
    href = _LINKS[field.key](text) if field.key in _LINKS else ""
    return CardLine(key=field.key, label=field.label, text=text, href=href)


def _web_link(text: str) -> str:
    return text if text.startswith(("https://", "http://127.0.0.1", "http://localhost")) else ""


def _phone_link(text: str) -> str:
    return "tel:" + "".join(symbol for symbol in text if symbol.isdigit() or symbol == "+")


def _mail_link(text: str) -> str:
    return f"mailto:{quote(text, safe='@+')}"


_LINKS: Final = {
    "card_link": _web_link,
    "website": _web_link,
    "phone": _phone_link,
    "email": _mail_link,
}


def _google_face(design: Design, content: Content) -> GoogleFace:
    document = object_face(design, content)
    second = document.get("secondaryLoyaltyPoints")
    return GoogleFace(
        issuer_name=design.organization_name,
        programme_name=design.programme_name,
        points=_points("points", document["loyaltyPoints"], language=content.language),
        second=_points("second", second, language=content.language) if second else None,
        details=tuple(
            CardLine(key=module["id"], label=module["header"], text=module["body"])
            for module in document.get("textModulesData", ())
        ),
    )


def _points(key: str, points: Mapping[str, Any], *, language: str) -> CardLine:
    balance = points["balance"]
    text = balance.get("string")
    if text is None and "money" in balance:
        text = _money_words(balance["money"], language)
    if text is None:
        text = str(format_decimal(balance["int"], locale=language.replace("-", "_")))
    return CardLine(key=key, label=points["label"], text=text)


def _money_words(money: Mapping[str, Any], language: str) -> str:
    currency = money["currencyCode"]
    minor = int(money["micros"]) // 10 ** (MICRO_DECIMALS - decimals(currency))
    return format_money(minor, currency, language=language)
