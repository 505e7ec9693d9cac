"""The sentences of a face that only the ledger can say: the next reward, what is carried, history.

Not here: reading them (faces.py), the sentences both wallets share (passes/wording.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date
from sqlalchemy import Row

from common.i18n import ngettext
from ledger import reasons
from ledger.any_terms import AnyTerms, has_stamps
from ledger.programme_terms import ProgrammeTerms
from ledger.terms import PointsTerms
from passes.content import RewardLine

_EXPLAINED: Final = frozenset(
    {
        "reward",
        "reverse",
        "due",
        "lapse",
        "take_back",
        "give_back",
        "gift",
        "referral",
        "activity",
    }
)


def next_reward(rewards: Sequence[RewardLine]) -> RewardLine | None:
    """The dearest reward that is ready, else the cheapest that is not; `rewards` cheapest first."""
    due = [line for line in rewards if line.due]
    if due:
        return due[-1]
    return rewards[0] if rewards else None


def progress_words(
    terms: AnyTerms, rewards: Sequence[RewardLine], *, balance: int, carry: int
) -> str:
    """How far the next reward is, and what is carried, in the current language."""
    ahead = next((line for line in rewards if not line.due), None)
    parts = []
    if ahead is not None:
        missing = ahead.cost - balance
        parts.append(
            ngettext(
                "%(number)d more stamp: %(reward)s",
                "%(number)d more stamps: %(reward)s",
                missing,
                reward=ahead.name,
            )
            if has_stamps(terms)
            else ngettext(
                "%(number)d more point: %(reward)s",
                "%(number)d more points: %(reward)s",
                missing,
                reward=ahead.name,
            )
        )
    if isinstance(terms, PointsTerms) and carry:
        parts.append(reasons.carried(carry, terms.currency, terms.points))
    return "\n".join(parts)


def movement(
    row: Row[Any], time_zone: ZoneInfo, language: str, *, terms: AnyTerms | None = None
) -> str:
    """One line of the history: what, where, and the day by the shop's clock."""
    what = _short(row.reason, row.reward_name or "", terms)
    day = format_date(
        row.created_at.astimezone(time_zone).date(),
        format="medium",
        locale=language.replace("-", "_"),
    )
    return ", ".join(part for part in (what, row.location_name, day) if part)


def _short(reason: Mapping[str, Any], reward_name: str, terms: AnyTerms | None) -> str:
    names = terms if isinstance(terms, ProgrammeTerms) else None
    said = reasons.sentences(reason, reward_name=reward_name, terms=names)
    explained = said[1:2] if reason["rule"] in _EXPLAINED else ()
    return ", ".join((said[0], *explained))
