"""What a card of many rules says beyond its balance, as texts that both wallets show.

Sentences come ready in content.py; here they are put together under five headings, because Google
shows ten texts at most and five are every card's. Not done here: where a wallet puts them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from babel.numbers import format_decimal

from common.i18n import current_language
from common.i18n import gettext as _
from passes.content import Content, RuleLines, UnitLine

KEYS: Final = ("units", "tier", "ways", "expiring", "shared")


def heading(key: str) -> str:
    """What stands above a text, in the current language."""
    return _HEADINGS[key]()


def rule_texts(content: Content) -> dict[str, tuple[str, ...]]:
    """The lines under each heading that has something to say, in their order."""
    said = content.rule_lines
    if said is None or content.erased:
        return {}
    found = {
        "units": _units(said),
        "tier": (_standing(said), said.way),
        "ways": (*said.promises, *said.challenges),
        "expiring": said.expiring,
        "shared": (said.coming, *said.donated),
    }
    plain = {key: tuple(line for line in lines if line) for key, lines in found.items()}
    return {key: lines for key, lines in plain.items() if lines}


def tier_value(content: Content) -> str:
    """The tier for the front of a card, empty for none."""
    return content.rule_lines.tier if content.rule_lines else ""


def second_unit(content: Content) -> UnitLine | None:
    """The unit that stands beside the first on the front, where a card counts several."""
    units = content.rule_lines.units if content.rule_lines else ()
    return units[1] if len(units) > 1 else None


def announced(content: Content) -> str:
    """The first unit's balance for the lock screen, `%@` in place of the number; empty for none."""
    units = content.rule_lines.units if content.rule_lines else ()
    if not units:
        return ""
    number = str(format_decimal(content.balance, locale=current_language().replace("-", "_")))
    words = units[0].words
    for shown in (number, str(content.balance)):
        if shown in words:
            return words.replace(shown, "%@", 1)
    return "%@"


def _units(said: RuleLines) -> tuple[str, ...]:
    """Every unit with what is carried, owed or waits; nothing where the front says it all."""
    if len(said.units) == 1 and not said.units[0].extra:
        return ()
    return tuple(line for unit in said.units for line in (_unit(unit), *unit.extra))


def _unit(unit: UnitLine) -> str:
    if unit.goal is None:
        return unit.words
    return _("%(units)s of %(goal)d", units=unit.words, goal=unit.goal)


def _standing(said: RuleLines) -> str:
    if said.tier and said.benefit:
        return _("%(tier)s: %(benefit)s", tier=said.tier, benefit=said.benefit)
    return said.tier


_HEADINGS: Final[Mapping[str, Callable[[], str]]] = {
    "units": lambda: _("What you have"),
    "tier": lambda: _("Your tier"),
    "ways": lambda: _("On the way"),
    "expiring": lambda: _("Use it by"),
    "shared": lambda: _("Good to know"),
}
