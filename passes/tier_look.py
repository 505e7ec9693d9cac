"""What a tier changes on a card: its colours, its banner and the short word for it; part of a design.

A member who moves up gets another look at once, on Apple's card by its colours and at Google by
another class. Everything is optional: what a tier does not say is as the card has it. Not here: who
stands in which tier (ledger), keeping a design (design.py).
Rule: looks are kept by the tier's code, so that a tier may be renamed without losing its look.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from common.errors import InvalidInput
from common.i18n import gettext as _
from passes.picture_names import ImageName, ImageRef

TIER_NAME_MAX: Final = 7  # Google shows no more of a class's rewardsTier
TIERS_MAX: Final = 20
COLOUR_NAMES: Final = ("background_colour", "foreground_colour", "label_colour")
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,23}", re.ASCII)
_PLAIN: Final = ("name", *COLOUR_NAMES, "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A tier as a card names it: the rules' code and the name that members read."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TierLook:
    """One tier's own look; what is empty is the card's.

    `name` is the short word for the corner of Google's card. `source` is the hash of the uploaded
    banner that `images` were drawn from.
    """

    name: str = ""
    background_colour: str = ""
    foreground_colour: str = ""
    label_colour: str = ""
    source: str = ""
    images: Mapping[ImageName, ImageRef] = field(default_factory=dict)

    @property
    def colours(self) -> dict[str, Any]:
        """The colours that are its own, by the design's names for them."""
        return {name: getattr(self, name) for name in COLOUR_NAMES if getattr(self, name)}


def tier_complaints(looks: Mapping[str, TierLook]) -> list[InvalidInput]:
    """What a wallet would refuse or cut, with the form's field names."""
    found = []
    if len(looks) > TIERS_MAX:
        found.append(
            InvalidInput(_("Use at most %(max)d tiers.", max=TIERS_MAX), field="tier_name")
        )
    for code, look in looks.items():
        if not _CODE.fullmatch(code):
            found.append(InvalidInput(_("There is no such tier."), field="tier_name"))
            continue
        if len(look.name) > TIER_NAME_MAX or not look.name.isprintable():
            complaint = _("Use at most %(max)d characters.", max=TIER_NAME_MAX)
            found.append(InvalidInput(complaint, field=f"tier_name.{code}"))
        found.extend(
            InvalidInput(_("Choose a colour like #1f3d36."), field=f"tier_{name}.{code}")
            for name, colour in look.colours.items()
            if not _COLOUR.fullmatch(colour)
        )
    return found


def look_to_document(look: TierLook) -> dict[str, Any]:
    """The look as JSON values without its pictures; what is empty is left out."""
    return {name: getattr(look, name) for name in _PLAIN if getattr(look, name)}


def look_from_document(
    document: Mapping[str, Any], images: Mapping[ImageName, ImageRef]
) -> TierLook:
    """The look of a stored document, with its pictures."""
    plain = {name: document[name] for name in _PLAIN if name in document}
    return TierLook(**plain, images=images)
