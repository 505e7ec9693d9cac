"""The sentences both wallets share, in the language that is current.

Not here: sentences that only the ledger can say (progress, history, rules); they come ready in
content.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from common.i18n import current_language, ngettext
from common.i18n import gettext as _
from passes.content import Content, RewardLine
from passes.rule_texts import announced

STAMPS: Final = "stamps"
_CURRENCY_LETTERS: Final = 3
_RIGHT_TO_LEFT: Final = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_ISOLATED: Final = "\u2066%s\u2069"


def right_to_left(language: str) -> bool:
    """Whether a language (BCP 47) is written from right to left."""
    return language.partition("-")[0] in _RIGHT_TO_LEFT


def isolated(text: str) -> str:
    """A number or telephone number, kept in order inside a text from right to left.

    Without it "3 / 9" reads "9 / 3" there, and a telephone number stands group by group backwards.
    """
    return _ISOLATED % text if right_to_left(current_language()) else text


def cost_text(cost: int, unit: str) -> str:
    """`10 points`, `1 stamp`."""
    if unit == STAMPS:
        return ngettext("%(number)d stamp", "%(number)d stamps", cost)
    return ngettext("%(number)d point", "%(number)d points", cost)


def reward_text(reward: RewardLine, unit: str) -> str:
    """A reward as a list shows it, saying whether it can be had now."""
    values = {"reward": reward.name, "cost": reward.cost_words or cost_text(reward.cost, unit)}
    if reward.due:
        return _("%(reward)s: %(cost)s (ready for you)", **values)
    return _("%(reward)s: %(cost)s", **values)


def next_reward_text(content: Content) -> str:
    """The next reward's name, or that it is ready; empty when the programme has none."""
    reward = content.next_reward
    if reward is None:
        return ""
    return _("%(reward)s is ready", reward=reward.name) if reward.due else reward.name


def stamps_text(content: Content) -> str:
    """`3 / 9` of a stamp card; empty for points."""
    return isolated(f"{content.balance} / {content.goal}") if content.goal else ""


def is_money(unit: str) -> bool:
    """Whether a unit is a currency (ISO 4217) rather than points or stamps."""
    return len(unit) == _CURRENCY_LETTERS and unit.isupper()


def balance_change(content: Content) -> str:
    """What the lock screen says when the balance changed; Wallet puts the number at `%@`."""
    if is_money(content.unit):
        return _("You now have %@")
    if content.rule_lines is not None:
        return _("You now have %(units)s", units=announced(content))
    if content.unit == STAMPS:
        return ngettext("You now have %%@ stamp", "You now have %%@ stamps", content.balance)
    return ngettext("You now have %%@ point", "You now have %%@ points", content.balance)


def lines(texts: Iterable[str]) -> str:
    """Texts one below the other."""
    return "\n".join(text for text in texts if text)
