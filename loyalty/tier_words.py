"""The looks of tiers as the texts of the design's form, and back: `tier_background_colour.gold`.

Not here: judging them (passes/tier_look.py), their banners (tier_banners.py), the rest of the form
(design_words.py). Rules: names that are not sent keep their value; a look of nothing is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from passes.tier_look import COLOUR_NAMES, TierLook

PREFIX: Final = "tier_"
NAMES: Final = ("name", *COLOUR_NAMES)
_WORD: Final = re.compile(r"tier_([a-z_]+)\.([a-z][a-z0-9_]{0,23})", re.ASCII)


def is_tier_word(name: str) -> bool:
    """Whether a form's field belongs to a tier's look."""
    match = _WORD.fullmatch(name)
    return match is not None and match[1] in NAMES


def tier_words(looks: Mapping[str, TierLook]) -> dict[str, str]:
    """The form's texts of the looks."""
    return {
        f"{PREFIX}{name}.{code}": str(getattr(look, name))
        for code, look in looks.items()
        for name in NAMES
    }


def with_tier_words(looks: Mapping[str, TierLook], sent: Mapping[str, str]) -> dict[str, TierLook]:
    """The looks with the sent texts, which are trimmed already."""
    changed = dict(looks)
    for field, text in sent.items():
        match = _WORD.fullmatch(field)
        if match is None or match[1] not in NAMES:
            continue
        value = text.lower() if match[1] in COLOUR_NAMES else text
        change: dict[str, Any] = {match[1]: value}
        changed[match[2]] = replace(changed.get(match[2], TierLook()), **change)
    return {code: look for code, look in changed.items() if look != TierLook()}
