"""The static look of a programme's card, wallet-neutral: what the owner's form edits.

A design is stored as one JSON document per version (`to_document`, `from_document`); publishing
freezes it. Images are named by the SHA-256 of their rendered bytes, so that a design version says
exactly which pixels it means. Not here: a member's data (content.py), any wallet's spelling of it.
Limits follow the wallets: apple-wallet 1.2-1.4, google-wallet 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final, NamedTuple

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from passes.apple_options import (
    AppleOptions,
    option_complaints,
    options_from_document,
    options_to_document,
)
from passes.google_options import (
    GoogleOptions,
    google_complaints,
    google_from_document,
    google_to_document,
)
from passes.picture_names import ImageName, ImageRef, Upload
from passes.tier_look import TierLook, look_from_document, look_to_document, tier_complaints

# The names of pictures are a design's, wherever they are written down.
__all__ = ["Design", "ImageName", "ImageRef", "StampShape", "Texts", "Upload", "check_design"]
__all__ += ["from_document", "to_document"]

NAME_MAX: Final = 40
LABEL_MAX: Final = 15  # Google cuts class labels here; loyaltyPoints.label at 9 is cut by us
BACK_TEXT_MAX: Final = 2000
LINK_MAX: Final = 300
DRAWN_MAX: Final = 30  # more stamps than this are too small to count on a phone
NEARBY_TEXT_MAX: Final = 120
LANGUAGES_MAX: Final = 20
_TEXT_MAX: Final[Mapping[str, int]] = {
    "programme_name": NAME_MAX,
    "organization_name": NAME_MAX,
    "balance_label": LABEL_MAX,
    "reward_label": LABEL_MAX,
    "member_label": LABEL_MAX,
    "back_text": BACK_TEXT_MAX,
    "nearby_text": NEARBY_TEXT_MAX,
}
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


class StampShape(StrEnum):
    """What a stamp card draws across the middle; with `none` the owner's strip shows instead."""

    CIRCLE = "circle"
    STAR = "star"
    HEART = "heart"
    CUP = "cup"
    NONE = "none"


class Texts(NamedTuple):
    """The owner's texts in one language; empty ones of a translation fall back to the design's."""

    programme_name: str = ""
    organization_name: str = ""
    balance_label: str = ""
    reward_label: str = ""
    member_label: str = ""
    back_text: str = ""
    nearby_text: str = ""


_OWN_TEXTS: Final = attrgetter(*Texts._fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One version of a card's look.

    Colours are `#rrggbb`. `images` may be empty: the wallets then get a plain icon drawn from the
    first letter of the name. `source_images` keeps the upload each rendering came from.
    `localised` are pictures for readers of another language, drawn from `localised_sources`.
    `language` (BCP 47) is that of the texts here; `translations` holds the others'.
    `stamp_images` has one set of pictures per number of filled stamps, from none to all, drawn
    when the design is published; another length than the goal's means that none fits.
    `nearby_text` shows on the lock screen near a branch, with `%` for the branch's name.
    `tier_looks`, by the tier's code, are worn by the members of that tier (`for_tier`).
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
    localised: Mapping[str, Mapping[ImageName, ImageRef]] = field(default_factory=dict)
    localised_sources: Mapping[str, Mapping[Upload, str]] = field(default_factory=dict)
    language: str = "en"
    translations: Mapping[str, Texts] = field(default_factory=dict)
    nearby_text: str = ""
    expires_at: datetime | None = None
    stamp_shape: StampShape = StampShape.CIRCLE
    stamp_images: tuple[Mapping[ImageName, ImageRef], ...] = ()
    apple: AppleOptions = field(default_factory=AppleOptions)
    google: GoogleOptions = field(default_factory=GoogleOptions)
    tier_looks: Mapping[str, TierLook] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:
        """Every language the owner wrote in, the design's own first."""
        return (self.language, *sorted(self.translations.keys() - {self.language}))

    def texts(self, language: str = "") -> Texts:
        """The owner's texts for a reader of `language`, in the nearest the owner wrote."""
        own = Texts._make(_OWN_TEXTS(self))
        other = self.translations.get(language) or self.translations.get(language.partition("-")[0])
        if other is None:
            return own
        return Texts(*[theirs or ours for theirs, ours in zip(other, own, strict=True)])

    def for_tier(self, code: str) -> Design:
        """The card as members of a tier have it; an empty code is a member without one.

        Of the looks only the tier's own is left: another tier's change is no change of this card.
        """
        if not self.tier_looks:
            return self
        look = self.tier_looks.get(code)
        if look is None:
            return replace(self, tier_looks={})
        others = {
            language: {name: ref for name, ref in images.items() if name not in look.images}
            for language, images in self.localised.items()
        }
        return replace(
            self,
            **look.colours,
            images={**self.images, **look.images},
            localised=others,
            tier_looks={code: look},
        )

    def draws_stamps(self, goal: int | None) -> bool:
        """Whether the strip shows stamps for a card of this goal."""
        return goal is not None and self.stamp_shape is not StampShape.NONE and goal <= DRAWN_MAX

    def pictures(
        self, *, goal: int | None = None, balance: int = 0, language: str = ""
    ) -> Mapping[ImageName, ImageRef]:
        """The images of one card: the owner's or its language's, the stamps of this balance on top.

        A card has the pictures of its member's language and no others: phones may not refresh
        what lies beside a language, and do refresh what a card brings itself.
        """
        images = {**self.images, **self._pictures_in(language)}
        if goal is None or len(self.stamp_images) != goal + 1:
            return images
        return {**images, **self.stamp_images[max(0, min(balance, goal))]}

    def _pictures_in(self, language: str) -> Mapping[ImageName, ImageRef]:
        for name in (language, language.partition("-")[0]):
            if name in self.localised and name in self.translations:
                return self.localised[name]
        return {}


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
        *_translation_complaints(design),
        *option_complaints(design.apple),
        *google_complaints(design.google),
        *tier_complaints(design.tier_looks),
    ]
    if complaints:
        raise InvalidInputs(complaints)


