"""The names of a card's pictures: what an owner uploads, and every image that is drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ImageName(StrEnum):
    """Every rendered image of a design. The value is the file name in the bundle, or Google's."""

    ICON_1X = "icon.png"
    ICON_2X = "icon@2x.png"
    ICON_3X = "icon@3x.png"
    LOGO_1X = "logo.png"
    LOGO_2X = "logo@2x.png"
    LOGO_3X = "logo@3x.png"
    STRIP_1X = "strip.png"
    STRIP_2X = "strip@2x.png"
    STRIP_3X = "strip@3x.png"
    THUMBNAIL_1X = "thumbnail.png"
    THUMBNAIL_2X = "thumbnail@2x.png"
    THUMBNAIL_3X = "thumbnail@3x.png"
    ARTWORK_2X = "artwork@2x.png"
    ARTWORK_3X = "artwork@3x.png"
    GOOGLE_LOGO = "google-logo.png"
    GOOGLE_HERO = "google-hero.png"
    GOOGLE_WIDE_LOGO = "google-wide-logo.png"


class Upload(StrEnum):
    """What the owner uploads; each is rendered into several images.

    A thumbnail stands on a generic card. A poster fills the card from iOS 27 on, beside the older
    style that other phones show.
    """

    LOGO = "logo"
    STRIP = "strip"
    THUMBNAIL = "thumbnail"
    POSTER = "poster"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """One rendered PNG: lower-case hex SHA-256 of its bytes, and its size in pixels."""

    sha256: str
    width: int
    height: int
