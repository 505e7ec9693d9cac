"""The static look of a programme's card, wallet-neutral: what the owner's form edits.

A design is stored as one JSON document per version (`to_document`, `from_document`); publishing
freezes it. Images are named by the SHA-256 of their rendered bytes, so that a design version says
exactly which pixels it means. Not here: a member's data (content.py), any wallet's spelling of it.
Limits follow the wallets: apple-wallet 1.2-1.4, google-wallet 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _

NAME_MAX: Final = 40
LABEL_MAX: Final = 15  # Google cuts class labels here; loyaltyPoints.label at 9 is cut by us
BACK_TEXT_MAX: Final = 2000
LINK_MAX: Final = 300
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


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
    GOOGLE_LOGO = "google-logo.png"
    GOOGLE_HERO = "google-hero.png"


class Upload(StrEnum):
    """What the owner uploads; each is rendered into several images."""

    LOGO = "logo"
    STRIP = "strip"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """One rendered PNG: lower-case hex SHA-256 of its bytes, and its size in pixels."""

    sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One version of a card's look.

    Colours are `#rrggbb`. `images` may be empty: the wallets then get a plain icon drawn from the
    first letter of the name. `source_images` keeps the upload each rendering came from.
    """

    programme_name: str
    organization_name: str
    background_colour: str = "#1f3d36"
    foreground_colour: str = "#ffffff"
    label_colour: str = "#cfe3da"
    balance_label: str = "Points"
    reward_label: str = "Next reward"
    member_label: str = "Member"
    back_text: str = ""
    website: str = ""
    phone: str = ""
    email: str = ""
    images: Mapping[ImageName, ImageRef] = field(default_factory=dict)
    source_images: Mapping[Upload, str] = field(default_factory=dict)


def check_design(design: Design) -> None:
    """Refuse a design that a wallet would refuse or cut, all complaints at once.

    Raises:
        InvalidInputs: with the form's field names.
    """
    complaints = [
        *_name_complaints(design),
        *_colour_complaints(design),
        *_label_complaints(design),
        *_link_complaints(design),
    ]
    if complaints:
        raise InvalidInputs(complaints)


def _name_complaints(design: Design) -> list[InvalidInput]:
    found = []
    for name in ("programme_name", "organization_name"):
        text = getattr(design, name).strip()
        if not text:
            found.append(InvalidInput(_("Give the card a name."), field=name))
        elif len(text) > NAME_MAX:
            found.append(
                InvalidInput(_("Use at most %(max)d characters.", max=NAME_MAX), field=name)
            )
    if len(design.back_text) > BACK_TEXT_MAX:
        found.append(
            InvalidInput(_("Use at most %(max)d characters.", max=BACK_TEXT_MAX), field="back_text")
        )
    return found


def _colour_complaints(design: Design) -> list[InvalidInput]:
    return [
        InvalidInput(_("Choose a colour like #1f3d36."), field=name)
        for name in ("background_colour", "foreground_colour", "label_colour")
        if not _COLOUR.fullmatch(getattr(design, name))
    ]


def _label_complaints(design: Design) -> list[InvalidInput]:
    found = []
    for name in ("balance_label", "reward_label", "member_label"):
        if not 0 < len(getattr(design, name).strip()) <= LABEL_MAX:
            found.append(InvalidInput(_("Use 1 to %(max)d characters.", max=LABEL_MAX), field=name))
    return found


def _link_complaints(design: Design) -> list[InvalidInput]:
    found = []
    if design.website and not design.website.startswith("https://"):
        found.append(InvalidInput(_("Start the address with https://"), field="website"))
    if design.phone and not re.fullmatch(r"\+?[0-9 ()./-]{3,30}", design.phone):
        found.append(InvalidInput(_("Write the number like +44 20 7946 0000."), field="phone"))
    if design.email and not re.fullmatch(r"[^@\s<>]{1,64}@[^@\s<>]{1,190}", design.email):
        found.append(InvalidInput(_("Write an address like hello@example.com."), field="email"))
    found.extend(
        InvalidInput(_("Use at most %(max)d characters.", max=LINK_MAX), field=name)
        for name in ("website", "phone", "email")
        if len(getattr(design, name)) > LINK_MAX
    )
    return found


def to_document(design: Design) -> dict[str, Any]:
    """The design as JSON values, the inverse of `from_document`."""
    plain = {name: getattr(design, name) for name in _PLAIN}
    return {
        **plain,
        "images": {
            str(name): [ref.sha256, ref.width, ref.height] for name, ref in design.images.items()
        },
        "source_images": {str(role): sha256 for role, sha256 in design.source_images.items()},
    }


def from_document(document: Mapping[str, Any]) -> Design:
    """The design of a stored document; unknown keys of a newer version are left out.

    Raises:
        ValueError: an image hash is malformed: the stored document was damaged.
    """
    images = {
        ImageName(name): ImageRef(sha256=_checked_hash(ref[0]), width=ref[1], height=ref[2])
        for name, ref in document.get("images", {}).items()
    }
    sources = {
        Upload(role): _checked_hash(sha256)
        for role, sha256 in document.get("source_images", {}).items()
    }
    plain = {name: document[name] for name in _PLAIN if name in document}
    return Design(**plain, images=images, source_images=sources)


def _checked_hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError(f"not an image hash: {text[:80]!r}")
    return text


_PLAIN: Final = (
    "programme_name",
    "organization_name",
    "background_colour",
    "foreground_colour",
    "label_colour",
    "balance_label",
    "reward_label",
    "member_label",
    "back_text",
    "website",
    "phone",
    "email",
)
