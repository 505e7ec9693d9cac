"""The options of a card for Google as the texts of a form, and back.

Not here: judging what Google takes (passes/google_options.py), the rest of the form
(design_words.py). Rules: names that are not sent keep their value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from passes.google_options import Extra, GoogleOptions

YES: Final = "yes"
NO: Final = "no"
PREFIX: Final = "google_"
_SWITCHES: Final = ("notify_balance", "shareable", "screenshots", "unlock_to_view", "shimmer")
_TEXTS: Final = ("app_package", "app_url", "app_text", "group", "rotating_code")
_EXTRA_PARTS: Final = 3
GOOGLE_WORDS: Final = tuple(
    f"{PREFIX}{name}" for name in (*_SWITCHES, *_TEXTS, "extras", "redemption_issuers")
)


def google_words(options: GoogleOptions) -> dict[str, str]:
    """The form's texts of the options."""
    words = {name: YES if getattr(options, name) else NO for name in _SWITCHES}
    words |= {name: str(getattr(options, name)) for name in _TEXTS}
    words["extras"] = "\n".join(
        " | ".join(filter(None, (one.header, one.url, one.body))) for one in options.extras
    )
    words["redemption_issuers"] = ", ".join(options.redemption_issuers)
    return {f"{PREFIX}{name}": text for name, text in words.items()}


def with_google_words(options: GoogleOptions, sent: Mapping[str, str]) -> GoogleOptions:
    """The options with the sent texts, which are trimmed already."""
    mine = {name.removeprefix(PREFIX): text for name, text in sent.items() if name in GOOGLE_WORDS}
    changed: dict[str, Any] = {name: mine[name] == YES for name in _SWITCHES if name in mine}
    changed |= {name: mine[name] for name in _TEXTS if name in mine}
    if "extras" in mine:
        changed["extras"] = tuple(
            _extra(line) for line in mine["extras"].splitlines() if line.strip()
        )
    if "redemption_issuers" in mine:
        ids = mine["redemption_issuers"].replace(",", " ").split()
        changed["redemption_issuers"] = tuple(ids)
    return replace(options, **changed)


def _extra(line: str) -> Extra:
    """`Menu | https://shop.example/menu | What we brew today`; the last part may be missing."""
    parts = [part.strip() for part in line.split("|", _EXTRA_PARTS - 1)]
    header, url, body = (*parts, "", "")[:_EXTRA_PARTS]
    return Extra(header=header, url=url, body=body)