def _name_complaints(design: Design) -> list[InvalidInput]:
    found = []
    for name in ("programme_name", "organization_name"):
        text = getattr(design, name).strip()
        if not text:
            card = name == "programme_name"
            missing = _("Give the card a name.") if card else _("Give your shop a name.")
            found.append(InvalidInput(missing, field=name))
        elif len(text) > NAME_MAX:
            found.append(
                InvalidInput(_("Use at most %(max)d characters.", max=NAME_MAX), field=name)
            )
    for name, most in (("back_text", BACK_TEXT_MAX), ("nearby_text", NEARBY_TEXT_MAX)):
        if len(getattr(design, name)) > most:
            found.append(InvalidInput(_("Use at most %(max)d characters.", max=most), field=name))
    if design.expires_at is not None and design.expires_at.tzinfo is None:
        raise ValueError("a design ends at an aware moment")
    return found


def _translation_complaints(design: Design) -> list[InvalidInput]:
    found = []
    if len(design.translations) > LANGUAGES_MAX:
        found.append(
            InvalidInput(
                _("Use at most %(max)d languages.", max=LANGUAGES_MAX), field="translations"
            )
        )
    for language, texts in design.translations.items():
        if not _LANGUAGE.fullmatch(language):
            found.append(
                InvalidInput(_("Write a language like de or pt-BR."), field="translations")
            )
        for name, text in zip(Texts._fields, texts, strict=True):
            if len(text) > _TEXT_MAX[name]:
                complaint = _("Use at most %(max)d characters.", max=_TEXT_MAX[name])
                found.append(InvalidInput(complaint, field=f"{name}.{language}"))
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
    plain = {name: getattr(design, name) for name in PLAIN_FIELDS}
    return {
        **plain,
        "images": _references(design.images),
        "source_images": {str(role): sha256 for role, sha256 in design.source_images.items()},
        "translations": {
            language: {name: text for name, text in texts._asdict().items() if text}
            for language, texts in design.translations.items()
        },
        # Left out while there are none: faces of cards from before stay what they were.
        **_localised(design),
        **_tier_looks(design),
        "expires_at": design.expires_at.isoformat() if design.expires_at else None,
        "stamp_shape": str(design.stamp_shape),
        "stamp_images": [_references(images) for images in design.stamp_images],
        "apple": options_to_document(design.apple),
        "google": google_to_document(design.google),
    }


def from_document(document: Mapping[str, Any]) -> Design:
    """The design of a stored document; unknown keys of a newer version are left out.

    Raises:
        ValueError: an image hash is malformed: the stored document was damaged.
    """
    sources = {
        Upload(role): _checked_hash(sha256)
        for role, sha256 in document.get("source_images", {}).items()
    }
    expires_at = document.get("expires_at")
    plain = {name: document[name] for name in PLAIN_FIELDS if name in document}
    return Design(
        **plain,
        images=_images(document.get("images", {})),
        source_images=sources,
        translations={
            language: Texts(**{name: texts[name] for name in Texts._fields if name in texts})
            for language, texts in document.get("translations", {}).items()
        },
        localised={
            language: _images(images) for language, images in document.get("localised", {}).items()
        },
        localised_sources={
            language: {Upload(role): _checked_hash(sha256) for role, sha256 in roles.items()}
            for language, roles in document.get("localised_sources", {}).items()
        },
        expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
        stamp_shape=StampShape(document.get("stamp_shape", StampShape.CIRCLE)),
        stamp_images=tuple(_images(images) for images in document.get("stamp_images", ())),
        apple=options_from_document(document.get("apple", {})),
        google=google_from_document(document.get("google", {})),
        tier_looks={
            code: look_from_document(look, _images(look.get("images", {})))
            for code, look in document.get("tier_looks", {}).items()
        },
    )


def _localised(design: Design) -> dict[str, Any]:
    if not design.localised_sources:
        return {}
    return {
        "localised": {name: _references(images) for name, images in design.localised.items()},
        "localised_sources": {
            name: {str(role): sha256 for role, sha256 in roles.items()}
            for name, roles in design.localised_sources.items()
        },
    }


def _tier_looks(design: Design) -> dict[str, Any]:
    if not design.tier_looks:
        return {}
    looks = {
        code: {**look_to_document(look), "images": _references(look.images)}
        for code, look in design.tier_looks.items()
    }
    return {"tier_looks": looks}


def _references(images: Mapping[ImageName, ImageRef]) -> dict[str, Any]:
    return {str(name): [ref.sha256, ref.width, ref.height] for name, ref in images.items()}


def _images(references: Mapping[str, Any]) -> dict[ImageName, ImageRef]:
    return {
        ImageName(name): ImageRef(sha256=_checked_hash(ref[0]), width=ref[1], height=ref[2])
        for name, ref in references.items()
    }


def _checked_hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError(f"not an image hash: {text[:80]!r}")
    return text


PLAIN_FIELDS: Final = (
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
    "language",
    "nearby_text",
)
"""The fields that stand in a document as they are; the owner's form names them the same."""
